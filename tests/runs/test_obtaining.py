from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dashboard.dispatcher.remedy import remedy
from dashboard.errors import HostUnreachable, JobFailed, RequestRefused, StorageFull, TokenExpired
from dashboard.identity import Identity
from dashboard.products.mosaic_fits import read_mosaic
from dashboard.runs import obtaining
from dashboard.runs.database import open_database
from dashboard.runs.gate import Gate
from dashboard.runs.ledger import Ledger
from dashboard.runs.obtaining import Obtainer
from dashboard.runs.products import ProductStore, batch_file
from dashboard.runs.retry import RetryPolicy
from dashboard.runs.run_state import BatchState
from dashboard.runs.schema import batches
from dashboard.runs.store import RunStore
from dashboard.settings import Settings
from tests.dispatcher.replay import serving
from tests.runs.sky_dispatcher import SkyDispatcher, plan_of, settings_in, text
from tests.small_disk import small_disk
from tests.waiting import wait_until


@dataclass
class Bench:
    """A run of one batch, worked on by hand."""

    dispatcher: SkyDispatcher
    settings: Settings

    def __post_init__(self) -> None:
        self.store = RunStore(self.settings)
        self.ledger = Ledger(open_database(self.settings), "test")
        self.gate = Gate(open_database(self.settings), self.settings.hosts)
        self.obtain = Obtainer(self.settings, self.ledger, self.gate)
        self.plan = plan_of(1)
        self.scw = self.plan.batches[0].scw[0]
        self.run_id = self.store.start(self.plan, Identity())
        self.products = ProductStore(self.settings.storage_url)

    @property
    def batch(self) -> BatchState:
        return self.store.state(self.run_id).batches[0]

    def work(self) -> BatchState:
        """Obtain what is due; what waits is made due first."""
        with open_database(self.settings).writing() as connection:
            connection.execute(batches.update().where(batches.c.due.is_not(None)).values(due=0.0))
        for order in self.ledger.take_due(self.run_id):
            self.obtain(order.batch_id, order.workflow_id)
        return self.batch


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    dispatcher = SkyDispatcher()
    with serving(dispatcher) as server:
        settings = settings_in(tmp_path, server.url)
        quick = {name: replace(host, poll_seconds=0.01) for name, host in settings.hosts.items()}
        yield Bench(dispatcher, replace(settings, hosts=quick))


def test_a_batch_comes_back_as_an_immutable_product(bench: Bench) -> None:
    state = bench.work()
    assert (state.state, state.scw_done, state.attempts, bool(state.job_id), state.n_bytes > 1000) == ("done", 1, 1, True, True)
    mosaic = bench.products.read(batch_file(state.batch_id), read_mosaic)
    assert (mosaic.provenance.scw, mosaic.provenance.job_ids, mosaic.provenance.simulated) == (state.scw, (state.job_id,), True)
    assert [event.what for event in bench.store.history(batch_id=state.batch_id)] == [
        *("planned", "queued", "submitted", "downloading", "done")
    ]


def test_failing_twice_then_succeeding(bench: Bench) -> None:
    bench.dispatcher.failing[bench.scw] = 2
    for attempt in (1, 2):
        state = bench.work()
        assert (state.state, state.attempts, "node died" in state.reason) == ("queued", attempt, True)
    state = bench.work()
    assert (state.state, state.attempts, state.reason) == ("done", 3, "")
    assert bench.dispatcher.delivered[bench.scw] == 1


def test_a_batch_that_keeps_failing_is_given_up_and_can_be_retried(bench: Bench) -> None:
    bench.dispatcher.failing[bench.scw] = 4
    seen = [bench.work().state for _ in range(4)]
    assert seen == ["queued", "queued", "queued", "failed"]
    bench.ledger.settle(bench.run_id, complete=True)
    assert bench.store.retry_failed(bench.run_id) == 1
    assert (bench.work().state, bench.batch.attempts) == ("done", 5)


