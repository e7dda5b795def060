"""The documentation's commands and code run as they stand, page by page."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from autosample.cli.main import main
from autosample.jobs.settings import Settings
from benchmarks.gallery import PAGE, written
from benchmarks.rooms import ROOMS
from tests.acceptance.test_readme import (
    README,
    blocks,
    port,
    run,
    run_with_service,
    write_files,
)

__all__ = ["port"]  # a fixture

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(DOCS.glob("*.md"))
CONTRIBUTING = DOCS.parent / "CONTRIBUTING.md"
LINK = re.compile(r"\]\(([^)#]+)(?:#([^)]*))?\)")


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [p for p in PAGES if blocks(p, service=False)], ids=lambda p: p.stem
)
def test_a_page_runs_from_top_to_bottom(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python, and commands of ours, run right here, where all is imported already; the
    rest of the shell in a shell."""
    write_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(DOCS.parent / "tests" / "plugin")
    for at, (language, text) in enumerate(blocks(page, service=False)):
        if language == "python":
            code = compile(text, f"{page.stem}-{at}", "exec", dont_inherit=True)
            exec(code, {"__name__": page.stem})
        elif PLAIN.fullmatch(text):
            for line in text.splitlines():
                run_here(line, monkeypatch)
        else:
            run(text, tmp_path)


PLAIN = re.compile(r"(autosample [-\w ,./]+\n)+")
"""Lines that mean the same to any shell."""


def run_here(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", shlex.split(line))
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0, line


@pytest.mark.slow
def test_the_sampler_of_the_page_keeps_the_promises_of_its_suite(
    tmp_path: Path,
) -> None:
    code = dict(blocks(DOCS / "plugins.md", service=False)[:1])["python"]
    (tmp_path / "test_mine.py").write_text(code)
    run("python -m pytest -q -p no:cacheprovider test_mine.py", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [p for p in PAGES if blocks(p, service=True)], ids=lambda p: p.stem
)
def test_a_page_runs_against_the_service_that_it_starts(
    page: Path, tmp_path: Path, port: int
) -> None:
    write_files(tmp_path)
    run_with_service(page, tmp_path, port)
    assert (tmp_path / "sampler.json").exists()
    assert (tmp_path / "again.zip").exists()


@pytest.mark.parametrize("page", [README, CONTRIBUTING, *PAGES], ids=lambda p: p.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text()):
        if "://" in target:
            continue
        there = (page.parent / target).resolve()
        assert there.exists(), target
        if anchor:
            heads = re.findall(r"^#+ (.*)$", there.read_text(), flags=re.M)
            assert anchor in {head.lower().replace(" ", "-") for head in heads}


def test_names_that_moved_are_where_the_page_says() -> None:
    rows = re.findall(
        r"^\| `(.*?)` \| `(from .*?)`", (DOCS / "moved.md").read_text(), re.M
    )
    assert len(rows) > 5
    for before, now in rows:
        assert before.startswith("from autosample")
        exec(now, {})


def test_every_page_is_in_the_list_of_pages() -> None:
    listed = {target for target, _ in LINK.findall((DOCS / "README.md").read_text())}
    assert listed == {page.name for page in PAGES} - {"README.md"}


def test_every_room_has_a_line() -> None:
    page = CONTRIBUTING.read_text()
    listed = re.findall(r"^\| `(?:autosample/)?(\w+)(?:\.py)?` \|", page, flags=re.M)
    assert sorted(listed) == sorted(ROOMS)


def test_every_setting_is_documented() -> None:
    page = (DOCS / "operations.md").read_text()
    for name in Settings.model_fields:
        assert f"`AUTOSAMPLE_{name.upper()}`" in page


def test_the_gallery_is_of_the_results_that_are_kept() -> None:
    assert PAGE.read_text() == written(PAGE.read_text())
