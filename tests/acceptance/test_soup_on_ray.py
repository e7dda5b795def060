"""A soup on several processes, of which some are killed, is the soup of one process."""

from __future__ import annotations

import os
import signal
from typing import Any

import psutil
import pytest
import torch

from autosample.core.events import EpochEnded, RungEnded
from autosample.core.progress import Listener, Progress, silent
from autosample.core.tensors import State
from autosample.data.splits import RandomSplit
from autosample.data.synthetic import Synthetic
from autosample.experiment.winner import Winner, find_winner
from autosample.spec import SearchSpec
from autosample.trials import Runners
from autosample.trials.local import runners_for
from autosample.trials.run import InProcessRunner

SPLIT = RandomSplit().apply(
    Synthetic(users=300, items=200, pairs_per_user=15).build().dataset, seed=0
)
SPEC: dict[str, Any] = {
    "dataset": "made",
    "candidates": [
        {"kind": "uniform"},
        {"kind": "dns", "pool": 8},
        {"kind": "mixgcf", "pool": 8},
        {
            "sampler": {"kind": "uniform", "shared": True, "negatives": 16},
            "loss": {"kind": "sl"},
        },
    ],
    "strategy": {
        "kind": "soup",
        "rounds": [{"epochs": 2, "keep": 4}, {"epochs": 3, "keep": 3}],
        "extra": 1,
        "extra_epochs": 2,
    },
    "training": {"epochs": 12, "patience": 4},
}


class Killer:
    """Kills one process that trains in each of the first rounds and in the finals."""

    def __init__(self) -> None:
        self.rounds, self.killed = 0, 0

    def __call__(self, progress: Progress) -> None:
        if isinstance(progress.event, RungEnded):
            self.rounds += 1
        if isinstance(progress.event, EpochEnded) and self.killed == self.rounds:
            processes = psutil.Process().children(recursive=True)
            actors = [each for each in processes if _trains(each)]
            os.kill(actors[0].pid, signal.SIGKILL)
            self.killed += 1


def _trains(process: psutil.Process) -> bool:
    try:
        return "TrialActor" in " ".join(process.cmdline())
    except psutil.Error:
        return False


def searched(runners: Runners, listener: Listener = silent) -> Winner:
    spec = SearchSpec.model_validate(SPEC)
    return find_winner(spec, runners(SPLIT), listener)


def parameters(winner: Winner) -> State:
    return winner.models(SPLIT).returned.state_dict()


@pytest.mark.slow
def test_killed_processes_in_every_round_change_no_byte() -> None:
    here, killer = searched(InProcessRunner), Killer()
    with runners_for(parallel=4) as runners:
        there = searched(runners, killer)
        theirs = parameters(there)
    assert killer.killed == killer.rounds + 1
    assert there.search.candidates == here.search.candidates
    ours = parameters(here)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
