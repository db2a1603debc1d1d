"""Retention with a worker at work: what it removed is asked again, and it is applied without anybody asking."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from dbos import DBOSClient

from dashboard.identity import Identity
from dashboard.runs.database import open_database
from dashboard.runs.process import end_children, ensure_worker
from dashboard.runs.products import ProductStore, batch_file, run_document_file
from dashboard.runs.retention import planned_removals, remove
from dashboard.runs.run_state import RunState
from dashboard.runs.schema import meta, runs
from dashboard.runs.store import RunStore
from dashboard.settings import Settings
from tests.dispatcher.replay import serving
from tests.runs.sky_dispatcher import SkyDispatcher, plan_of, settings_in
from tests.waiting import wait_for_run, wait_until


@pytest.fixture
def dispatcher() -> SkyDispatcher:
    return SkyDispatcher()


@pytest.fixture
def settings(tmp_path: Path, dispatcher: SkyDispatcher) -> Iterator[Settings]:
    with serving(dispatcher) as server:
        yield settings_in(tmp_path, server.url)
        end_children()


def run_to_its_end(settings: Settings, rights: str = "public") -> RunState:
    store = RunStore(settings)
    run_id = store.start(plan_of(6, integral_data_rights=rights), Identity("ada"))
    return wait_for_run(store, run_id, 60.0, lambda _: ensure_worker(settings))


@pytest.mark.slow
@pytest.mark.parametrize("rights", ["public", "all-private"])
def test_what_was_removed_is_asked_again_by_the_next_run_that_needs_it(settings: Settings, dispatcher: SkyDispatcher, rights: str) -> None:
    products, kept = ProductStore(settings.storage_url), plan_of(2, integral_data_rights=rights).batches[0]
    first = run_to_its_end(settings, rights)
    dispatcher.failing[first.batches[2].scw[0]] = 2
    sharing = RunStore(settings).start(plan_of(2, integral_data_rights=rights), Identity("ada"))
    wait_for_run(RunStore(settings), sharing)
    RunStore(settings).pin(sharing)

    removals = planned_removals(settings, days=0.0, gigabytes=None, now=time.time())
    assert remove(settings, removals) == sum(removal.n_bytes for removal in removals) > 0
    stored = [batch.batch_id for batch in first.batches if products.exists(batch_file(batch.batch_id))]
    assert stored == [kept.batch_id], "another run has it"
    assert workflows(settings) <= {f"{kept.batch_id}-1"}, "the queue's memory goes with the batches"

    second = run_to_its_end(settings, rights)
    assert (second.state, second.n_done) == ("done", len(first.batches))
    assert [batch.state for batch in second.batches] == ["reused", "done", "done"]
    assert [dispatcher.submitted[batch.scw[0]] for batch in first.batches] == [1, 2, 4]
    assert second.batches[2].attempts == 3


@pytest.mark.parametrize("rights", ["public", "all-private"])
def test_a_run_that_its_owner_deleted_can_be_started_again(settings: Settings, dispatcher: SkyDispatcher, rights: str) -> None:
    first = run_to_its_end(settings, rights)
    RunStore(settings).delete(first.run_id)
    second = run_to_its_end(settings, rights)
    assert (second.state, second.n_done) == ("done", 3)
    assert set(dispatcher.submitted.values()) == {1 if rights == "public" else 2}


def workflows(settings: Settings) -> set[str]:
    client = DBOSClient(system_database_url=settings.database_url)
    try:
        return {workflow.workflow_id for workflow in client.list_workflows()}
    finally:
        client.destroy()


@pytest.mark.slow
def test_the_worker_applies_the_deployments_retention(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTEGRAL_DASHBOARD_KEEP_DAYS", "30")
    store, products = RunStore(settings), ProductStore(settings.storage_url)
    old, pinned = (run_to_its_end(settings).run_id for _ in range(2))
    end_children()
    store.pin(pinned)
    with open_database(settings).writing() as connection:
        connection.execute(meta.delete().where(meta.c.key == "retention_at"))
        connection.execute(runs.update().values(ended=time.time() - 31 * 86400.0))
    ensure_worker(settings)
    wait_until(lambda: not products.size(f"runs/{old}"), "the old run is still there")
    assert [run.run_id for run in store.list_runs()] == [pinned]
    assert products.exists(run_document_file(pinned))
    assert all(products.exists(batch_file(batch.batch_id)) for batch in store.state(pinned).batches)
