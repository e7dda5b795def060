"""Studies on Ray Tune itself: they decide, resume, stop, and leave nothing behind.

A trial that hangs is run again elsewhere.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from autosample.data.splits import Split
from autosample.data.synthetic import Synthetic
from autosample.errors import Cancelled
from autosample.experiment.prepare import prepare
from autosample.experiment.strategies.evidence import SearchResult
from autosample.experiment.strategies.ledger import Ledger
from autosample.experiment.strategies.run import search
from autosample.jobs.settings import Settings
from autosample.library import make_spec
from autosample.samplers import PopularitySampler, UniformSampler
from autosample.training import Epoch
from autosample.trials import Request, Trial, TrialResult
from autosample.trials.checkpoints import FolderCheckpoints
from autosample.trials.run import InProcessRunner
from tests.acceptance.service import wait_for
from tests.fakes import SPLIT, quiet, same, trial
from workers.ray_pool import RayPool
from workers.ray_runner import RayRunner
from workers.watchdog import PREFIX

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # Ray's and Optuna's own
]

DATA = Synthetic(users=300, items=200, pairs_per_user=15).build().dataset
BAD, GOOD = PopularitySampler(alpha=4.0), UniformSampler()
FIELDS: dict[str, Any] = {
    "candidates": [GOOD, BAD],
    "training": {"epochs": 20},
    "strategy": {"kind": "asha", "grace": 2, "reduction": 2},
}


@pytest.fixture(scope="module")
def pool() -> Iterator[RayPool]:
    made = RayPool(Settings(trials=1, object_store=100 << 20))
    yield made
    made.shutdown()


def found_by(
    pool: RayPool, folder: Path, tick: Any = lambda: None, **fields: Any
) -> tuple[SearchResult, Split]:
    spec = make_spec("made", FIELDS | fields)
    split = prepare(spec, DATA)
    runner = RayRunner(pool, split, FolderCheckpoints(folder.as_uri()), tick)
    return search(Ledger(spec, runner)), split


@pytest.fixture(scope="module")
def study(
    pool: RayPool, tmp_path_factory: pytest.TempPathFactory
) -> tuple[SearchResult, Split]:
    """A study that nothing disturbed."""
    return found_by(pool, tmp_path_factory.mktemp("study"))


def test_asha_stops_what_hurts_and_one_at_a_time_is_the_same_again(
    pool: RayPool, study: tuple[SearchResult, Split], tmp_path: Path
) -> None:
    found, split = study
    epochs = {candidate.name: candidate.epochs for candidate in found.candidates}
    assert found.chosen == GOOD
    assert epochs[BAD.label] == 2
    again, _ = found_by(pool, tmp_path)
    assert again.candidates == found.candidates
    _ends_equal(again, found, split)


def test_a_study_run_again_goes_on_from_what_is_kept_and_ends_the_same(
    pool: RayPool, study: tuple[SearchResult, Split], tmp_path: Path
) -> None:
    calls = 0

    def stop_late() -> None:
        nonlocal calls
        calls += len(list(tmp_path.glob("*"))) >= 1
        if calls > 1:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        found_by(pool, tmp_path, stop_late)
    kept = {path.name for path in tmp_path.glob("[!.]*")}
    assert kept
    resumed, split = found_by(pool, tmp_path)
    undisturbed, _ = study
    _ends_equal(resumed, undisturbed, split)


def _ends_equal(ours: SearchResult, theirs: SearchResult, split: Split) -> None:
    """Two studies trained the same final model, to the last bit."""
    assert isinstance(ours.final_training, TrialResult)
    assert isinstance(theirs.final_training, TrialResult)
    left = ours.final_training.best_model(split).state_dict()
    right = theirs.final_training.best_model(split).state_dict()
    assert all(left[name].equal(right[name]) for name in right)


def test_rates_and_settings_are_tuned_by_optuna(pool: RayPool, tmp_path: Path) -> None:
    tune = {"samples": 4, "learning_rate": {"low": 0.02, "high": 0.2}}
    training = {"epochs": 20, "learning_rate": 0.004}
    fields = {"tune": tune, "training": training}
    found, _ = found_by(pool, tmp_path, candidates=[GOOD], **fields)
    assert found.tuning is not None
    assert found.tuning.tuning_gain.low > 0
    assert found.tuning.tried == 4 + 4


def test_a_limit_of_passes_ends_a_study_and_the_winner_goes_on(
    pool: RayPool, tmp_path: Path
) -> None:
    strategy = FIELDS["strategy"] | {"total_epochs": 6}
    found, _ = found_by(pool, tmp_path, strategy=strategy)
    assert found.cost.epochs < 20  # what is under way goes on to the next milestone
    assert not isinstance(found.final_training, TrialResult)
    assert found.final_training.trial.start == found.final_training.start.trial.digest  # type: ignore[union-attr]


def test_a_frozen_trial_goes_on_in_another_process(
    pool: RayPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Seconds; the first epoch of a process takes one or two, or ten on busy cores.
    monkeypatch.setattr(pool, "stall", 20.0)
    frozen: list[int] = []

    def freeze(_: Trial, __: Epoch) -> None:
        if not frozen:
            mine = psutil.Process().children(recursive=True)
            frozen.extend(p.pid for p in mine if p.name().startswith("ray::Trial"))
            for pid in frozen:
                os.kill(pid, signal.SIGSTOP)

    request = Request(trial(epochs=300))
    runner = RayRunner(pool, SPLIT, FolderCheckpoints(tmp_path.as_uri()), lambda: None)
    [found] = runner.run([request], freeze)
    [expected] = InProcessRunner(SPLIT).run([request], quiet)
    assert len(frozen) == 1
    assert same(found, expected)
    assert not psutil.pid_exists(frozen[0])


RUN = [sys.executable, "-m", "autosample", "search", "mine.csv", "--strategy", "asha"]


def write_csv(path: Path) -> None:
    rows = zip(DATA.train.users_E.tolist(), DATA.train.items_E.tolist(), strict=True)
    lines = ["user,item", *(f"u{user},i{item}" for user, item in rows)]
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    # The paths of Ray's sockets have a limit, which pytest's own folders exceed.
    folder = Path(tempfile.mkdtemp(prefix="as-"))
    write_csv(tmp_path / "mine.csv")
    yield Session(tmp_path, folder)
    shutil.rmtree(folder)


@dataclass
class Session:
    """A command that runs in a session of its own, with temporary files of its own.

    What another test starts at the same time is thus never taken for a leftover.
    """

    cwd: Path
    folder: Path
    """For temporary files."""

    def start(self, *options: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*RUN, *options],
            cwd=self.cwd,
            env=os.environ | {"TMPDIR": str(self.folder), "AUTOSAMPLE_TRIALS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def ray_processes(self, process: subprocess.Popen[str]) -> list[str]:
        """Return the titles of Ray's processes that still run in the session."""
        found = []
        for each in psutil.process_iter():
            with suppress(psutil.Error, ProcessLookupError):
                title = " ".join(each.cmdline()[:3])
                theirs = os.getsid(each.pid) == process.pid
                if theirs and ("ray::" in title or "raylet" in title):
                    found.append(title)
        return found

    def ray_folders(self) -> list[Path]:
        return list(self.folder.glob(f"{PREFIX}*"))

    def ends(self, process: subprocess.Popen[str]) -> None:
        """Assert that nothing of the command is left within a minute."""
        wait_for(lambda: not self.ray_processes(process), "Ray to end", 60)
        wait_for(lambda: not self.ray_folders(), "Ray's folder to be deleted", 60)


def test_the_command_line_starts_ray_and_leaves_nothing_behind(
    session: Session,
) -> None:
    process = session.start("--epochs", "8", "--candidates", "uniform,dns", "--json")
    wait_for(lambda: bool(session.ray_processes(process)), "Ray")
    assert session.ray_folders()
    out, told = process.communicate(timeout=180)
    assert process.returncode == 0, told
    assert json.loads(out)["spec"]["strategy"]["kind"] == "asha"
    session.ends(process)


def test_ctrl_c_ends_a_local_study_with_all_its_processes(
    session: Session, tmp_path: Path
) -> None:
    endless = {"training": {"epochs": 100_000, "patience": 100_000}}
    (tmp_path / "endless.json").write_text(json.dumps(endless))
    process = session.start("--spec", "endless.json")
    trial = "ray::StudyTrial"
    wait_for(lambda: any(trial in t for t in session.ray_processes(process)), trial)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=180)
    assert process.returncode != 0
    session.ends(process)
