"""Studies on Ray Tune itself: they decide, resume, stop, and leave nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
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
from autosample.trials import TrialResult
from autosample.trials.checkpoints import FolderCheckpoints
from workers.ray_pool import RayPool
from workers.ray_runner import RayRunner
from workers.watchdog import PREFIX

pytestmark = pytest.mark.filterwarnings("default")  # Ray's and Optuna's own

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


RUN = [sys.executable, "-m", "autosample", "search", "mine.csv", "--strategy", "asha"]


def write_csv(path: Path) -> None:
    rows = zip(DATA.train.users_E.tolist(), DATA.train.items_E.tolist(), strict=True)
    lines = ["user,item", *(f"u{user},i{item}" for user, item in rows)]
    path.write_text("\n".join(lines) + "\n")


def test_the_command_line_starts_ray_and_leaves_nothing_behind(tmp_path: Path) -> None:
    write_csv(tmp_path / "mine.csv")
    before, folders = ray_processes(), ray_folders()
    done = subprocess.run(
        [*RUN, "--epochs", "8", "--candidates", "uniform,dns", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["spec"]["strategy"]["kind"] == "asha"
    gone(before, folders)


def test_ctrl_c_ends_a_local_study_with_all_its_processes(tmp_path: Path) -> None:
    write_csv(tmp_path / "mine.csv")
    endless = {"training": {"epochs": 100_000, "patience": 100_000}}
    (tmp_path / "endless.json").write_text(json.dumps(endless))
    before, folders = ray_processes(), ray_folders()
    process = subprocess.Popen(
        [*RUN, "--spec", "endless.json"], cwd=tmp_path, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    end = time.monotonic() + 60
    while not ray_processes() - before and time.monotonic() < end:
        time.sleep(0.2)
    time.sleep(10)  # until trials run
    process.send_signal(signal.SIGINT)
    assert process.wait(60) != 0
    gone(before, folders)


def ray_processes() -> set[int]:
    found = set()
    for each in psutil.process_iter():
        try:
            name = " ".join(each.cmdline()[:3])
        except psutil.Error:
            continue
        if each.pid != os.getpid() and ("ray::" in name or "raylet" in name):
            found.add(each.pid)
    return found


def gone(before: set[int], folders: set[Path]) -> None:
    end = time.monotonic() + 20
    while (left := ray_processes() - before) and time.monotonic() < end:
        time.sleep(0.2)
    assert not left
    while (more := ray_folders() - folders) and time.monotonic() < end:
        time.sleep(0.2)
    assert not more


def ray_folders() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob(f"{PREFIX}*"))
