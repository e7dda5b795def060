"""`autosample drill`: kills and freezes parts of a service, and tells what broke."""

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
from workers.drill.databases import Borrowed, Database, OwnPostgres, Sqlite
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
            help="Cases whose name holds all these words, as in `kill worker`."
        ),
    ] = None,
    postgres: Annotated[
        bool, typer.Option(help="On a Postgres of the drill's own, which is hit too.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="File for the result as JSON.")
    ] = None,
) -> None:
    """Run small jobs on this installation, kill and freeze its parts, and tell.

    Starts an API and two workers of its own, in a folder of their own; where
    AUTOSAMPLE_DATABASE_URL names a Postgres, on a database of their own there. Nothing
    that runs already is touched. Exit code 1 if a case failed.
    """
    console = Console()
    with tempfile.TemporaryDirectory(prefix="autosample-drill-") as folder:
        database = database_for(Path(folder), own=postgres)
        cases = chosen(all_cases(database=bool(database.processes())), only)
        outcomes = run_cases(Path(folder), database, cases, console)
    show(console, outcomes)
    told = result(outcomes)
    if out is not None:
        out.write_text(json.dumps(told, indent=1) + "\n")
    console.print(summary(told), highlight=False)
    if told["passed"] < told["cases"]:
        raise typer.Exit(1)


def database_for(folder: Path, *, own: bool) -> Database:
    """Return where the drill's jobs are kept."""
    if own:
        data = folder / "postgres"
        data.mkdir()
        folder.chmod(0o755)
        return OwnPostgres(data)
    url = Settings().database_url
    return Sqlite(folder) if url.startswith("sqlite") else Borrowed(url)


def chosen(cases: Sequence[Case], only: str | None) -> list[Case]:
    """Return the cases that are asked for; raises SpecError where there is none."""
    words = (only or "").split()
    found = [case for case in cases if all(w in case.name.split() for w in words)]
    if not found:
        raise SpecError(f"no case has {only!r} in its name; one is {cases[0].name!r}")
    return found


def run_cases(
    folder: Path, database: Database, cases: Sequence[Case], console: Console
) -> list[Outcome]:
    """Run cases one after the other on an installation of their own."""
    home = folder / "home"
    home.mkdir()
    place = Installation(home, database, LEASE, PAUSE)
    try:
        made = DATA.build().dataset
        place.datasets.add("drill", "drill.csv", made, ReadOptions())
        place.complete()
        found = Drill(place, "drill", SPEC)
        found.undisturbed()
        outcomes = []
        for at, case in enumerate(cases, start=1):
            outcome = found.run(case)
            mark = "ok" if outcome.passed else f"FAILED: {'; '.join(outcome.problems)}"
            console.print(
                f"{at}/{len(cases)} {case.name}: {mark} ({outcome.seconds:.1f} s)",
                highlight=False,
            )
            outcomes.append(outcome)
            place.complete()
        return outcomes
    finally:
        place.stop()
        database.stop()


def show(console: Console, outcomes: Sequence[Outcome]) -> None:
    """Print a row for each case."""
    table = Table("case", "", "lost", "twice", "stale", "orphans", "seconds")
    for each in outcomes:
        table.add_row(
            each.case.name,
            "pass" if each.passed else "[bold red]FAIL",
            *(str(int(n)) for n in (each.lost, each.published_twice)),
            str(each.stale_writes),
            str(each.orphans),
            f"{each.seconds:.1f}",
        )
    console.print(table)


def result(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return the counts, and a row for each case."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "lease_s": LEASE,
        "cases": len(outcomes),
        "passed": sum(each.passed for each in outcomes),
        "jobs_lost": sum(each.lost for each in outcomes),
        "published_twice": sum(each.published_twice for each in outcomes),
        "stale_writes_accepted": sum(each.stale_writes for each in outcomes),
        "orphans": sum(each.orphans for each in outcomes),
        "worst_recovery_s": round(max(each.seconds for each in outcomes), 2),
        "rows": [
            {
                **each.case._asdict(),
                "passed": each.passed,
                "seconds": round(each.seconds, 2),
                "problems": each.problems,
            }
            for each in outcomes
        ],
    }


def summary(told: dict[str, Any]) -> str:
    return (
        f"{told['passed']} of {told['cases']} cases passed; {told['jobs_lost']} jobs"
        f" lost, {told['published_twice']} published twice,"
        f" {told['stale_writes_accepted']} stale writes accepted, {told['orphans']}"
        f" orphans; at worst {told['worst_recovery_s']} s until a job went on"
    )
