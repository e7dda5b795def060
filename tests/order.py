"""In which order tests run, and which of them one process keeps together.

Tests of a file stay together, since they share its module's fixtures.
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

LONGEST = (
    "acceptance/test_service.py",
    "acceptance/test_page.py",
    "acceptance/test_drill.py",
    "acceptance/test_tune.py",
    "acceptance/test_docs.py",
    "acceptance/test_readme.py",
    "acceptance/test_cluster.py",
    "acceptance/test_quality.py",
    "acceptance/test_demo.py",
    "acceptance/test_ray.py",
    "acceptance/test_schema.py",
)
"""Files, longest first. Others follow in their usual order: short ones at the end even
out what the processes have to do."""

SPLIT = frozenset(
    {
        "acceptance/test_docs.py",
        "acceptance/test_quality.py",
        "acceptance/test_readme.py",
        "acceptance/test_service.py",
    }
)
"""Files whose tests share nothing that is dear to make: any process may run any."""


def _file_of(nodeid: str) -> str:
    return nodeid.partition("::")[0].removeprefix("tests/")


def place_of(nodeid: str) -> int:
    """Return when a test comes: what runs longest comes first."""
    file = _file_of(nodeid)
    return LONGEST.index(file) if file in LONGEST else len(LONGEST)


class FileScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Gives each process whole files, and single tests of those that are split."""

    def _split_scope(self, nodeid: str) -> str:
        file = _file_of(nodeid)
        return nodeid if file in SPLIT else file
