"""The documentation's commands and code run as they stand, page by page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.gallery import PAGE, written
from tests.acceptance.test_readme import CSV, run

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(DOCS.glob("*.md"))
LINK = re.compile(r"\]\(([^)#]+)(?:#([^)]*))?\)")


def blocks(page: Path) -> list[tuple[str, str]]:
    found = re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(), flags=re.M | re.S)
    return [each for each in found if each[0] in ("sh", "python")]


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p)], ids=lambda p: p.stem)
def test_a_page_runs_from_top_to_bottom(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shell in a shell; Python right here, where all is imported already."""
    (tmp_path / "ratings.csv").write_text(CSV)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(DOCS.parent / "tests" / "plugin")
    for at, (language, text) in enumerate(blocks(page)):
        if language == "python":
            exec(compile(text, f"{page.stem}-{at}", "exec"), {})
        else:
            run(text, tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text()):
        if "://" in target:
            continue
        there = (page.parent / target).resolve()
        assert there.exists(), target
        if anchor:
            heads = re.findall(r"^#+ (.*)$", there.read_text(), flags=re.M)
            assert anchor in {head.lower().replace(" ", "-") for head in heads}


def test_the_gallery_is_of_the_results_that_are_kept() -> None:
    assert PAGE.read_text() == written(PAGE.read_text())