def test_a_refusal_is_final(bench: Bench) -> None:
    bench.dispatcher.refused.add(bench.scw)
    state = bench.work()
    assert (state.state, "E1_keV is wrong" in state.reason, "Change the request" in state.remedy) == ("failed", True, True)


def test_an_empty_product_is_final_and_not_stored(bench: Bench) -> None:
    bench.dispatcher.empty.add(bench.scw)
    state = bench.work()
    assert (state.state, "nothing could be imaged" in state.reason) == ("failed", True)
    assert not bench.products.exists(batch_file(state.batch_id))


def test_a_product_that_is_there_is_not_asked_again(bench: Bench) -> None:
    order = bench.ledger.take_due(bench.run_id)[0]
    bench.obtain(order.batch_id, order.workflow_id)
    with open_database(bench.settings).writing() as connection:  # as if the worker had been killed between file and row
        connection.execute(sa.update(batches).values(state="downloading"))
    bench.obtain(order.batch_id, order.workflow_id)
    assert bench.batch.state == "done"
    assert bench.dispatcher.submitted[bench.scw] == 1


def test_a_product_that_cannot_be_read_is_asked_again(bench: Bench) -> None:
    bench.products.write(batch_file(bench.batch.batch_id), text("SIMPLE  = garbage"))
    assert bench.work().state == "done"
    assert bench.dispatcher.delivered[bench.scw] == 1


def test_an_attempt_that_was_overtaken_does_nothing(bench: Bench) -> None:
    bench.dispatcher.failing[bench.scw] = 1
    old = f"{bench.batch.batch_id}-1"
    bench.work()
    bench.obtain(bench.batch.batch_id, old)
    assert bench.work().state == "done"
    bench.obtain(bench.batch.batch_id, old)
    assert bench.dispatcher.submitted[bench.scw] == 2


def test_a_full_disk_waits_and_costs_no_try(bench: Bench, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 64) as disk:
        bench.obtain = Obtainer(replace(bench.settings, storage_url=str(disk)), bench.ledger, bench.gate)
        for _ in range(6):
            state = bench.work()
            assert (state.state, "No space is left" in state.reason) == ("queued", True)
            assert [path for path in disk.rglob("*") if path.is_file()] == []
        subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
        assert bench.work().state == "done"


