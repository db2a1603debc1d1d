"""The run store on PostgreSQL: made, opened by many at once, away for a while; and all that holds on SQLite."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from dashboard.errors import DatabaseAway
from dashboard.identity import Identity
from dashboard.runs import schema
from dashboard.runs.database import open_database
from dashboard.runs.store import RunStore
from dashboard.settings import Settings
from tests.conftest import ROOT
from tests.runs.sky_dispatcher import POSTGRES, plan_of


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return Settings.from_environment({"INTEGRAL_DASHBOARD_DATA": str(tmp_path), "INTEGRAL_DASHBOARD_DATABASE": database_url})


def test_a_fresh_database_is_what_the_code_says(settings: Settings) -> None:
    with open_database(settings).reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found = [change[0] for change in compare_metadata(context, schema.metadata) if isinstance(change, tuple)]
        assert [what for what in found if what != "modify_comment"] == [], "comments are for readers of the code"


def _start(environment: dict[str, str]) -> str:
    return RunStore(Settings.from_environment(environment)).start(plan_of(4), Identity())


@pytest.mark.slow
def test_processes_that_open_it_at_the_same_time_all_succeed(settings: Settings) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        environment = {"INTEGRAL_DASHBOARD_DATA": str(settings.data_dir), "INTEGRAL_DASHBOARD_DATABASE": settings.database_url}
        ids = pool.map(_start, [environment] * 4)
    store = RunStore(settings)
    assert {run.run_id for run in store.list_runs()} == set(ids)
    assert len(set(ids)) == 4
    assert {batch.attempts for batch in store.state(ids[0]).batches} == {0}


def test_writers_come_one_after_the_other(settings: Settings) -> None:
    """What a writer read still holds when it writes: no number is lost, and no two see the same."""
    database, seen = open_database(settings), []
    with database.writing() as connection:
        connection.execute(schema.meta.insert().values(key="n", value="0"))

    def count() -> None:
        for _ in range(20):
            with database.writing() as connection:
                number = int(connection.execute(sa.select(schema.meta.c.value).where(schema.meta.c.key == "n")).scalar_one())
                seen.append(number)
                connection.execute(schema.meta.update().where(schema.meta.c.key == "n").values(value=str(number + 1)))

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(160))


def test_a_reader_sees_one_moment(settings: Settings) -> None:
    database = open_database(settings)
    with database.reading() as reader:
        before = reader.scalar(sa.select(sa.func.count()).select_from(schema.runs))
        RunStore(settings).start(plan_of(4), Identity())
        assert reader.scalar(sa.select(sa.func.count()).select_from(schema.runs)) == before == 0


def test_connections_that_are_cut_are_a_sentence_and_then_made_anew(settings: Settings, postgres: str) -> None:
    store = RunStore(settings)
    run_id = store.start(plan_of(4), Identity())
    name = sa.make_url(settings.database_url).database

    def cut() -> None:
        with psycopg.connect(postgres, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])

    def disturbed() -> None:
        with open_database(settings).writing() as connection:
            cut()
            connection.execute(sa.select(schema.runs))

    with pytest.raises(DatabaseAway, match="does not answer"):
        disturbed()
    cut()
    assert store.state(run_id).state == "planned", "those that lay idle are found out before they are used"


def test_a_password_is_in_no_sentence_and_in_no_repr(tmp_path: Path) -> None:
    url = "postgresql://ada:a-secret-word@127.0.0.1:9/runs"
    away = Settings.from_environment({"INTEGRAL_DASHBOARD_DATA": str(tmp_path), "INTEGRAL_DASHBOARD_DATABASE": url})
    with pytest.raises(DatabaseAway) as told:
        RunStore(away).list_runs()
    assert "a-secret-word" not in told.value.sentence + repr(away)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_what_holds_on_sqlite_holds_here(postgres: str, tmp_path: Path) -> None:
    """All tests of the run store once more, but those that are of SQLite itself."""
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", "-m", "not slow and not sqlite", "tests/runs"]
    command += [
        f"--basetemp={tmp_path / 'tests'}",
        *(f"-Wignore::{kind}" for kind in ("ResourceWarning", "pytest.PytestUnraisableExceptionWarning")),
    ]
    environment = {**os.environ, POSTGRES: postgres}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, done.stdout[-5000:]
