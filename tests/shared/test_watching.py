"""What supervisors and Prometheus are told where several machines share a PostgreSQL database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from dashboard.errors import DatabaseAway, RunError
from dashboard.identity import Identity
from dashboard.routes.metrics import exposition
from dashboard.runs.database import open_database
from dashboard.runs.hints import hints
from dashboard.runs.ledger import Ledger
from dashboard.runs.presence import DEAD_SECONDS, PAGE, WORKER, Presence
from dashboard.runs.readiness import Readiness, readiness
from dashboard.runs.schema import processes
from dashboard.runs.store import RunStore
from dashboard.runs.tally import tally
from dashboard.runs.upgrade import HEAD
from dashboard.settings import Settings
from tests.runs.sky_dispatcher import plan_of


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Iterator[Settings]:
    made = Settings.from_environment({"INTEGRAL_DASHBOARD_DATA": str(tmp_path), "INTEGRAL_DASHBOARD_DATABASE": database_url})
    yield made
    open_database(made).engine.dispose()


def test_workers_that_live_are_counted_and_one_that_died_is_named(settings: Settings) -> None:
    assert readiness(settings) == Readiness(HEAD, 0), "what is there can be looked at"
    one, other, page = (Presence(settings, kind) for kind in (WORKER, WORKER, PAGE))
    for presence in (one, other, page):
        presence.begin()
    assert readiness(settings) == Readiness(HEAD, 2)
    one.end()
    with open_database(settings).writing() as connection:
        connection.execute(processes.update().where(processes.c.process_id == one.process_id).values(beat=processes.c.beat - DEAD_SECONDS))
    assert readiness(settings) == Readiness(HEAD, 1)
    (sentence,) = hints(tally(settings), settings.hosts, None)
    assert sentence.startswith(f"The worker {one.process_id} gave no sign of life for 30 s.")
    other.end()
    page.end()


def test_numbers_are_those_of_the_shared_database(settings: Settings) -> None:
    ledger, store = Ledger(open_database(settings), "test"), RunStore(settings)
    orders = ledger.take_due(store.start(plan_of(12), Identity()))
    ledger.take_place(orders[0].batch_id, 4, attempt=1)
    ledger.take_place(orders[1].batch_id, 4, attempt=1)
    ledger.done(orders[1].batch_id, "file", attempt=1)
    text = exposition(settings, tally(settings), None).decode()
    for line in ('build_info{database="postgresql"', 'jobs_in_flight{host="simulated"} 1', 'queue_batches{host="simulated"} 4'):
        assert f"integral_dashboard_{line}" in text
    assert 'integral_dashboard_batches_done_total{host="simulated"} 1.0' in text
    assert "products_free_bytes" not in text, "object storage has no disk"


def test_tables_that_are_not_there_and_a_server_that_is_away_are_not_ready(settings: Settings) -> None:
    readiness(settings)
    with open_database(settings).writing() as connection:
        connection.execute(sa.text("ALTER TABLE alembic_version RENAME TO elsewhere"))
    with pytest.raises(RunError, match="has schema none, this process works with"):
        readiness(settings)
    away = Settings.from_environment(
        {"INTEGRAL_DASHBOARD_DATA": str(settings.data_dir), "INTEGRAL_DASHBOARD_DATABASE": "postgresql://ada@127.0.0.1:9/runs"}
    )
    with pytest.raises(DatabaseAway, match="does not answer"):
        readiness(away)
