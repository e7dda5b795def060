"""A third party's package, really installed: found wherever a spec names parts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

HERE = Path(__file__).parents[1] / "plugin"
ROOT = HERE.parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the example into a folder of its own."""
    built, folder = tmp_path_factory.mktemp("built"), tmp_path_factory.mktemp("site")
    # Copied, as building leaves files beside the sources.
    subprocess.run(["cp", "-r", str(HERE), str(built)], check=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--disable-pip-version-check"]
    command += ["--target", str(folder), str(built / "plugin")]
    subprocess.run(command, check=True)
    return folder


def python(folder: Path, *arguments: str, cwd: Path = ROOT) -> str:
    """Run Python with that folder on its path; returns what it printed."""
    path = os.pathsep.join([str(folder), str(ROOT)])
    done = subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def used(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what a user of the package gets, all in one process, for speed: the
    catalogue, the API's schema, and a search's bundle with its verification."""
    folder = tmp_path_factory.mktemp("used")
    rows = [f"{u},{i}" for u in range(30) for i in range(30) if (u + i) % 2 == 0]
    (folder / "pairs.csv").write_text("user,item\n" + "\n".join(rows) + "\n")
    (folder / "spec.json").write_text(json.dumps(SPEC))
    python(installed, "-c", USE, cwd=folder)
    return folder


SPEC = {
    "model": {"kind": "non_negative_mf"},
    "loss": {"kind": "squared_hinge"},
    "strategy": {"kind": "sprint", "epochs": 2},
    "candidates": [
        {"kind": "popular_softmax", "pool": 8},
        {"kind": "mixture", "samplers": [{"kind": "popular_softmax"}] * 2},
    ],
    "metric": "ndcg@5",
    "report_metrics": ["ndcg@5"],
    "training": {"epochs": 3},
}

USE = """
import contextlib, json, sys
from pathlib import Path
from autosample.cli.main import main

def run(name, *words):
    sys.argv = ["autosample", *words]
    with open(name, "w") as out, contextlib.redirect_stdout(out):
        try:
            main()
        except SystemExit as ended:
            assert ended.code == 0, (words, ended.code)

run("catalogue.json", "catalogue", "--json")
run("search.txt", "search", "pairs.csv", "--spec", "spec.json", "--out", "bundle")
run("verify.txt", "verify", "bundle")
from api.main import create_app
from autosample.jobs.settings import Settings
schema = create_app(Settings(home=Path("home"))).openapi()
Path("schema.json").write_text(json.dumps(schema))
"""


def test_the_catalogue_lists_it(used: Path) -> None:
    found = json.loads((used / "catalogue.json").read_text())
    kinds = {part: {each["kind"] for each in found[part]} for part in found}
    assert "popular_softmax" in kinds["samplers"]
    assert "squared_hinge" in kinds["losses"]
    assert "non_negative_mf" in kinds["models"]
    assert "sprint" in kinds["strategies"]


def test_the_apis_schema_has_it(used: Path) -> None:
    schemas = json.loads((used / "schema.json").read_text())["components"]["schemas"]
    assert "tau" in schemas["PopularSoftmax"]["properties"]
    assert "SquaredHinge" in schemas
    assert "NonNegativeMF" in schemas
    strategy = schemas["SearchSpec"]["properties"]["strategy"]
    assert strategy["discriminator"]["mapping"]["sprint"].endswith("/Sprint")


def test_a_search_runs_with_all_four_and_its_bundle_loads(used: Path) -> None:
    sampler = json.loads((used / "bundle" / "sampler.json").read_text())
    assert "popular_softmax" in json.dumps(sampler)
    assert "popular_softmax" in (used / "verify.txt").read_text()


def test_its_own_contracts_pass(installed: Path) -> None:
    told = python(installed, "-m", "pytest", "-q", str(HERE / "checks.py"))
    assert "passed" in told
    assert "failed" not in told


@pytest.mark.parametrize(
    "first", ["autosample_example", "autosample.spec", "autosample.experiment.run"]
)
def test_it_is_found_whoever_is_imported_first(installed: Path, first: str) -> None:
    code = (
        f"import {first}; from autosample.spec import SearchSpec;"
        "SearchSpec.model_validate({'dataset': 'x', 'loss': {'kind': 'squared_hinge'},"
        "'candidates': [{'kind': 'popular_softmax'}], 'strategy': {'kind': 'sprint'}})"
    )
    python(installed, "-W", "error", "-c", code)


BROKEN = """
[autosample.samplers]
absent = no_such_module:Sampler
nameless = autosample.samplers:NoSuchSampler
number = math:pi
unfinished = autosample.samplers:Preset
taken = autosample.samplers:DNS
"""


def test_what_cannot_be_used_is_left_out_with_its_reason(tmp_path: Path) -> None:
    info = tmp_path / "broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n"
    )
    (info / "entry_points.txt").write_text(BROKEN)
    code = (
        "import warnings; warnings.simplefilter('always');"
        "caught = warnings.catch_warnings(record=True); found = caught.__enter__();"
        "from autosample.samplers import SAMPLERS; kinds = SAMPLERS.all;"
        "print(len(kinds)); print(*[str(w.message) for w in found], sep='\\n')"
    )
    count, *told = python(tmp_path, "-c", code).splitlines()
    assert int(count) > 20
    for name, reason in (
        ("absent", "No module named"),
        ("nameless", "has no attribute 'NoSuchSampler'"),
        ("number", "is no subclass of Sampler"),
        ("unfinished", "does not define parts"),
        ("taken", "the default of its kind, 'dns', is taken"),
    ):
        assert any(name in line and reason in line for line in told), told


def test_the_documentation_shows_what_the_example_does() -> None:
    told = (ROOT / "docs" / "plugins.md").read_text()
    _, body = (HERE / "checks.py").read_text().split('"""\n\n', 1)
    assert body in told
    strategy = (HERE / "autosample_example" / "strategy.py").read_text()
    assert strategy.split("annotations\n\n", 1)[1] in told
    for line in (HERE / "pyproject.toml").read_text().splitlines():
        if "autosample_example." in line or "entry-points" in line:
            assert line in told
