from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dashboard.errors import JobFailed, ProductError, RequestRefused, RunError, RunNotFound, StorageFull, WorkerRefused
from dashboard.identity import Identity
from dashboard.runs.database import open_database, refuse_network_disk
from dashboard.runs.ledger import AHEAD, Ledger
from dashboard.runs.run_state import RunState
from dashboard.runs.store import RunStore
from dashboard.runs.upgrade import HEAD
from dashboard.settings import Settings
from tests.runs.sky_dispatcher import plan_of, settings_in

ME = Identity("ada", origin="notebook")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path / "data")


@pytest.fixture
def store(settings: Settings) -> RunStore:
    return RunStore(settings)


@pytest.fixture
def ledger(settings: Settings) -> Ledger:
    return Ledger(open_database(settings), "test")


def states(state: RunState) -> list[str]:
    return [batch.state for batch in state.batches]


def test_a_new_run_holds_what_was_planned(store: RunStore) -> None:
    plan = plan_of(5)
    run_id = store.start(plan, ME, "my Crab")
    state = store.state(run_id)
    assert (state.run_id, state.name, state.owner, state.host, state.state) == (run_id, "my Crab", "ada", "simulated", "planned")
    assert [batch.scw for batch in state.batches] == [batch.scw for batch in plan.batches]
    assert [batch.batch_id for batch in state.batches] == [batch.batch_id for batch in plan.batches]
    assert set(states(state)) == {"planned"}
    assert state.line_of_truth == f"0 of {len(plan.batches)} batches, 0 of 5 ScW, 0.0 ks, OSA11.2, CONS, SIMULATED"
    assert store.plan(run_id).to_dict() == plan.to_dict()
    assert [run.run_id for run in store.list_runs("ada")] == [run_id]
    assert store.list_runs("eve") == ()
    assert store.versions([run_id, "other"]) == {run_id: state.version}


def test_a_run_that_is_not_there_is_named(store: RunStore) -> None:
    for act in (store.state, store.plan, store.cancel, store.retry_failed):
        with pytest.raises(RunNotFound, match="nowhere"):
            act("nowhere")


def test_a_field_too_wide_for_a_mosaic_is_refused_before_anything_is_stored(store: RunStore) -> None:
    plan = plan_of(4)
    plan.pointings.ra_scx[0] += 180.0
    with pytest.raises(ProductError, match="smaller field"):
        store.start(plan, ME)
    assert store.list_runs("ada") == ()


def test_the_line_of_truth_follows_every_step(store: RunStore, ledger: Ledger) -> None:
    plan = plan_of(6)
    run_id = store.start(plan, ME)
    first, second, third = (batch.batch_id for batch in plan.batches[:3])
    seen = [store.state(run_id)]

    def look() -> RunState:
        ledger.settle(run_id, complete=False)
        seen.append(store.state(run_id))
        assert seen[-1].version > seen[-2].version
        return seen[-1]

    orders = ledger.take_due(run_id)
    assert [order.batch_id for order in orders] == [batch.batch_id for batch in plan.batches]
    assert [order.priority for order in orders] == list(range(1, len(orders) + 1))
    assert set(states(look())) == {"queued"}
    ledger.progress(first, "submitted", job_id="j1")
    assert states(look())[0] == "submitted"
    ledger.progress(first, "running", scw_done=1)
    state = look()
    assert (state.batches[0].scw_done, state.scw_done, state.state) == (1, 0, "running")
    ledger.done(first, "file")
    assert look().line_of_truth == f"1 of {len(plan.batches)} batches, 2 of 6 ScW, 3.5 ks, OSA11.2, CONS, SIMULATED"
    ledger.failed(second, RequestRefused("E1_keV is wrong."), None)
    state = look()
    assert state.line_of_truth.startswith(f"1 of {len(plan.batches)} batches (1 failed), 2 of 6 ScW")
    assert (state.batches[1].reason, state.batches[1].remedy[:18]) == ("E1_keV is wrong.", "Change the request")
    ledger.failed(third, JobFailed("The node died."), 60.0)
    events = store.history(batch_id=third)
    assert [(event.what, event.detail) for event in events] == [("planned", ""), ("queued", "attempt 1"), ("queued", "The node died.")]
    assert look().batches[2].state == "queued"
    assert look_at_ready(ledger, run_id) == []
    assert [event.what for event in store.history(batch_id=first)] == ["planned", "queued", "submitted", "running", "done"]


def look_at_ready(ledger: Ledger, run_id: str) -> list[str]:
    return [order.batch_id for order in ledger.take_due(run_id)]


def test_exposure_counts_a_science_window_once_whatever_is_made_of_it(store: RunStore, ledger: Ledger) -> None:
    plan = plan_of(6, instrument=["isgri", "jemx1"], product=["mosaic", "lightcurve"])
    longer = np.array([1000.0, 2000.0, 3000.0, 4000.0, 5000.0, 6000.0])
    plan = replace(plan, pointings=replace(plan.pointings, telapse=longer))
    run_id = store.start(plan, Identity())
    assert store.state(run_id).elapsed == longer.sum()
    for batch in plan.batches:
        ledger.done(batch.batch_id, "")
    state = store.state(run_id)
    assert (state.exposure_done, state.scw_done) == (longer.sum(), 6)


def test_a_run_waits_when_all_that_is_left_waits(store: RunStore, ledger: Ledger) -> None:
    plan = plan_of(2)
    run_id = store.start(plan, ME)
    for order in ledger.take_due(run_id):
        ledger.failed(order.batch_id, StorageFull("No space is left."), 30.0)
    ledger.settle(run_id, complete=False)
    state = store.state(run_id)
    assert (state.state, state.reason, state.finished) == ("waiting", "No space is left.", False)


