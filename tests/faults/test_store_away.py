"""The database locked or away, its disk or that of the products full: runs go on when it is over, and nothing is asked twice."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from dashboard.errors import RunError
from dashboard.identity import Identity
from dashboard.runs.process import ensure_worker
from dashboard.runs.run_state import RunState
from dashboard.runs.store import RunStore
from dashboard.settings import Settings
from tests.conftest import ROOT, Observatory
from tests.faults.crab import assert_whole, attempts, counts, happened, planned, reasons, started
from tests.processes import worker_is_gone
from tests.small_disk import small_disk
from tests.waiting import wait_for_run, wait_until

A_MINUTE = 65.0


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Another process of somebody's writes to the database all the time."""
    with closing(sqlite3.connect(database, isolation_level=None, timeout=60)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def impatient_worker(settings: Settings) -> Iterator[None]:
    """A worker that waits half a second for a lock."""
    env = {**os.environ, "INTEGRAL_DASHBOARD_DATA": str(settings.data_dir), "INTEGRAL_DASHBOARD_SIMULATED_URL": settings.simulated_url}
    with subprocess.Popen([sys.executable, "-m", "tests.faults.impatient"], cwd=ROOT, env=env, stderr=subprocess.PIPE) as worker:
        try:
            yield
            assert worker.poll() is None, "it ends for no lock"
        finally:
            worker.kill()


def passes(seconds: float) -> None:
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= end, "time stands still", seconds + 60)


def under_way(store: RunStore, run_id: str) -> bool:
    return store.state(run_id).n_done > 0


def assert_undisturbed(settings: Settings, observatory: Observatory, store: RunStore, state: RunState) -> None:
    """Whole, each batch done once, and its product made and fetched once."""
    assert_whole(settings, state)
    assert {happened(store, batch.batch_id)["done"] for batch in state.batches} == {1}
    asked = counts(observatory)
    assert asked["jobs"] == asked["products"] == len(state.batches)


@pytest.mark.slow
def test_a_lock_longer_than_anybody_waits_for_it_loses_nothing(settings: Settings, observatory: Observatory) -> None:
    observatory.knobs(time_per_scw=0.3)
    store = RunStore(settings)
    run_id = store.start(planned(settings), Identity())
    with impatient_worker(settings):
        wait_until(lambda: under_way(store, run_id), "nothing comes")
        with locked(settings.data_dir / "dashboard.sqlite"):
            before = store.state(run_id)
            passes(5.0)
            assert store.state(run_id) == before, "it can be looked at meanwhile"
        state = wait_for_run(store, run_id)
    assert_undisturbed(settings, observatory, store, state)
    assert counts(observatory)["submissions"] == len(state.batches)
    assert all(batch.reason == "" for batch in state.batches), reasons(state)


@pytest.mark.slow
def test_a_lock_of_a_minute_loses_nothing(settings: Settings, observatory: Observatory) -> None:
    observatory.knobs(time_per_scw=0.3)
    store, run_id = started(settings, planned(settings))
    wait_until(lambda: under_way(store, run_id), "nothing comes")
    with locked(settings.data_dir / "dashboard.sqlite"):
        passes(A_MINUTE)
        with pytest.raises(RunError, match="does not answer: database is locked"):
            store.cancel(run_id)
    state = wait_for_run(store, run_id)
    assert_undisturbed(settings, observatory, store, state)
    assert counts(observatory)["submissions"] == len(state.batches)


@pytest.mark.parametrize("seconds", [4.0, pytest.param(A_MINUTE, marks=pytest.mark.slow)])
def test_a_database_whose_folder_is_away_is_waited_for(
    settings: Settings, observatory: Observatory, tmp_path: Path, seconds: float
) -> None:
    observatory.knobs(time_per_scw=0.3)
    folder = tmp_path / "database"
    folder.mkdir()
    apart = replace(settings, database_url=f"sqlite:///{folder / 'runs.sqlite'}")
    store, run_id = started(apart, planned(apart))
    wait_until(lambda: under_way(store, run_id), "nothing comes")
    shutil.move(folder, tmp_path / "elsewhere")
    passes(seconds)
    shutil.move(tmp_path / "elsewhere", folder)
    state = wait_for_run(store, run_id, each=lambda _: ensure_worker(apart))
    assert_undisturbed(apart, observatory, store, state)


@pytest.mark.slow
def test_a_full_disk_of_the_products_is_waited_for(settings: Settings, observatory: Observatory, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 3000) as disk:
        small = replace(settings, storage_url=str(disk))
        store, run_id = started(small, planned(small))
        wait_until(lambda: store.state(run_id).state == "waiting", "it does not wait")
        state = store.state(run_id)
        assert "No space is left" in state.reason, reasons(state)
        assert state.n_failed == 0
        subprocess.run(["mount", "-o", "remount,size=400m", str(disk)], check=True)
        state = wait_for_run(store, run_id)
        assert_whole(small, state)
        assert {happened(store, batch.batch_id)["done"] for batch in state.batches} == {1}


@pytest.mark.slow
def test_a_full_disk_of_the_database_is_waited_for(settings: Settings, observatory: Observatory, tmp_path: Path) -> None:
    observatory.knobs(time_per_scw=0.3)
    with small_disk(tmp_path / "disk", 8000) as disk:
        small = replace(settings, database_url=f"sqlite:///{disk / 'runs.sqlite'}")
        store, run_id = started(small, planned(small))
        wait_until(lambda: under_way(store, run_id), "nothing comes")
        with pytest.raises(OSError, match="No space left"):
            (disk / "other").write_bytes(bytes(8_192_000))
        log = settings.data_dir / "worker.log"
        wait_until(lambda: "No space is left for the database" in log.read_text(), "nobody notices")
        passes(5.0)
        (disk / "other").unlink()
        state = wait_for_run(store, run_id, each=lambda _: ensure_worker(small))
        assert_whole(small, state)
        assert {happened(store, batch.batch_id)["done"] for batch in state.batches} == {1}
        assert not worker_is_gone(small)
        assert max(attempts(state)) <= 3
