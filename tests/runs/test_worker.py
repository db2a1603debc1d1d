"""The worker as a process: a run from start to end, a second worker, kills."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dbos import DBOSClient

from dashboard.combine.mosaic_sum import rebuild
from dashboard.dispatcher.health import check_host
from dashboard.errors import RequestError, RunError, WorkerRefused
from dashboard.identity import Identity
from dashboard.products.mosaic_fits import read_mosaic
from dashboard.runs import process
from dashboard.runs.database import make_data_folder
from dashboard.runs.field import run_grid
from dashboard.runs.process import end_children, ensure_worker, host_for
from dashboard.runs.products import ProductStore, batch_file
from dashboard.runs.results import load_mosaic, load_sources
from dashboard.runs.run_state import RunState
from dashboard.runs.store import RunStore
from dashboard.runs.worker import main
from dashboard.runs.workflow import APPLICATION_VERSION, EXECUTOR
from dashboard.settings import Settings
from tests.dispatcher.replay import answer, serving
from tests.processes import kill_worker, worker_is_gone, workers
from tests.runs.sky_dispatcher import SkyDispatcher, plan_of, settings_in
from tests.waiting import wait_for_run

SECRET = "a-token-that-must-not-be-stored"


@pytest.fixture
def dispatcher() -> SkyDispatcher:
    return SkyDispatcher()


@pytest.fixture
def settings(tmp_path: Path, dispatcher: SkyDispatcher, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    monkeypatch.setenv("ODA_TOKEN", SECRET)
    with serving(dispatcher) as server:
        yield settings_in(tmp_path, server.url)
        end_children()


def until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def assert_undisturbed(settings: Settings, store: RunStore, state: RunState) -> None:
    """Every batch is in the mosaic once, and the mosaic is the sum of the stored parts."""
    plan, products = store.plan(state.run_id), ProductStore(settings.storage_url)
    ids = [batch.batch_id for batch in state.batches if batch.arrived]
    expected = rebuild(run_grid(plan.pointings), ((i, products.read(batch_file(i), read_mosaic)) for i in ids)).result(len(plan.batches))
    mosaic = load_mosaic(settings, state)
    assert mosaic.provenance.batches_used == len(ids)
    assert sorted(mosaic.provenance.scw) == sorted(scw for batch in state.batches if batch.arrived for scw in batch.scw)
    assert mosaic.flux is not None
    assert expected.flux is not None
    np.testing.assert_allclose(mosaic.flux, expected.flux, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(mosaic.significance, expected.significance, rtol=1e-6, atol=1e-5)


@pytest.mark.slow
@pytest.mark.sqlite
def test_a_run_with_faults_from_start_to_end(settings: Settings, dispatcher: SkyDispatcher, monkeypatch: pytest.MonkeyPatch) -> None:
    store, plan = RunStore(settings), plan_of(16)
    weak, wrong = plan.batches[1].scw[0], plan.batches[4].scw[0]
    dispatcher.failing[weak] = 2
    dispatcher.refused.add(wrong)
    run_id = store.start(plan, Identity())
    ensure_worker(settings)
    assert not worker_is_gone(settings), "from the first moment on"
    seen: list[RunState] = []

    def look(state: RunState) -> None:
        ensure_worker(settings)
        seen.append(state)

    state = wait_for_run(store, run_id, 60.0, look)

    assert state.state == "done with failures"
    assert [batch.state == "failed" for batch in state.batches] == [batch.scw[0] == wrong for batch in plan.batches]
    assert state.batches[1].attempts == 3
    assert {scw: n for scw, n in dispatcher.delivered.items() if n != 1} == {}
    assert load_sources(settings, state).sources[0].name == "Crab"
    assert_undisturbed(settings, store, state)
    for before, after in itertools.pairwise(seen):
        assert after.version >= before.version
        assert after.n_done >= before.n_done, "what is there stays there"
        assert after == before or after.version > before.version, "every change raises the version"
        in_flight = sum(batch.state in {"submitted", "running", "downloading"} for batch in after.batches)
        assert in_flight <= settings.hosts["simulated"].jobs_in_flight

    with monkeypatch.context() as patch:
        patch.setenv("INTEGRAL_DASHBOARD_DATA", str(settings.data_dir))
        with pytest.raises(WorkerRefused, match="PostgreSQL"):
            main([])

    dispatcher.refused.clear()
    assert store.retry_failed(run_id) == 1
    state = wait_for_run(store, run_id)
    assert (state.state, state.n_done) == ("done", len(plan.batches))
    assert_undisturbed(settings, store, state)

    sent = dispatcher.submitted.total()
    again = wait_for_run(store, store.start(plan_of(16), Identity("eve")))
    assert {batch.state for batch in again.batches} == {"reused"}
    assert (again.state, dispatcher.submitted.total()) == ("done", sent)
    assert_undisturbed(settings, store, again)

    pinned_workflows(settings, {f"{batch.batch_id}-{attempt}" for batch in state.batches for attempt in range(1, batch.attempts + 1)})
    end_children()
    assert worker_is_gone(settings)
    files = [path for path in settings.data_dir.rglob("*") if path.is_file()]
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]


def pinned_workflows(settings: Settings, ids: set[str]) -> None:
    """What is recorded of workflows: names, steps and version that an older or newer worker finds again, and ids only."""
    client = DBOSClient(system_database_url=settings.database_url)
    try:
        workflows = client.list_workflows()
        assert {workflow.workflow_id for workflow in workflows} == ids
        assert {(w.name, w.app_version, w.executor_id, w.queue_name, w.status) for w in workflows} == {
            ("obtain_batch", "runs-1", "worker", "batches", "SUCCESS")
        }
        assert {repr(w.input) for w in workflows} == {repr({"args": (i.rpartition("-")[0],), "kwargs": {}}) for i in ids}
        steps = [client.list_workflow_steps(workflow.workflow_id) for workflow in workflows]
        assert {tuple((step["function_name"], step["output"]) for step in listed) for listed in steps} == {(("obtain", None),)}
    finally:
        client.destroy()
    assert (APPLICATION_VERSION, EXECUTOR) == ("runs-1", "worker")


def test_a_worker_that_is_killed_loses_nothing_and_asks_nothing_twice(settings: Settings, dispatcher: SkyDispatcher) -> None:
    """By a dispatcher that counts what it delivers; tests/faults kills at random moments."""
    store, plan = RunStore(settings), plan_of(12)
    run_id = store.start(plan, Identity())
    ensure_worker(settings)
    until(lambda: bool(dispatcher.submitted) and store.state(run_id).n_done >= 2)
    kill_worker(settings)
    state = wait_for_run(store, run_id, 120.0, lambda _: ensure_worker(settings))
    assert (state.state, state.n_done) == ("done", len(plan.batches))
    assert {batch.attempts for batch in state.batches} == {1}
    assert_undisturbed(settings, store, state)
    # A product that was on its way when the worker died is sent again; nothing else is.
    assert dispatcher.delivered.total() <= len(plan.batches) + settings.hosts["simulated"].jobs_in_flight


def test_a_worker_that_cannot_start_is_reported(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = replace(settings, database_url="nonsense://")
    monkeypatch.setattr(process, "open_database", lambda _: make_data_folder(settings.data_dir))
    ensure_worker(broken)
    until(lambda: worker_is_gone(settings))
    with pytest.raises(RunError, match=r"worker\.log says why"):
        ensure_worker(broken)


@pytest.mark.slow
def test_a_worker_whose_folder_was_removed_ends(settings: Settings) -> None:
    ensure_worker(settings, lasting=True)
    until(lambda: len(RunStore(settings).list_runs()) == 0 and bool(workers(settings.data_dir)))
    shutil.rmtree(settings.data_dir)
    until(lambda: not workers(settings.data_dir))


def test_hosts_are_found_by_name(settings: Settings) -> None:
    assert host_for(settings, "production").dispatcher_url.startswith("https://www.astro.unige.ch")
    simulated = host_for(settings, "simulated")
    assert (simulated.dispatcher_url, simulated.timesystem_url) == (
        settings.simulated_url,
        f"{settings.simulated_url}/gw/timesystem/api/v1.0",
    )
    with pytest.raises(RequestError, match="production, staging, esa"):
        host_for(settings, "mars")


def test_a_running_observatory_is_found(tmp_path: Path) -> None:
    with serving(lambda _: answer([])) as server:
        (tmp_path / "observatory.json").write_text(f'{{"url": "{server.url}/"}}')
        assert host_for(settings_in(tmp_path, ""), "simulated").dispatcher_url == server.url


def test_one_observatory_is_shared_and_replaced_when_it_dies(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, "")
    try:
        with ThreadPoolExecutor(2) as pool:
            first, second = pool.map(host_for, (settings, settings), ("simulated", "simulated"))
        assert first == second
        os.kill(json.loads((tmp_path / "observatory.json").read_text())["pid"], signal.SIGKILL)
        assert check_host(host_for(settings, "simulated")).reachable
    finally:
        end_children()
    assert not check_host(first).reachable
