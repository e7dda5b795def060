"""Some cases of the drill, as the command runs them; `make drill` runs them all."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from autosample.errors import SpecError
from workers.drill.cases import Case, Outcome, all_cases
from workers.drill.command import result, select_cases, summary

pytestmark = pytest.mark.slow


def test_the_matrix_is_every_target_by_action_by_phase() -> None:
    assert len(all_cases(database=True)) == len(set(all_cases(database=True))) == 60
    assert len(all_cases(database=False)) == 45
    names = [
        case.name for case in select_cases(all_cases(database=True), "kill publishing")
    ]
    assert names == [
        "kill api while publishing",
        "kill worker while publishing",
        "kill trial while publishing",
        "kill database while publishing",
    ]
    with pytest.raises(SpecError, match="no case has 'maim' in its name"):
        select_cases(all_cases(database=True), "maim")


def test_a_case_passes_only_if_nothing_broke() -> None:
    case: Case = all_cases(database=True)[0]
    broken = (
        {"lost": True},
        {"published_twice": True},
        {"stale_writes": 1},
        {"orphans": 1},
        {"problems": ["slow"]},
    )
    outcomes = [Outcome(case), *(Outcome(case, **each) for each in broken)]
    assert [each.passed for each in outcomes] == [True] + [False] * len(broken)
    told = result(outcomes)
    assert (told["cases"], told["passed"], told["jobs_lost"]) == (6, 1, 1)
    assert summary(told).startswith("1 of 6 cases passed; 1 jobs lost")


def test_a_drill_loses_nothing_and_says_so(tmp_path: Path) -> None:
    """Workers that are killed, in each stage, are in test_service.py."""
    out = tmp_path / "drill.json"
    command = [sys.executable, "-m", "autosample", "drill"]
    command += ["--only", "freeze worker searching"]
    done = subprocess.run(
        [*command, "--out", str(out)],
        capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(out.read_text())
    assert (told["cases"], told["passed"]) == (1, 1)
    assert told["jobs_lost"] == told["published_twice"] == told["orphans"] == 0
    assert told["worst_recovery_s"] <= told["lease_s"] + 10
