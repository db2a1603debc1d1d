"""A database of an earlier version becomes one of this version when it is opened, with all that is in it."""

from __future__ import annotations

import json
import multiprocessing
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations

from dashboard.errors import RunError
from dashboard.identity import Identity
from dashboard.runs import schema
from dashboard.runs.database import close_databases, open_database
from dashboard.runs.ledger import Ledger
from dashboard.runs.migrations.versions import step_0001
from dashboard.runs.run_state import ACTIVE_RUN
from dashboard.runs.store import RunStore
from dashboard.runs.upgrade import HEAD
from dashboard.settings import Settings
from tests.older_schema import FORMER, make_older
from tests.runs.sky_dispatcher import plan_of, settings_in
from tests.runs.stored_run import StoredRun, mosaic

pytestmark = pytest.mark.sqlite

STATES = ("planned", "running", "waiting", "review", "done", "done with failures", "cancelled")
BATCH_STATES = ("planned", "queued", "running", "done", "failed", "cancelled")
UPDATED = 1_700_000_000.25
MOVED = {"runs": "plans", "batches": "contents"}
"""Tables of which some columns stand apart by now."""
OLD_TABLES = ("runs", "batches", "run_batches", "events", "meta")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path / "data")


def file_of(settings: Settings) -> Path:
    return settings.data_dir / "dashboard.sqlite"


@contextmanager
def engine_of(settings: Settings) -> Iterator[sa.Engine]:
    engine = sa.create_engine(settings.database_url)
    yield engine
    engine.dispose()


def make_old(settings: Settings, *, stamped: bool = False, runs: int = len(STATES)) -> None:
    """A database as the first version made it, with rows in all its tables: a run of every state with two batches, one shared."""
    settings.data_dir.mkdir(parents=True)
    plan = plan_of(4)
    with engine_of(settings) as engine, engine.begin() as connection:
        with Operations.context(MigrationContext.configure(connection)):
            step_0001.upgrade()
        tables = sa.MetaData()
        tables.reflect(connection)

        def insert(table: str, **values: Any) -> None:
            full = {column.name: values.get(column.name, filler(column)) for column in tables.tables[table].columns}
            connection.execute(tables.tables[table].insert().values(full))

        for number, state in enumerate(BATCH_STATES):
            batch = plan.batches[number % 2]
            insert("batches", batch_id=f"b{number}", parameters_json=json.dumps(dict(batch.parameters)), state=state, n_bytes=number)
        for number in range(runs):
            request = {"request_json": json.dumps(dict(plan.request)), "plan_json": json.dumps(plan.to_dict()), "sums_json": '{"0": 3}'}
            state = STATES[number % len(STATES)]
            insert("runs", run_id=f"r{number}", owner="ada", name=f"run {number}", state=state, n_jobs=1, version=7, **request)
            insert("run_batches", run_id=f"r{number}", batch_id=f"b{number % len(BATCH_STATES)}", refusal="It does not fit.")
            insert("run_batches", run_id=f"r{number}", batch_id=f"b{(number + 1) % len(BATCH_STATES)}", position=1)
        insert("events", id=1, run_id="r0", what="started", at=UPDATED, detail="2 batches")
        if stamped:
            connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
            connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('0001')")


def filler(column: sa.Column[Any]) -> Any:
    if isinstance(column.type, sa.Boolean):
        return False
    return UPDATED if isinstance(column.type, sa.Float) else 0 if isinstance(column.type, sa.Integer) else ""


def rows_of(settings: Settings, tables: tuple[str, ...] = OLD_TABLES) -> dict[str, list[dict[str, Any]]]:
    with closing(sqlite3.connect(file_of(settings))) as connection:
        connection.row_factory = sqlite3.Row
        return {table: [dict(row) for row in connection.execute(f"SELECT * FROM {table}")] for table in tables}


def differences(settings: Settings) -> list[Any]:
    """What Alembic would change in the database to make it what the code says."""
    with engine_of(settings) as engine, engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, schema.metadata))


@pytest.mark.parametrize("stamped", [False, True], ids=["before versions were kept", "of version 0001"])
def test_an_old_database_is_upgraded_when_it_is_opened(settings: Settings, stamped: bool) -> None:
    make_old(settings, stamped=stamped)
    before = rows_of(settings)
    assert all(before.values()), "rows in all tables"
    open_database(settings)
    after = rows_of(settings)
    moved = rows_of(settings, ("plans", "contents"))
    now = after | {table: [{**row, **apart} for row, apart in zip(after[table], moved[to], strict=True)] for table, to in MOVED.items()}
    for table in ("runs", "batches", "run_batches", "events"):
        assert [{key: row[key] for key in old} for row, old in zip(now[table], before[table], strict=True)] == before[table]
    for row in after["runs"]:
        ended = UPDATED if row["state"] in ("done", "done with failures", "cancelled") else None
        assert (row["plan_version"], row["pinned"], row["tell"], row["ended"]) == (1, 0, "", ended)
    assert rows_of(settings, ("tokens", "hosts")) == {"tokens": [], "hosts": []}
    assert rows_of(settings, ("alembic_version",)) == {"alembic_version": [{"version_num": HEAD}]}
    done = [row["n_bytes"] for row in before["batches"] if row["state"] == "done"]
    counted = {(row["host"], row["what"]): row["number"] for row in rows_of(settings, ("counts",))["counts"]}
    assert counted == {("", "done"): len(done), ("", "bytes"): sum(done)}
    assert differences(settings) == []
    with closing(sqlite3.connect(file_of(settings))) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


