"""A host that is away for a while costs time and nothing else: real queries, with the hours of waiting left out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from dashboard.identity import Identity
from dashboard.runs.gate import Gate
from dashboard.runs.ledger import AHEAD, Ledger
from dashboard.runs.obtaining import Obtainer
from dashboard.runs.run_state import RunState
from dashboard.runs.schema import batches, open_database
from dashboard.runs.store import RunStore
from tests.dispatcher.replay import FakeTime, Reply, Script, answer, serving
from tests.runs.sky_dispatcher import SkyDispatcher, plan_of, settings_in

REFUSING = "http://127.0.0.1:9"
LOCKED = answer({"query_status": "failed", "job_monitor": {}, "exit_status": {"message": "Failed to acquire lock for directory"}})


class Bench:
    """A run at the simulated host, worked on by hand; `host` says what stands at its address."""

    def __init__(self, folder: Path, windows: int, **limits: int) -> None:
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

    @contextmanager
    def host(self, script: Script | None) -> Iterator[Obtainer]:
        """A server; None: nobody listens."""
        with ExitStack() as stack:
            url = REFUSING if script is None else stack.enter_context(serving(script)).url
            yield Obtainer(replace(self.settings, simulated_url=url), self.ledger, self.gate)

    def turn(self, obtain: Obtainer) -> RunState:
        """All pauses are over: ask for what the gate lets into the queue."""
        passage = self.gate.passage("simulated")
        self.time.now = max(self.time.now, passage.paused_until)
        with self.database.writing() as connection:
            connection.execute(batches.update().where(batches.c.due.is_not(None)).values(due=0.0))
        for order in self.ledger.take_due(self.run_id, self.gate.room("simulated", AHEAD)):
            obtain(order.batch_id, order.workflow_id)
        self.ledger.settle(self.run_id, complete=self.ledger.complete(self.run_id), closed=self.gate.sentence("simulated"))
        return self.store.state(self.run_id)

    @property
    def tries(self) -> list[int]:
        with self.database.reading() as connection:
            return list(connection.scalars(sa.select(batches.c.tries)))


@pytest.mark.parametrize("script", [None, [Reply(b"", 502)], [Reply(hang_up=True)]], ids=["refuses", "fails", "hangs up"])
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


def test_a_host_that_has_too_much_to_do_is_not_left_alone(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 12, failures_to_pause=2)
    with bench.host([LOCKED]) as obtain:
        state = bench.turn(obtain)
    assert bench.gate.sentence("simulated") == ""
    assert {"could not lock" in batch.reason for batch in state.batches} == {True}
    assert bench.tries == [1] * len(state.batches)


def test_a_pause_of_the_administrator_asks_nothing_and_costs_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 4)
    dispatcher = SkyDispatcher()
    with bench.host(dispatcher) as obtain:
        orders = bench.ledger.take_due(bench.run_id)
        bench.gate.pause("simulated", 3600.0, "Maintenance.")
        for order in orders:
            obtain(order.batch_id, order.workflow_id)
        state = bench.store.state(bench.run_id)
        assert {batch.reason for batch in state.batches} == {bench.gate.sentence("simulated")}
        assert (sum(dispatcher.submitted.values()), bench.tries) == (0, [0, 0])
        bench.gate.resume("simulated")
        assert bench.turn(obtain).state == "done"
