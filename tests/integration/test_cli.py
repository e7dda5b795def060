"""The command line as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from autosample.cli.main import main
from autosample.spec.catalogue import CATALOGUE

CSV = "user,item\n" + "".join(
    f"{user},{(user * 7 + n * n) % 40}\n" for user in range(40) for n in range(8)
)
QUICK = ["--candidates", "uniform,dns", "--epochs", "3"]


WATCHED = """
import atexit, runpy, sys
compiler = "torch._dynamo"
atexit.register(lambda: print("compiler loaded:", compiler in sys.modules))
runpy.run_module("autosample", run_name="__main__", alter_sys=True)
"""
"""Runs `python -m autosample` and then prints whether torch's compiler is loaded."""


@dataclass
class Done:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def here(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """Run a command in this process, which has torch loaded already."""

    def run(*words: str) -> Done:
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["autosample", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        assert isinstance(code, int)
        return Done(code, *capsys.readouterr())

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.csv").write_text(CSV)
    return tmp_path


def test_a_search_prints_the_verdict_and_leaves_a_bundle(
    folder: Path, here: Callable[..., Done]
) -> None:
    command = [sys.executable, "-c", WATCHED, "search", "mine.csv", *QUICK]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "40 users, 40 items, 280 pairs (dropped: 40 duplicates)" in done.stdout
    assert "Verdict" in done.stdout
    assert "bundle: mine-bundle" in done.stdout
    assert "compiler loaded: False" in done.stdout  # it takes 1.7 seconds to load
    checked = here("verify", "mine-bundle")
    assert checked.returncode == 0
    assert "is whole: 40 users" in checked.stdout


def test_json_goes_to_standard_output_alone(here: Callable[..., Done]) -> None:
    done = here("search", "mine.csv", *QUICK, "--json", "--out", "b")
    report = json.loads(done.stdout)
    assert report["spec"]["dataset"] == "mine.csv"
    assert report["spec"]["training"]["epochs"] == 3
    assert [each["name"] for each in report["candidates"]] == ["uniform", "dns"]


def test_a_spec_file_is_followed_and_options_come_on_top(
    folder: Path, here: Callable[..., Done]
) -> None:
    spec = {"candidates": [{"kind": "uniform"}], "training": {"epochs": 9, "seed": 5}}
    (folder / "spec.json").write_text(json.dumps(spec))
    done = here("search", "mine.csv", "--spec", "spec.json", "--epochs", "2", "--json")
    training = json.loads(done.stdout)["spec"]["training"]
    assert (training["epochs"], training["seed"]) == (2, 5)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["search", "nowhere.csv"], "cannot read nowhere.csv"),
        (["search", "mine.csv", "--user", "who"], "no column 'who' for user"),
        (["search", "mine.csv", "--metric", "ndcg@0"], "'ndcg@0' is not a metric"),
        (["search", "mine.csv", "--report", "x@1"], "report_metrics"),
        (["search", "mine.csv", "--final", "some"], "final"),
        (
            ["search", "mine.csv", "--candidates", "dnx"],
            "candidates.0: Input tag 'dnx'",
        ),
        (["search", "mine.csv", "--candidates", "dns,dns"], "dns is listed twice"),
        (["search", "mine.csv", "--seeds", "a"], "seeds must be integers"),
        (["search", "mine.csv", "--spec", "no.json"], "no.json is not readable"),
        (["search", "mine.csv", "--k-core", "-1"], "k_core"),
        (["search", "mine.csv", "--out", "."], "is not empty"),
        (["verify", "."], "is not a bundle"),
        (["serve", "--host", "0.0.0.0"], "AUTOSAMPLE_ADMIN_KEY"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_line_and_exit_code_2(
    folder: Path, here: Callable[..., Done], words: list[str], message: str
) -> None:
    done = here(*words)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (folder / "mine-bundle").exists()


def test_a_service_that_is_not_there_is_one_line_and_exit_code_1(
    here: Callable[..., Done],
) -> None:
    done = here("jobs", "list", "--url", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert "no answer from" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_quiet_says_nothing(folder: Path, here: Callable[..., Done]) -> None:
    done = here("search", "mine.csv", *QUICK, "--out", "silent", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (folder / "silent" / "report.html").exists()


def test_an_altered_bundle_is_refused(folder: Path, here: Callable[..., Done]) -> None:
    here("search", "mine.csv", *QUICK, "--out", "b")
    (folder / "b" / "sampler.json").write_text('{"kind": "uniform"}')
    done = here("verify", "b")
    assert done.returncode == 2
    assert "sampler.json has been altered" in done.stderr


def test_the_catalogue_is_a_table_or_json(here: Callable[..., Done]) -> None:
    assert "mixgcf" in here("catalogue").stdout
    found = json.loads(here("catalogue", "--json").stdout)
    assert set(found) == set(CATALOGUE)
    assert "properties" in found["samplers"][0]["json_schema"]


def test_every_command_explains_itself(here: Callable[..., Done]) -> None:
    told = here("--help").stdout
    for command in ("search", "serve", "worker", "jobs", "catalogue", "verify"):
        assert command in told
        assert here(command, "--help").returncode == 0


def test_an_audit_tells_what_was_lost_and_saved(
    here: Callable[..., Done], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept"
    monkeypatch.setenv("AUTOSAMPLE_TRAININGS", str(kept))
    words = ("audit", "mine.csv", *QUICK, "--seeds", "0,1")
    first, again = here(*words, "--json"), here(*words)
    assert (first.returncode, again.returncode) == (0, 0)
    found = json.loads(first.stdout)
    assert {each["name"] for each in found["candidates"]} == {"uniform", "dns"}
    # Two candidates under two seeds, and both of them averaged in the finals.
    assert len(list(kept.iterdir())) == 6
    assert f"regret {found['regret']:.2%}" in again.stdout
    assert "Kendall's tau" in again.stdout
    assert "ordinary trainings of the chosen" in again.stdout


def test_a_dry_run_estimates_and_stops(here: Callable[..., Done], folder: Path) -> None:
    done = here("search", "mine.csv", *QUICK, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "all of it" in done.stdout
    assert "seconds per epoch" in done.stdout
    found = json.loads(here("search", "mine.csv", *QUICK, "--dry-run", "--json").stdout)
    assert found["search"]["pair_updates"] > 0
    assert [path.name for path in folder.iterdir()] == ["mine.csv"]


def test_a_budget_too_small_is_one_line(here: Callable[..., Done]) -> None:
    done = here("search", "mine.csv", *QUICK, "--pair-updates", "10")
    assert done.returncode == 2
    assert "less than one epoch of everything" in done.stderr


def test_keys_are_made_listed_and_revoked(
    folder: Path, here: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOSAMPLE_HOME", str(folder / "home"))
    made = here("keys", "create", "ci", "--scope", "read", "--days", "30")
    assert made.returncode == 0, made.stderr
    text = made.stdout.strip()
    id = text.split("_")[1]
    listed = here("keys", "list").stdout
    assert id in listed
    assert "revoked" not in listed
    assert text.split("_", 2)[2] not in listed
    assert here("keys", "revoke", id).stdout.strip() == f"key {id} is revoked"
    assert "revoked" in here("keys", "list").stdout
    unknown = here("keys", "revoke", "nobody")
    assert unknown.returncode == 2
    assert "no key 'nobody'" in unknown.stderr
