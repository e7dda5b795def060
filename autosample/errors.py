"""Everything AutoSample raises on purpose.

AutoSampleError
├── DataError            interactions, or the file they come from, break a rule
├── SpecError            a search cannot be run as it is written
├── PluginError          an installed plug-in cannot be used
├── TrainingDiverged     a loss stopped being a number
├── BundleError          a bundle is incomplete, altered or not a bundle
├── SearchFailed         no candidate survived
│   └── OverBudget       a trial hangs, long after the budget of seconds was spent
├── Cancelled            the caller asked a running search to stop
├── NotFound
│   ├── UnknownDataset   no data set has that id
│   ├── UnknownJob       no job has that id
│   └── UnknownArtifact  a job has no file of that name
├── IllegalMove          a job cannot go from its state to that one
├── NotFinished          a job has no result yet
├── InUse                a data set cannot go while jobs need it
├── KeyReused            an idempotency key came back with another request
├── TooLarge             an upload is over the size limit
├── SilentClient         a client fell silent in the middle of a request
├── NotAllowed           a key is missing or wrong
├── NotPermitted         a key's scope does not reach so far
├── DiskFull             too little room is left to take on more
├── LimitReached         too much is asked for, or in too short a time
├── Fenced               a worker's claim on a job has been taken over
└── ServiceError         the service answered a client with a problem
"""


class AutoSampleError(Exception):
    """Base class; catch this to catch them all."""


class DataError(AutoSampleError):
    """Interactions, or the file they come from, break a rule."""


class SpecError(AutoSampleError):
    """A search cannot be run as it is written."""


class PluginError(AutoSampleError):
    """An installed plug-in cannot be used."""


class TrainingDiverged(AutoSampleError):
    """A loss stopped being a number."""


class BundleError(AutoSampleError):
    """A bundle is incomplete, altered or not a bundle."""


class SearchFailed(AutoSampleError):
    """No candidate survived."""


class OverBudget(SearchFailed):
    """A search that does not end, long after its budget of seconds was spent."""


class Cancelled(AutoSampleError):
    """The caller asked a running search to stop."""


class NotFound(AutoSampleError):
    """Nothing has that id."""


class UnknownDataset(NotFound):
    """No data set has that id."""


class UnknownJob(NotFound):
    """No job has that id."""


class UnknownArtifact(NotFound):
    """A job has no file of that name."""


class IllegalMove(AutoSampleError):
    """A job cannot go from its state to that one."""


class NotFinished(AutoSampleError):
    """A job has no result yet."""


class InUse(AutoSampleError):
    """A data set cannot go while jobs need it."""


class KeyReused(AutoSampleError):
    """An idempotency key came back with another request."""


class TooLarge(AutoSampleError):
    """An upload is over the size limit."""


class NotAllowed(AutoSampleError):
    """A key is missing or wrong."""


class NotPermitted(AutoSampleError):
    """A key's scope does not reach so far."""


class LimitReached(AutoSampleError):
    """Too much is asked for, or in too short a time; `after` says when to try again."""

    def __init__(self, message: str, after: float = 60.0) -> None:
        super().__init__(message)
        self.after = after


class SilentClient(AutoSampleError):
    """A client fell silent in the middle of a request."""


class DiskFull(AutoSampleError):
    """Too little room is left to take on more."""


class Fenced(AutoSampleError):
    """A worker's claim on a job has been taken over, so its write was refused."""


class ServiceError(AutoSampleError):
    """The service answered with a problem; `problem` holds its RFC 9457 body."""

    def __init__(self, message: str, problem: dict[str, object] | None = None) -> None:
        super().__init__(message)
        self.problem = problem or {}
