"""A host that is away for a while costs time and nothing else: real queries, with the hours of waiting left out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa

from dashboard.identity import Identity
from dashboard.runs.database import open_database
from dashboard.runs.gate import LOOK_AGAIN_SECONDS, Gate
from dashboard.runs.ledger import Ledger, Order
from dashboard.runs.obtaining import Obtainer
from dashboard.runs.process import worker_lock
from dashboard.runs.run_state import BatchState, RunState
from dashboard.runs.schema import batches, hosts
from dashboard.runs.store import RunStore
from dashboard.runs.team import Team
from dashboard.runs.worker import Worker
from dashboard.runs.workflow import BatchQueue
from tests.dispatcher.replay import FakeTime, Reply, Script, answer, serving
from tests.runs.sky_dispatcher import SkyDispatcher, plan_of, settings_in

REFUSING = "http://127.0.0.1:9"
LOCKED = answer({"query_status": "failed", "job_monitor": {}, "exit_status": {"message": "Failed to acquire lock for directory"}})


class Queue(list[Order]):
    """What the worker wants to be asked for, and nobody else."""

    put = list.append

    def held_by_others(self, executors: Collection[str]) -> list[str]:
        return []


class Bench:
    """A run at the simulated host, worked on by hand; `host` says what stands at its address."""

    def __init__(self, folder: Path, windows: int, **limits: Any) -> None:
        self.settings = settings_in(folder)
        hosts = {name: replace(host, poll_seconds=0.01, **limits) for name, host in self.settings.hosts.items()}
        self.settings = replace(self.settings, hosts=hosts)
        self.time = FakeTime()
        self.time.now = time.time()
        self.database = open_database(self.settings)
        self.gate = Gate(self.database, hosts, self.time.clock)
        self.ledger = Ledger(self.database, "test")
        self.store = RunStore(self.settings)
        self.run_id = self.store.start(plan_of(windows), Identity())
        self.queue = Queue()
        queue = cast(BatchQueue, self.queue)
        self.worker = Worker(self.settings, queue, self.ledger, self.gate, Team(self.database, self.ledger, queue, "test"))
        worker_lock(self.settings).touch()

    @contextmanager
    def host(self, script: Script | None) -> Iterator[Obtainer]:
        """A server; None: nobody listens."""
        with ExitStack() as stack:
            url = REFUSING if script is None else stack.enter_context(serving(script)).url
            yield Obtainer(replace(self.settings, simulated_url=url), self.ledger, self.gate)

    def turn(self, obtain: Obtainer) -> RunState:
        """All pauses are over: what the worker puts into its queue is asked for, one after the other."""
        self.time.now = max(self.time.now, self.gate.passage("simulated").paused_until)
        with self.database.writing() as connection:
            connection.execute(batches.update().where(batches.c.due.is_not(None)).values(due=0.0))
        self.worker.turn()
        while self.queue:
            order = self.queue.pop(0)
            obtain(order.batch_id, order.workflow_id)
        for run_id in self.ledger.active_runs():
            self.ledger.settle(run_id, complete=self.ledger.complete(run_id), closed=self.gate.sentence("simulated"))
        return self.store.state(self.run_id)

    @property
    def tries(self) -> list[int]:
        with self.database.reading() as connection:
            return list(connection.scalars(sa.select(batches.c.tries)))


@pytest.mark.parametrize("script", [None, [Reply(hang_up=True)]], ids=["refuses", "hangs up"])
def test_while_a_host_is_away_batches_wait_without_losing_tries(tmp_path: Path, script: Script | None) -> None:
    bench = Bench(tmp_path, 12, failures_to_pause=1)
    with bench.host(script) as obtain:
        state = bench.turn(obtain)
        sentence = bench.gate.sentence("simulated")
        assert sentence.startswith("simulated is left alone until ")
        assert (state.state, state.reason) == ("waiting", sentence)
        assert {batch.state for batch in state.batches} == {"queued"}
        assert {batch.reason for batch in state.batches[1:]} == {sentence}, "the first one found out"
        attempts = sum(batch.attempts for batch in state.batches)
        for _ in range(8):
            state = bench.turn(obtain)
            assert {batch.state for batch in state.batches} == {"queued"}
        assert sum(batch.attempts for batch in state.batches) == attempts + 8, "one batch a pause"
    assert bench.tries == [0] * len(state.batches)
    dispatcher = SkyDispatcher()
    with bench.host(dispatcher) as obtain:
        state = bench.turn(obtain)
        assert (state.n_done, bench.gate.sentence("simulated")) == (1, "")
        state = bench.turn(obtain)
    assert (state.state, state.n_done) == ("done", len(state.batches))
    assert bench.tries == [0] * len(state.batches)
    assert set(dispatcher.submitted.values()) == {1}


@pytest.mark.parametrize("windows", [2, 4, 12])
def test_no_run_is_too_small_to_wait_for_its_host(tmp_path: Path, windows: int) -> None:
    bench = Bench(tmp_path, windows)
    with bench.host(None) as obtain:
        for _ in range(12):
            state = bench.turn(obtain)
            assert {batch.state for batch in state.batches} == {"queued"}
    with bench.host(SkyDispatcher()) as obtain:
        for _ in range(2):
            state = bench.turn(obtain)
    assert (state.state, state.n_done) == ("done", len(state.batches))


@pytest.mark.parametrize("fault", [Reply(b"", 502), Reply(hang=True)], ids=["fails", "is silent"])
def test_a_host_that_fails_or_is_silent_is_left_alone_too(tmp_path: Path, fault: Reply) -> None:
    bench = Bench(tmp_path, 12, failures_to_pause=2, request_seconds=1.0)
    with bench.host([fault]) as obtain:
        for _ in range(2):
            state = bench.turn(obtain)
            assert (state.state, state.reason) == ("waiting", bench.gate.sentence("simulated"))
    with bench.host(SkyDispatcher()) as obtain:
        for _ in range(2):
            state = bench.turn(obtain)
    assert (state.state, state.n_done) == ("done", len(state.batches))


def never(dispatcher: SkyDispatcher, lost: Collection[BatchState], fault: Reply) -> Callable[[dict[str, list[str]]], Reply]:
    """A host at which the queries of some batches always end like this."""
    first = {batch.scw[0] for batch in lost}
    return lambda form: fault if form["scw_list"][0][:16] in first else dispatcher(form)


@pytest.mark.parametrize("fault", [Reply(b"", 500), Reply(hang=True)], ids=["fails", "is silent"])
@pytest.mark.parametrize("failures_to_pause", [1, 5])
def test_batches_that_never_come_are_given_up_and_the_others_come(tmp_path: Path, fault: Reply, failures_to_pause: int) -> None:
    bench = Bench(tmp_path, 12, failures_to_pause=failures_to_pause, request_seconds=0.3)
    with bench.host(never(SkyDispatcher(), bench.store.state(bench.run_id).batches[:2], fault)) as obtain:
        turns = (bench.turn(obtain) for _ in range(60))
        state = next((state for state in turns if state.finished), bench.store.state(bench.run_id))
    assert (state.state, state.n_failed, state.n_done) == ("done with failures", 2, len(state.batches) - 2)


def test_batches_that_never_come_hold_up_no_later_run(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 4)
    with bench.host(never(SkyDispatcher(), bench.store.state(bench.run_id).batches, Reply(b"", 500))) as obtain:
        assert any(bench.turn(obtain) and bench.gate.sentence("simulated") for _ in range(20))
        later = bench.store.start(plan_of(4, first=40), Identity("bob"))
        for _ in range(3):
            bench.turn(obtain)
    assert bench.store.state(later).state == "done", "of the first batches let through one was his"


@pytest.mark.parametrize("seconds", [math.inf, 7200.0])
def test_what_was_on_its_way_when_the_administrator_closed_looks_again_within_a_minute(tmp_path: Path, seconds: float) -> None:
    bench = Bench(tmp_path, 2)

    def close_and_hang_up(_: object) -> Reply:
        bench.gate.pause("simulated", seconds, "Maintenance.")
        return Reply(hang_up=True)

    with bench.host(close_and_hang_up) as obtain:
        state = bench.turn(obtain)
    assert ([batch.state for batch in state.batches], bench.tries) == (["queued"], [0])
    with bench.database.reading() as connection:
        due = connection.scalar(sa.select(batches.c.due))
    assert due is not None
    assert due <= time.time() + LOOK_AGAIN_SECONDS, "as what waits before the gate does: a shorter pause may take the place of this one"


def test_a_host_that_has_too_much_to_do_is_not_left_alone(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 12, failures_to_pause=2)
    with bench.host([LOCKED]) as obtain:
        state = bench.turn(obtain)
    assert bench.gate.sentence("simulated") == ""
    assert {"could not lock" in batch.reason for batch in state.batches} == {True}
    assert bench.tries == [1] * len(state.batches)


@pytest.mark.parametrize("pauses", [0, 100])
def test_a_pause_of_the_administrator_asks_nothing_and_costs_nothing(tmp_path: Path, pauses: int) -> None:
    bench = Bench(tmp_path, 4)
    dispatcher = SkyDispatcher()
    with bench.host(dispatcher) as obtain:
        orders = bench.ledger.take_due(bench.run_id)
        bench.gate.pause("simulated", 3600.0, "Maintenance.")
        with bench.database.writing() as connection:
            connection.execute(hosts.update().values(pauses=pauses))
        for order in orders:
            obtain(order.batch_id, order.workflow_id)
        state = bench.store.state(bench.run_id)
        assert {batch.reason for batch in state.batches} == {bench.gate.sentence("simulated")}
        assert (sum(dispatcher.submitted.values()), bench.tries) == (0, [0, 0])
        bench.gate.resume("simulated")
        assert bench.turn(obtain).state == "done"
