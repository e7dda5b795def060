"""Progress of trainings, epoch by epoch."""

from __future__ import annotations

from autosample.core.events import EpochEnded
from autosample.core.progress import Listener, Progress, Stage
from autosample.training import Epoch
from autosample.trials import OnEpoch, Trial


def count_epochs(
    stage: Stage, span: tuple[float, float], planned: int, listener: Listener
) -> OnEpoch:
    """Return a callback that reports each epoch, as one of those planned.

    `span` is the overall progress, 0 to 1, at the first and at the last of them; early
    stopping may end before the last.
    """
    done, (low, high) = 0, span

    def report(trial: Trial, epoch: Epoch) -> None:
        nonlocal done
        done += 1
        at = low + (high - low) * min(done / max(planned, 1), 1.0)
        listener(Progress(stage, at, epoch_event(trial, epoch)))

    return report


def epoch_event(trial: Trial, epoch: Epoch) -> EpochEnded:
    """Describe an epoch of a trial to listeners."""
    # The weights of an average are told with its round, where candidates have names.
    learned = () if trial.merged else epoch.weights
    labels = [sampler.label for sampler in trial.candidates]
    weights = [round(weight, 6) for weight in learned]
    return EpochEnded(
        trial=trial.name,
        epoch=epoch.number,
        loss=round(epoch.loss, 6),
        metric=round(epoch.metric, 6),
        best=round(epoch.best, 6),
        seconds=round(epoch.seconds, 3),
        pairs=epoch.pair_updates,
        weights=dict(zip(labels, weights, strict=True)) if len(weights) > 1 else None,
    )
