"""Several workers on PostgreSQL: they share the work, and what one leaves undone the others take over."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from dashboard.errors import RunError, SettingsError
from dashboard.identity import Identity
from dashboard.plan.plan import Plan
from dashboard.products.mosaic import Mosaic
from dashboard.runs.database import close_databases, open_database
from dashboard.runs.presence import DEAD_SECONDS
from dashboard.runs.process import end_children, ensure_worker, worker_lock
from dashboard.runs.schema import batches
from dashboard.runs.store import RunStore
from dashboard.session import Session
from dashboard.settings import Settings
from tests.conftest import Observatory
from tests.faults.crab import A_DAY, LATER, LONGER, assert_equal, assert_whole, counts, deployed, happened, planned, started
from tests.older_schema import FORMER, make_older
from tests.shared.team import Deployment, deployment
from tests.waiting import wait_for_run, wait_until

A_FORTNIGHT = {"T1": "2009-02-15T00:00:00", "T2": "2009-03-06T00:00:00"}


@pytest.fixture
def shared(tmp_path: Path, observatory: Observatory, database_url: str) -> Iterator[Deployment]:
    with deployment(tmp_path, observatory.url, database_url) as made:
        yield made


def busy(settings: Settings) -> set[str]:
    """Workers that have asked for batches."""
    with open_database(settings).reading() as connection:
        return set(connection.scalars(sa.select(batches.c.worker).where(batches.c.worker != "")))


@pytest.mark.slow
def test_two_workers_share_a_hundred_batches_and_one_is_killed(shared: Deployment, observatory: Observatory) -> None:
    observatory.knobs(time_per_scw=0.2, concurrency=50)
    settings = shared.settings()
    store, plan = RunStore(settings), planned(settings, **A_FORTNIGHT)
    assert len(plan.batches) >= 100
    one, other = shared.worker("one"), shared.worker("other")
    run_id = store.start(plan, Identity())

    wait_until(lambda: len(busy(settings)) == 2, "both get some of it")
    one.send_signal(signal.SIGKILL)
    state = wait_for_run(store, run_id, 300.0)
    assert_whole(settings, state)
    assert {happened(store, batch.batch_id)["done"] for batch in state.batches} == {1}
    asked = counts(observatory)
    assert asked["jobs"] == asked["products"] == len(plan.batches), "each product was made once"
    assert asked["most_running"] <= settings.hosts["simulated"].jobs_in_flight
    assert other.poll() is None


@pytest.mark.slow
def test_a_worker_that_was_wrongly_thought_dead_does_no_harm(shared: Deployment, observatory: Observatory, tmp_path: Path) -> None:
    observatory.knobs(time_per_scw=1.0, concurrency=50)
    settings = shared.settings()
    store, plan = RunStore(settings), planned(settings, **LONGER)
    stopped = shared.worker("stopped")
    run_id = store.start(plan, Identity())
    wait_until(lambda: store.state(run_id).n_done >= 2, "it is at work")
    stopped.send_signal(signal.SIGSTOP)
    shared.worker("other")
    before = store.state(run_id).n_done
    wait_until(lambda: store.state(run_id).n_done > before + 2, "the other one goes on with it")
    stopped.send_signal(signal.SIGCONT)
    state = wait_for_run(store, run_id, 300.0)
    wait_until(lambda: len([process for process in shared.present() if process.alive]) == 2, "it steps in again")
    assert {happened(store, batch.batch_id)["done"] for batch in state.batches} == {1}
    asked = counts(observatory)
    assert asked["products"] == len(plan.batches)
    assert asked["most_running"] <= settings.hosts["simulated"].jobs_in_flight
    assert stopped.poll() is None
    assert_equal(assert_whole(settings, state), quiet(shared, observatory, plan))


def quiet(shared: Deployment, observatory: Observatory, plan: Plan) -> Mosaic:
    """The sum of the same batches by one worker on SQLite that nobody disturbs."""
    settings = deployed(shared.folder / "quiet", observatory.url)
    store, run_id = started(settings, plan)
    try:
        return assert_whole(settings, wait_for_run(store, run_id))
    finally:
        end_children()


@pytest.mark.slow
def test_a_run_started_on_one_server_is_seen_live_on_another(shared: Deployment) -> None:
    here, there = shared.settings("here"), shared.settings("there")
    shared.worker("elsewhere")
    session = Session(here, Identity(origin="page"))
    session.request.param.update(src_name="Crab", s_max=2, host_type="simulated", **A_DAY)
    plan = planned(here)
    run_id = RunStore(here).start(plan, Identity())
    other = Session(there, Identity(origin="page"))
    other.watch_run(run_id)
    seen: list[int] = []

    def over() -> bool:
        other.refresh()
        assert other.run is not None
        seen.append(other.mosaic.provenance.batches_used if other.mosaic else 0)
        return other.run.finished

    wait_until(over, "the other server follows")
    assert seen == sorted(seen)
    assert seen[0] == 0
    assert seen[-1] == len(plan.batches)
    assert len(set(seen)) > 2, "as it grows"


@pytest.mark.slow
def test_nobody_at_work_is_said_where_one_only_watches(shared: Deployment) -> None:
    settings = shared.settings()
    store, plan = RunStore(settings), planned(settings)
    run_id = store.start(plan, Identity())
    with pytest.raises(RunError, match="No worker is at work"):
        ensure_worker(settings)
    session = Session(settings, Identity(origin="page"))
    session.watch_run(run_id)

    def told() -> bool:
        try:
            session.refresh()
        except RunError as error:
            return "No worker is at work" in error.sentence
        return False

    wait_until(told, "it is not said")
    shared.worker("late")
    wait_until(lambda: not told(), "it is still said")
    assert_whole(settings, wait_for_run(store, run_id))


@pytest.mark.slow
def test_processes_with_different_keys_do_not_share(shared: Deployment) -> None:
    shared.worker("one")
    other = shared.worker("other", INTEGRAL_DASHBOARD_KEY="another secret of at least thirty-two characters")
    assert other.wait(60) == 1
    log = (shared.folder / "other/worker.log").read_text()
    assert "uses another key" in log
    assert "INTEGRAL_DASHBOARD_KEY" in log
    assert "another secret" not in log


@pytest.mark.slow
def test_processes_with_different_stores_do_not_share(shared: Deployment, tmp_path: Path) -> None:
    shared.worker("one")
    other = shared.worker("other", INTEGRAL_DASHBOARD_STORAGE=str(tmp_path / "a disk of its own"))
    assert other.wait(60) == 1
    log = (shared.folder / "other/worker.log").read_text()
    assert "not the one of this database" in log
    mark = (shared.folder / "products/store-id").read_text()
    assert f"write {mark} into its file store-id" in log
    (tmp_path / "a disk of its own").mkdir()
    (tmp_path / "a disk of its own/store-id").write_text(mark)
    moved = shared.worker("other", INTEGRAL_DASHBOARD_STORAGE=str(tmp_path / "a disk of its own"))
    assert moved.poll() is None


@pytest.mark.slow
def test_a_worker_that_is_told_to_end_hands_over_at_once(shared: Deployment, observatory: Observatory) -> None:
    observatory.knobs(time_per_scw=1.0, concurrency=50)
    settings = shared.settings()
    store, plan = RunStore(settings), planned(settings)
    run_id = store.start(plan, Identity())
    leaving = shared.worker("leaving")
    wait_until(lambda: any(batch.state == "running" for batch in store.state(run_id).batches), "it is at work")
    shared.worker("staying")
    leaving.send_signal(signal.SIGTERM)
    assert leaving.wait(30) == 0
    ended = time.time()
    state = wait_for_run(store, run_id)
    assert_whole(settings, state)
    assert max(counts(observatory)["submissions_of"].values()) <= 2
    first = min(event.at for batch in state.batches for event in store.history(batch_id=batch.batch_id) if event.at > ended)
    assert first - ended < DEAD_SECONDS, "nobody waits for signs of life of one that has said good-bye"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["postgresql", "sqlite"])
def test_what_a_dead_worker_had_sent_counts_before_newer_runs_send_theirs(
    tmp_path: Path, observatory: Observatory, kind: str, request: pytest.FixtureRequest
) -> None:
    """First batches of a new run come before the later ones of an old run, which go on at the host all the same."""
    observatory.knobs(time_per_scw=3.0, concurrency=50)
    url = request.getfixturevalue("database_url") if kind == "postgresql" else f"sqlite:///{tmp_path / 'runs.sqlite'}"
    with deployment(tmp_path, observatory.url, url) as made:
        settings = made.settings("one")
        store, old, new = RunStore(settings), planned(settings), planned(settings, **LATER)
        killed = made.worker("one")
        first = store.start(old, Identity())
        wait_until(lambda: store.state(first).n_done >= 3, "it is at work")
        killed.send_signal(signal.SIGKILL)
        killed.wait(30)
        second = store.start(new, Identity())
        made.worker("one")
        for run_id in (first, second):
            assert_whole(settings, wait_for_run(store, run_id, 300.0))
        asked = counts(observatory)
        assert asked["most_running"] <= settings.hosts["simulated"].jobs_in_flight
        assert asked["jobs"] == asked["products"] == len(old.batches) + len(new.batches)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "schema"), [("postgresql", "0003"), ("sqlite", FORMER[0])])
def test_an_older_version_leaves_a_run_and_this_one_ends_it(
    tmp_path: Path, observatory: Observatory, kind: str, schema: str, request: pytest.FixtureRequest
) -> None:
    """A worker of that schema is killed at work; the next one upgrades the tables, and never more than four jobs are at the host."""
    observatory.knobs(time_per_scw=1.0, concurrency=50)
    url = request.getfixturevalue("database_url") if kind == "postgresql" else f"sqlite:///{tmp_path / 'runs.sqlite'}"
    with deployment(tmp_path, observatory.url, url) as made:
        settings = made.settings("one")
        store, plan = RunStore(settings), planned(settings)
        older = made.worker("one")
        run_id = store.start(plan, Identity())
        wait_until(lambda: store.state(run_id).n_done >= 1, "it is at work")
        older.send_signal(signal.SIGKILL)
        older.wait(30)
        make_older(settings, schema)
        close_databases()
        made.worker("one")
        state = wait_for_run(store, run_id, 300.0)
        assert_whole(settings, state)
        assert {happened(store, batch.batch_id)["done"] for batch in state.batches} == {1}
        asked = counts(observatory)
        assert asked["jobs"] == asked["products"] == len(plan.batches)
        assert asked["most_running"] <= settings.hosts["simulated"].jobs_in_flight


@pytest.mark.slow
def test_as_many_workers_as_are_wished_are_seen_to(shared: Deployment) -> None:
    settings = shared.settings("page", INTEGRAL_DASHBOARD_WORKERS="2")
    try:
        ensure_worker(settings)
        wait_until(lambda: len(shared.present()) == 2, "two come up")
        ensure_worker(settings)
        first = int(worker_lock(settings, 2).read_text())
        os.kill(first, signal.SIGKILL)

        def replaced() -> bool:
            ensure_worker(settings)
            return int(worker_lock(settings, 2).read_text()) != first

        wait_until(replaced, "a third takes its place")
    finally:
        end_children()


def test_more_than_one_worker_on_sqlite_is_refused_with_what_to_do() -> None:
    with pytest.raises(SettingsError, match="PostgreSQL"):
        Settings.from_environment({"INTEGRAL_DASHBOARD_DATA": "/nowhere", "INTEGRAL_DASHBOARD_WORKERS": "2"})
    with pytest.raises(SettingsError, match="whole number"):
        Settings.from_environment({"INTEGRAL_DASHBOARD_DATA": "/nowhere", "INTEGRAL_DASHBOARD_WORKERS": "many"})