@pytest.mark.parametrize("version", FORMER)
def test_an_unfinished_run_of_every_former_version_is_there_after_the_upgrade(tmp_path: Path, version: str) -> None:
    run = StoredRun(tmp_path / "data", plan_of(8))
    run.arrive({run.ids[0]: mosaic(0)})
    run.publish()
    before, plan = run.state, run.store.plan(run.run_id)
    kept = rows_of(run.settings, ("run_batches", "events"))
    make_older(run.settings, version)
    close_databases()
    assert [before.n_done, len(before.batches) > 1, before.finished] == [1, True, False]
    after = RunStore(run.settings).state(run.run_id)
    assert (after.state, after.sums, after.name) == (before.state, before.sums, before.name)
    assert [(batch.batch_id, batch.state, batch.attempts) for batch in after.batches] == [
        (batch.batch_id, batch.state, batch.attempts) for batch in before.batches
    ]
    assert RunStore(run.settings).plan(run.run_id).to_dict() == plan.to_dict()
    now = rows_of(run.settings, ("run_batches", "events"))
    assert [{**row, "changed": 0} for row in now["run_batches"]] == [{**row, "changed": 0} for row in kept["run_batches"]]
    assert now["events"] == kept["events"]
    assert differences(run.settings) == []
    orders = Ledger(open_database(run.settings), "next").take_due(run.run_id)
    assert {order.batch_id for order in orders} == {batch.batch_id for batch in after.batches if not batch.arrived}, "the rest is asked"


def test_an_upgraded_database_is_worked_with_as_any(settings: Settings) -> None:
    make_old(settings)
    store = RunStore(settings, "ada")
    assert {run.state for run in store.list_runs()} == set(STATES)
    assert [run.run_id for run in store.list_runs() if not run.finished] == [f"r{i}" for i, s in enumerate(STATES) if s in ACTIVE_RUN]
    store.pin("r4")
    store.rename("r4", "Crab")
    assert (store.state("r4").pinned, store.state("r4").name, store.state("r4").sums) == (True, "Crab", (3,))
    assert store.plan("r0").to_dict() == plan_of(4).to_dict()
    assert [event.what for event in store.history(run_id="r0")] == ["started"]
    assert store.retry_failed("r4") == 2
    store.delete("r6")
    new = store.start(plan_of(4), Identity("ada"))
    assert store.state(new).state == "planned"


def test_a_fresh_database_is_what_the_code_says(settings: Settings, tmp_path: Path) -> None:
    open_database(settings)
    assert differences(settings) == []
    assert rows_of(settings, ("alembic_version",)) == {"alembic_version": [{"version_num": HEAD}]}
    upgraded = settings_in(tmp_path / "upgraded")
    make_old(upgraded)
    open_database(upgraded)
    assert columns_of(settings) == columns_of(upgraded)


def columns_of(settings: Settings) -> dict[str, Any]:
    with engine_of(settings) as engine:
        about = sa.inspect(engine)
        names = about.get_table_names()
        return {name: [(c["name"], str(c["type"]), c["nullable"]) for c in about.get_columns(name)] for name in names}


@pytest.mark.parametrize("later", ["0999", f"{int(HEAD) + 1:04d}"])
def test_a_database_of_a_later_version_is_refused_and_left_as_it_is(settings: Settings, tmp_path: Path, later: str) -> None:
    open_database(settings)
    with closing(sqlite3.connect(file_of(settings))) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (later,))
        connection.execute("ALTER TABLE runs ADD COLUMN colour VARCHAR")
        connection.commit()
        before = list(connection.iterdump())
    close_databases()
    with pytest.raises(RunError, match=rf"has schema {later}, this program reads {HEAD}: use the program that wrote it\."):
        open_database(settings)
    with closing(sqlite3.connect(file_of(settings))) as connection:
        assert list(connection.iterdump()) == before


def test_a_step_that_fails_leaves_the_old_database(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    make_old(settings)
    before = rows_of(settings)
    with closing(sqlite3.connect(file_of(settings))) as connection:
        connection.execute("CREATE VIEW hosts AS SELECT 1 AS one")  # in the way of the step's second table
        connection.commit()
    with pytest.raises(RunError):
        open_database(settings)
    assert rows_of(settings) == before
    with closing(sqlite3.connect(file_of(settings))) as connection:
        assert connection.execute("SELECT name FROM sqlite_master WHERE name IN ('tokens', 'alembic_version')").fetchall() == []
        connection.execute("DROP VIEW hosts")
        connection.commit()
    open_database(settings)
    assert differences(settings) == []


def _open_at_once(data_dir: Path, ready: Any, go: Any, answers: Any) -> None:
    """In a process of its own: open the database when the others do, and say how many runs it holds."""
    settings = settings_in(data_dir)
    ready.release()
    go.wait(60)
    answers.put(len(RunStore(settings).list_runs()))


@pytest.mark.slow
@pytest.mark.parametrize("old", [True, False], ids=["old", "new"])
def test_processes_that_open_a_database_at_the_same_time_all_succeed(settings: Settings, old: bool) -> None:
    if old:
        make_old(settings, runs=40)
    spawn = multiprocessing.get_context("spawn")
    ready, go, answers = spawn.Semaphore(0), spawn.Event(), spawn.Queue()
    several = [spawn.Process(target=_open_at_once, args=(settings.data_dir, ready, go, answers)) for _ in range(4)]
    for process in several:
        process.start()
    for _ in several:
        assert ready.acquire(timeout=120)
    go.set()
    for process in several:
        process.join(120)
        assert process.exitcode == 0
    assert [answers.get(timeout=60) for _ in several] == [40 if old else 0] * len(several)
    assert differences(settings) == []
