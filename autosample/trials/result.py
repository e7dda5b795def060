"""The result of a trial, and how it is stored."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace

import torch
from safetensors import SafetensorError
from safetensors.torch import save

from autosample.core.tensors import State, from_bytes
from autosample.data.interactions import Ints
from autosample.data.splits import Split
from autosample.errors import SearchFailed
from autosample.evaluation.metrics import Values
from autosample.models import Model
from autosample.training import Epoch
from autosample.training.trainer import under
from autosample.trials.checkpoints import Checkpoints
from autosample.trials.trial import Trial, fresh_model


@dataclass(frozen=True)
class TrialResult:
    """Where a trial ended."""

    trial: Trial
    history: tuple[Epoch, ...]
    """Its own epochs, not those of the trial it started from."""
    last_U: Values
    """Validation metric of each user after the last epoch."""
    best_U: Values
    """Validation metric of each user after the best epoch."""
    best: float
    """Mean of `best_U`."""
    total_epochs: int
    """Epochs behind its parameters, those of the trials it goes on from included."""
    best_epoch: int
    """Number of the best epoch, counted as `total_epochs` is; 0 where there is none."""
    fetch: Callable[[], State] = field(repr=False)
    """Returns the checkpoint, from memory or from storage; call `load_state`."""
    error: str | None = None
    """Why it failed, where it diverged; None: it did not."""
    reused: bool = False
    """Whether it was taken from an earlier search instead of run."""
    plain_U: Values | None = None
    """Validation metric of each user at the best epoch of the parameters themselves, in
    a training that is averaged; None: it is not."""
    owners_Q: Ints | None = None
    """The user of each value of `last_U` and `best_U`; None: each is another user's."""

    @classmethod
    def of(
        cls,
        trial: Trial,
        state: State,
        history: tuple[Epoch, ...],
        error: str | None = None,
    ) -> TrialResult:
        """Make a result whose checkpoint is in memory."""
        epochs, since_best = map(int, state["counts"].tolist())
        return cls(
            trial=trial,
            history=history,
            last_U=state["values"].numpy(),
            best_U=state["best_values"].numpy(),
            best=float(state["best"]),
            total_epochs=epochs,
            best_epoch=epochs - since_best,
            fetch=lambda: state,
            error=error,
            plain_U=_values(state, "plain_values"),
            owners_Q=state["owners"].numpy() if "owners" in state else None,
        )

    def load_state(self) -> State:
        """Return the checkpoint, with the best parameters under `best.`.

        Where it is not in memory, each call reads and parses the whole of it from
        storage: call once, and keep what it returns.
        """
        return self.fetch()

    @property
    def seconds(self) -> float:
        """Seconds of its own epochs."""
        return sum(epoch.seconds for epoch in self.history)

    @property
    def pair_updates(self) -> int:
        """Training pairs times epochs, of its own epochs."""
        return sum(epoch.pair_updates for epoch in self.history)

    @property
    def usable(self) -> bool:
        """Whether it has parameters, those before it diverged included."""
        return self.error is None or len(self.best_U) > 0

    def best_model(self, split: Split) -> Model:
        """Build the model with the parameters of the best epoch."""
        model = fresh_model(self.trial, self.trial.training_split(split))
        model.load_state_dict(under(self.load_state(), "best."))
        return model

    def best_sampler(self) -> State:
        """Return the state of the samplers at the best epoch; empty for most."""
        return under(self.load_state(), "best_sampler.")

    def to_bytes(self, *, done: bool) -> bytes:
        """Return result and checkpoint as one safetensors file; loads the checkpoint
        once. `done` says whether the trial has ended."""
        about = {
            "trial": self.trial.model_dump(mode="json"),
            "history": [asdict(epoch) for epoch in self.history],
            "error": self.error,
            "done": done,
        }
        state = self.load_state()
        tensors = {name: state[name].contiguous() for name in sorted(state)}
        return save(tensors, metadata={"about": json.dumps(about)})

    @classmethod
    def from_bytes(cls, raw: bytes) -> tuple[TrialResult, bool]:
        """Read what `to_bytes` wrote: the result, and whether the trial has ended."""
        size = int.from_bytes(raw[:8], "little")
        about = json.loads(json.loads(raw[8 : 8 + size])["__metadata__"]["about"])
        history = tuple(
            Epoch(**(epoch | {"weights": tuple(epoch["weights"])}))
            for epoch in about["history"]
        )
        trial = Trial.model_validate(about["trial"])
        return cls.of(trial, from_bytes(raw), history, about["error"]), about["done"]

    def without_state(self) -> TrialResult:
        """Return a copy without parameters, a few KiB instead of MiB: its checkpoint
        holds the validation values and counts alone."""
        since_best = self.total_epochs - self.best_epoch
        few = {
            "values": torch.from_numpy(self.last_U),
            "best_values": torch.from_numpy(self.best_U),
            "best": torch.tensor([self.best], dtype=torch.float64),
            "counts": torch.tensor([self.total_epochs, since_best]),
        }
        if self.plain_U is not None:
            few["plain_values"] = torch.from_numpy(self.plain_U)
        if self.owners_Q is not None:
            few["owners"] = torch.from_numpy(self.owners_Q)
        return replace(self, fetch=lambda: few)

    def after(self, epochs: int) -> TrialResult:
        """Return a copy without its first epochs."""
        return replace(self, history=self.history[epochs:])

    def again(self, name: str) -> TrialResult:
        """Return a copy renamed for another search and marked as reused."""
        trial = self.trial.model_copy(update={"name": name})
        return replace(self, trial=trial, reused=True)

    def kept_in(self, checkpoints: Checkpoints) -> TrialResult:
        """Return a copy that loads its checkpoint from a store, each time anew."""
        digest = self.trial.digest
        return replace(
            self, fetch=lambda: load_stored(digest, checkpoints).load_state()
        )


def _values(state: State, name: str) -> Values | None:
    return state[name].numpy() if name in state else None


DAMAGED = (ValueError, KeyError, SafetensorError)
"""What reading a truncated checkpoint of an earlier version raises."""

_log = logging.getLogger(__name__)


def load_result(
    trial: Trial, checkpoints: Checkpoints
) -> tuple[TrialResult, bool] | None:
    """Return a trial's stored result, and whether the trial has ended; None: nothing
    is stored."""
    raw = checkpoints.load(trial.digest)
    try:
        return None if raw is None else TrialResult.from_bytes(raw)
    except DAMAGED:
        _log.warning("a checkpoint of %s is damaged, and it starts anew", trial.name)
        return None


def load_stored(digest: str, checkpoints: Checkpoints) -> TrialResult:
    """Return the result stored under a digest; raises SearchFailed if there is none."""
    raw = checkpoints.load(digest)
    if raw is None:
        raise SearchFailed(f"checkpoint {digest} is gone; retry the search")
    try:
        return TrialResult.from_bytes(raw)[0]
    except DAMAGED as error:
        raise SearchFailed(
            f"checkpoint {digest} is damaged ({error}); retry the search"
        ) from error