@pytest.mark.sqlite
def test_a_disk_that_is_full_for_the_database_too_loses_no_batch(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    dispatcher = SkyDispatcher()
    with small_disk(tmp_path / "disk", 4000) as disk, serving(dispatcher) as server:
        settings = settings_in(disk / "data", server.url)
        bench = Bench(dispatcher, replace(settings, hosts={n: replace(h, poll_seconds=0.01) for n, h in settings.hosts.items()}))
        dispatcher.released.clear()
        order = bench.ledger.take_due(bench.run_id)[0]
        thread = threading.Thread(target=bench.obtain, args=(order.batch_id, order.workflow_id))
        thread.start()
        while bench.batch.state != "running":
            thread.join(0.02)
            assert thread.is_alive()
        with pytest.raises(OSError, match="No space left"):
            (disk / "other").write_bytes(bytes(4_096_000))
        dispatcher.released.set()
        while "No space is left for the database" not in caplog.text:
            thread.join(0.02)
            assert thread.is_alive()
        (disk / "other").unlink()
        thread.join(20)
        assert (bench.batch.state, "No space is left" in bench.batch.reason) == ("queued", True)
        assert bench.work().state == "done"


def test_a_defect_of_ours_ends_the_batch_without_its_words(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("secret")

    monkeypatch.setattr(obtaining, "obtain", broken)
    state = bench.work()
    assert (state.state, "KeyError" in state.reason, "secret" in state.reason) == ("failed", True, False)


def test_cancelling_ends_the_wait(bench: Bench) -> None:
    bench.dispatcher.released.clear()
    order = bench.ledger.take_due(bench.run_id)[0]
    thread = threading.Thread(target=bench.obtain, args=(order.batch_id, order.workflow_id))
    thread.start()
    while bench.batch.state != "running":
        thread.join(0.02)
        assert thread.is_alive()
    assert bench.batch.scw_done == 1
    bench.store.cancel(bench.run_id)
    thread.join(20)
    assert not thread.is_alive()
    assert (bench.batch.state, bench.dispatcher.delivered[bench.scw]) == ("cancelled", 0)


def test_who_leaves_stores_the_answers_that_are_there(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    write, storing, go_on = bench.obtain._products.write, threading.Event(), threading.Event()

    def slowly(*what: Any) -> None:
        storing.set()
        assert go_on.wait(20)
        write(*what)

    monkeypatch.setattr(bench.obtain._products, "write", slowly)
    order = bench.ledger.take_due(bench.run_id)[0]
    obtaining = threading.Thread(target=bench.obtain, args=(order.batch_id, order.workflow_id))
    obtaining.start()
    assert storing.wait(20)
    bench.obtain.leave(0.05)
    assert bench.batch.state == "downloading", "it does not wait for ever"
    leaving = threading.Thread(target=bench.obtain.leave, args=(20,))
    leaving.start()
    go_on.set()
    leaving.join(20)
    assert not leaving.is_alive()
    assert bench.batch.state == "done"
    obtaining.join(20)


def test_who_leaves_begins_nothing_and_takes_no_answer(bench: Bench) -> None:
    bench.dispatcher.released.clear()
    order = bench.ledger.take_due(bench.run_id)[0]
    polling = threading.Thread(target=bench.obtain, args=(order.batch_id, order.workflow_id), daemon=True)
    polling.start()
    wait_until(lambda: bench.batch.state == "running", "its job does not run")
    bench.obtain.leave(5)
    bench.dispatcher.released.set()
    late = threading.Thread(target=bench.obtain, args=(order.batch_id, order.workflow_id), daemon=True)
    late.start()
    polling.join(0.3)
    assert polling.is_alive()
    assert late.is_alive()
    assert (bench.batch.state, bench.batch.attempts) == ("running", 1)
    Obtainer(bench.settings, bench.ledger, bench.gate)(order.batch_id, order.workflow_id)
    assert (bench.batch.state, bench.batch.attempts) == ("done", 1), "another takes it up, and no try is lost"


def test_an_unknown_address_is_a_retry(bench: Bench) -> None:
    lost = replace(bench.settings, simulated_url="http://127.0.0.1:9")
    order = bench.ledger.take_due(bench.run_id)[0]
    Obtainer(lost, bench.ledger, bench.gate)(order.batch_id, order.workflow_id)
    assert (bench.batch.state, "cannot be reached" in bench.batch.reason) == ("queued", True)


def test_pauses_double_up_to_a_cap_and_spread() -> None:
    low, high = (RetryPolicy(tries=8, first=10, cap=100, draw=lambda d=draw: d) for draw in (0.0, 1.0))  # type: ignore[misc]
    failure = HostUnreachable("x")
    assert [low.pause(failure, n) for n in (1, 2, 3, 4, 5, 6)] == [5, 10, 20, 40, 50, 50]
    assert [high.pause(failure, n) for n in (1, 5, 7)] == [15, 150, 150]
    assert low.pause(failure, 8) is None
    assert low.pause(RequestRefused("x"), 1) is None
    assert low.pause(StorageFull("x"), 99) == low.no_storage
    simulated, real = (RetryPolicy.of(name) for name in ("simulated", "production"))
    assert simulated.cap < real.first


def test_a_remedy_says_what_helps() -> None:
    assert "token" in remedy(TokenExpired("x"))
    assert "Change" in remedy(RequestRefused("x"))
    assert "again" in remedy(JobFailed("x"))