def test_at_most_so_many_stand_in_the_queue(store: RunStore, ledger: Ledger) -> None:
    run_id = store.start(plan_of(AHEAD + 8, s_max=1), ME)
    first = ledger.take_due(run_id)
    assert (len(first), ledger.take_due(run_id)) == (AHEAD, [])
    ledger.progress(first[0].batch_id, "submitted")
    assert [order.priority for order in ledger.take_due(run_id)] == [AHEAD + 1]
    assert {order.batch_id for order in ledger.in_queue()} == {order.batch_id for order in first} | {
        store.state(run_id).batches[AHEAD].batch_id
    }


def test_what_is_done_is_reused_and_what_failed_is_asked_again(store: RunStore, ledger: Ledger) -> None:
    plan = plan_of(4)
    old = store.start(plan, ME)
    orders = ledger.take_due(old)
    done, failed = orders[0].batch_id, orders[1].batch_id
    ledger.done(done, "file")
    for order in orders[1:]:
        ledger.failed(order.batch_id, RequestRefused("No."), None)
    ledger.settle(old, complete=True)
    assert store.state(old).state == "done with failures"
    assert store.done_batches([done, failed, "other"]) == {done}
    new = store.start(plan_of(6), ME)
    seen = {batch.batch_id: batch for batch in store.state(new).batches}
    assert (seen[done].state, seen[failed].state, seen[failed].reason) == ("reused", "planned", "")
    assert store.state(new).n_done == 1
    assert store.state(old).state == "running", "it gets what is asked again for another run"
    taken = {order.batch_id: order.attempt for order in ledger.take_due(new)}
    assert done not in taken
    assert taken[failed] == 2
    assert ledger.take_due(old) == [], "the same batch is never asked twice"


def test_retry_asks_only_what_failed(store: RunStore, ledger: Ledger) -> None:
    run_id = store.start(plan_of(6), ME)
    orders = ledger.take_due(run_id)
    for order in orders[1:]:
        ledger.done(order.batch_id, "file")
    ledger.failed(orders[0].batch_id, RequestRefused("No."), None)
    ledger.refuse(run_id, orders[1].batch_id, ProductError("It does not fit."))
    ledger.settle(run_id, complete=True)
    state = store.state(run_id)
    assert (state.state, state.n_failed, state.batches[1].reason) == ("done with failures", 2, "It does not fit.")
    assert store.retry_failed(run_id) == 2
    assert store.state(run_id).state == "running"
    assert [order.batch_id for order in ledger.take_due(run_id)] == [order.batch_id for order in orders[:2]]


def test_cancelling_leaves_what_another_run_waits_for(store: RunStore, ledger: Ledger) -> None:
    mine, others = store.start(plan_of(6), ME), store.start(plan_of(4), Identity("eve"))
    orders = ledger.take_due(mine)
    ledger.progress(orders[-1].batch_id, "running")
    store.cancel(mine)
    shared = {batch.batch_id for batch in store.state(others).batches}
    assert {batch.state for batch in store.state(others).batches} == {"queued"}
    assert {batch.state for batch in store.state(mine).batches if batch.batch_id not in shared} == {"cancelled"}
    assert "MMODA goes on" in store.history(batch_id=orders[-1].batch_id)[-1].detail
    assert orders[-1].batch_id not in ledger.waited_for()
    ledger.done(orders[-1].batch_id, "file")
    assert store.state(mine).batches[-1].state == "cancelled"
    assert (store.state(mine).state, store.state(mine).finished) == ("cancelled", True)
    store.cancel(mine)
    assert [event.what for event in store.history(run_id=mine)] == ["started", "cancelled"]


@pytest.mark.sqlite
def test_the_database_is_in_wal_and_knows_its_schema(store: RunStore, settings: Settings) -> None:
    store.versions([])
    with closing(sqlite3.connect(settings.data_dir / "dashboard.sqlite")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (HEAD,)


def test_a_network_disk_is_refused() -> None:
    mounts = "/dev/sda1 / ext4 rw 0 0\nserver:/home /home nfs4 rw 0 0\n/dev/sdb /home/local xfs rw 0 0\n"
    refuse_network_disk(Path("/home/local/data"), mounts)
    refuse_network_disk(Path("/srv/data"), mounts)
    with pytest.raises(WorkerRefused, match="PostgreSQL"):
        refuse_network_disk(Path("/home/ada/data"), mounts)


def test_a_database_that_cannot_be_opened_is_a_sentence_without_its_password(settings: Settings, tmp_path: Path) -> None:
    for url in ("nonsense://ada:secret@x/y", "secret"):
        with pytest.raises(RunError, match="INTEGRAL_DASHBOARD_DATABASE") as caught:
            open_database(replace(settings, database_url=url))
        assert "secret" not in caught.value.sentence
    with pytest.raises(RunError, match="does not answer"):
        open_database(replace(settings, database_url=f"sqlite:///{tmp_path}"))
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="INTEGRAL_DASHBOARD_DATA "):
        open_database(settings_in(tmp_path / "file" / "below"))


@pytest.mark.sqlite
@pytest.mark.parametrize("damage", ["a text", "pages"])
def test_a_damaged_database_is_named_with_what_to_do(settings: Settings, tmp_path: Path, damage: str) -> None:
    file = settings.data_dir / "dashboard.sqlite"
    if damage == "a text":
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        file.write_text("no database " * 1000)
    else:
        open_database(settings)
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        content = file.read_bytes()
        file.write_bytes(content[:100] + b"\xa5" * (len(content) - 100))
    with pytest.raises(RunError, match=r"is damaged .* move it away") as caught:
        open_database(replace(settings, database_url=f"sqlite:///{settings.data_dir}/./dashboard.sqlite"))
    assert str(settings.data_dir) in caught.value.sentence
