"""`autosample drill`: kill and freeze parts of a service, and report what broke."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from autosample.data.options import ReadOptions
from autosample.data.synthetic import Synthetic
from autosample.errors import SpecError
from autosample.jobs.settings import Settings
from workers.drill.cases import Case, Drill, Outcome, all_cases
from workers.drill.databases import BorrowedPostgres, Database, OwnPostgres, Sqlite
from workers.drill.installation import Installation

LEASE, PAUSE = 3.0, 0.7
SPEC: dict[str, Any] = {
    "candidates": [
        {"kind": "uniform"},
        {"kind": "dns", "pool": 4},
        {"kind": "softmax"},
    ],
    "training": {"epochs": 30, "patience": 30},
    "strategy": {
        "kind": "race",
        "rungs": [{"epochs": 5, "keep": 2}, {"epochs": 5, "keep": 1}],
    },
}
DATA = Synthetic(users=500, items=400, pairs_per_user=20)


def drill(
    only: Annotated[
        str | None,
        typer.Option(
            help="Run only cases named with all these words, as in `kill worker`."
        ),
    ] = None,
    postgres: Annotated[
        bool, typer.Option(help="Use a Postgres of the drill's own, and hit it too.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write the result to this file, as JSON.")
    ] = None,
) -> None:
    """Run small jobs, kill and freeze parts of the service, and report what broke.

    The drill starts an API and two workers of its own in a temporary folder. If
    AUTOSAMPLE_DATABASE_URL names a Postgres, it makes a database of its own there.
    Nothing that already runs is touched. The exit code is 1 if a case failed.
    """
    console = Console()
    with tempfile.TemporaryDirectory(prefix="autosample-drill-") as folder:
        database = database_for(Path(folder), own=postgres)
        cases = select_cases(all_cases(database=bool(database.processes())), only)
        outcomes = run_cases(Path(folder), database, cases, console)
    show(console, outcomes)
    counts = result(outcomes)
    if out is not None:
        out.write_text(json.dumps(counts, indent=1) + "\n", "utf-8")
    console.print(summary(counts), highlight=False)
    if counts["passed"] < counts["cases"]:
        raise typer.Exit(1)


def database_for(folder: Path, *, own: bool) -> Database:
    """Return the database for the drill's jobs; `own` starts a Postgres."""
    if own:
        data = folder / "postgres"
        data.mkdir()
        folder.chmod(0o755)
        return OwnPostgres(data)
    url = Settings().database_url
    return Sqlite(folder) if url.startswith("sqlite") else BorrowedPostgres(url)


def select_cases(cases: Sequence[Case], only: str | None) -> list[Case]:
    """Return the cases named with all words of `only`; raises SpecError if none is."""
    words = (only or "").split()
    selected = [
        case for case in cases if all(word in case.name.split() for word in words)
    ]
    if not selected:
        raise SpecError(f"no case has {only!r} in its name; one is {cases[0].name!r}")
    return selected


def run_cases(
    folder: Path, database: Database, cases: Sequence[Case], console: Console
) -> list[Outcome]:
    """Run cases one after the other on a new installation; prints each outcome."""
    home = folder / "home"
    home.mkdir()
    installation = Installation(home, database, LEASE, PAUSE)
    try:
        dataset = DATA.build().dataset
        installation.datasets.add("drill", "drill.csv", dataset, ReadOptions())
        installation.complete()
        drill = Drill(installation, "drill", SPEC)
        drill.run_undisturbed()
        outcomes = []
        for at, case in enumerate(cases, start=1):
            outcome = drill.run(case)
            mark = "ok" if outcome.passed else f"FAILED: {'; '.join(outcome.problems)}"
            console.print(
                f"{at}/{len(cases)} {case.name}: {mark} ({outcome.seconds:.1f} s)",
                highlight=False,
            )
            outcomes.append(outcome)
            installation.complete()
        return outcomes
    finally:
        installation.stop()
        database.stop()


def show(console: Console, outcomes: Sequence[Outcome]) -> None:
    """Print one row per case."""
    table = Table("case", "", "lost", "twice", "stale", "orphans", "seconds")
    for outcome in outcomes:
        table.add_row(
            outcome.case.name,
            "pass" if outcome.passed else "[bold red]FAIL",
            str(int(outcome.lost)),
            str(int(outcome.published_twice)),
            str(outcome.stale_writes),
            str(outcome.orphans),
            f"{outcome.seconds:.1f}",
        )
    console.print(table)


def result(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return counts over all cases, and one row per case."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "lease_s": LEASE,
        "cases": len(outcomes),
        "passed": sum(outcome.passed for outcome in outcomes),
        "jobs_lost": sum(outcome.lost for outcome in outcomes),
        "published_twice": sum(outcome.published_twice for outcome in outcomes),
        "stale_writes_accepted": sum(outcome.stale_writes for outcome in outcomes),
        "orphans": sum(outcome.orphans for outcome in outcomes),
        "worst_recovery_s": round(max(outcome.seconds for outcome in outcomes), 2),
        "rows": [
            {
                **outcome.case._asdict(),
                "passed": outcome.passed,
                "seconds": round(outcome.seconds, 2),
                "problems": outcome.problems,
            }
            for outcome in outcomes
        ],
    }


def summary(counts: dict[str, Any]) -> str:
    """Return the counts as one sentence."""
    return (
        f"{counts['passed']} of {counts['cases']} cases passed;"
        f" {counts['jobs_lost']} jobs lost,"
        f" {counts['published_twice']} published twice,"
        f" {counts['stale_writes_accepted']} stale writes accepted,"
        f" {counts['orphans']} orphans;"
        f" at worst {counts['worst_recovery_s']} s until a job went on"
    )
