"""A host that does not answer is left alone, looked at now and then, and forgiven when it is back."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from dashboard.errors import (
    DashboardError,
    EmptyProduct,
    HostBusy,
    HostFailing,
    HostPaused,
    HostTimeout,
    HostUnreachable,
    JobExpired,
    JobFailed,
    JobStuck,
    MalformedAnswer,
    NotAuthorized,
    RequestRefused,
    StorageFull,
)
from dashboard.hosts import Host
from dashboard.identity import Identity
from dashboard.runs.database import Database, open_database
from dashboard.runs.gate import ADMINISTRATOR, BREAKER, LOOK_AGAIN_SECONDS, Gate, Passage
from dashboard.runs.ledger import AHEAD, Ledger
from dashboard.runs.schema import batches, hosts
from dashboard.runs.store import RunStore
from tests.dispatcher.replay import FakeTime
from tests.runs.sky_dispatcher import plan_of, settings_in

HOSTS = {
    "simulated": Host("simulated", failures_to_pause=3, pause_seconds=60.0, longest_pause_seconds=200.0, jobs_in_flight=2),
    "other": Host("other", "https://mmoda.example.org", jobs_in_flight=8),
}
SILENCE = HostTimeout("It did not answer within 120 s.")


class Bench:
    """A gate before "simulated" whose clock is moved by hand, and a run whose batches stand before it."""

    def __init__(self, folder: Path) -> None:
        self.settings = settings_in(folder)
        self.time = FakeTime()
        self.time.now = time.time()
        self.gate = Gate(self.database, HOSTS, self.time.clock)
        self.ledger = Ledger(self.database, "test")

    @property
    def database(self) -> Database:
        return open_database(self.settings)

    @property
    def passage(self) -> Passage:
        return self.gate.passage("simulated")

    def open(self) -> bool:
        return self.gate.sentence("simulated") == ""

    @property
    def room(self) -> int:
        return self.gate.room("simulated", AHEAD)

    def fail(self, times: int = 1, error: DashboardError = SILENCE) -> list[float]:
        return [self.gate.failed("simulated", error) for _ in range(times)]

    def close(self) -> float:
        """Be silent until the host is left alone, and say for how long."""
        return self.fail(3)[-1]

    def start(self, windows: int) -> str:
        return RunStore(self.settings).start(plan_of(windows), Identity())


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "data")


@pytest.mark.parametrize("error", [HostUnreachable("No way."), SILENCE, HostFailing("HTTP 502.")])
def test_a_host_that_is_silent_several_times_in_a_row_is_left_alone(bench: Bench, error: DashboardError) -> None:
    assert (bench.fail(2, error), bench.open()) == ([0.0, 0.0], True)
    assert bench.fail(1, error) == [60.0]
    until = datetime.fromtimestamp(bench.time.now + 60.0, UTC)
    with pytest.raises(HostPaused) as caught:
        bench.gate.check("simulated")
    assert caught.value.sentence == f"simulated is left alone until {until:%H:%M:%S} UTC: {error.sentence}"
    assert (caught.value.seconds, bench.room, bench.gate.sentence("simulated")) == (60.0, 0, caught.value.sentence)
    bench.gate.check("other")
    assert bench.gate.room("other", AHEAD) == AHEAD


@pytest.mark.parametrize(
    "error",
    [
        *(kind("It said so.") for kind in (HostBusy, JobFailed, JobStuck, JobExpired, MalformedAnswer, RequestRefused, NotAuthorized)),
        EmptyProduct("Nothing."),
        StorageFull("No space is left."),
    ],
)
def test_what_is_not_the_hosts_silence_never_closes_the_gate(bench: Bench, error: DashboardError) -> None:
    assert bench.fail(10, error) == [0.0] * 10
    assert (bench.open(), bench.passage.failures) == (True, 0)


@pytest.mark.parametrize("error", [None, HostBusy("Lock."), JobFailed("The node died."), RequestRefused("No.")])
def test_an_answer_between_silences_counts_afresh(bench: Bench, error: DashboardError | None) -> None:
    for _ in range(4):
        bench.fail(2)
        if error is None:
            bench.gate.answered("simulated")
        else:
            bench.fail(1, error)
    assert (bench.open(), bench.passage.failures) == (True, 0)


def test_what_has_nothing_to_do_with_the_host_does_not_count_afresh(bench: Bench) -> None:
    bench.fail(2)
    bench.fail(5, StorageFull("No space is left."))
    assert bench.fail(1) == [60.0]


def test_pauses_double_up_to_the_longest(bench: Bench) -> None:
    pauses = [bench.close()]
    for _ in range(4):
        bench.time.sleep(pauses[-1])
        assert bench.open()
        pauses += bench.fail()
    assert pauses == [60.0, 120.0, 200.0, 200.0, 200.0]


def test_a_host_may_be_away_for_weeks(bench: Bench) -> None:
    bench.close()
    with bench.database.writing() as connection:
        connection.execute(sa.update(hosts).values(pauses=5000, failures=5000))
    bench.time.sleep(60.0)
    assert bench.fail() == [200.0]


def test_an_answer_ends_the_pause_and_forgets_the_earlier_ones(bench: Bench) -> None:
    bench.close()
    bench.time.sleep(60.0)
    bench.fail()
    bench.gate.answered("simulated")
    assert bench.passage == Passage(answered=bench.time.now)
    assert bench.fail(3) == [0.0, 0.0, 60.0], "it begins again with the first pause"


def test_what_was_on_its_way_when_the_gate_closed_neither_lengthens_nor_doubles_the_pause(bench: Bench) -> None:
    bench.close()
    before = bench.passage
    bench.time.sleep(20.0)
    assert bench.fail(3) == [40.0] * 3
    assert bench.passage == before


def test_an_answer_that_was_on_its_way_opens_the_gate(bench: Bench) -> None:
    bench.close()
    bench.fail(1, JobFailed("The node died."))
    assert (bench.open(), bench.passage.pauses) == (True, 0)


def test_a_pause_of_the_administrator_survives_silences_and_answers(bench: Bench) -> None:
    bench.fail(2)
    bench.gate.pause("simulated", math.inf, "Maintenance.")
    bench.gate.answered("simulated")
    bench.fail(5)
    assert (bench.passage.paused_by, bench.passage.paused_until) == (ADMINISTRATOR, math.inf)
    assert bench.gate.sentence("simulated") == "simulated is left alone: Maintenance."
    with pytest.raises(HostPaused) as caught:
        bench.gate.check("simulated")
    assert caught.value.seconds == LOOK_AGAIN_SECONDS, "the pause may be ended at any moment"
    bench.time.sleep(1e6)
    assert (bench.open(), bench.room) == (False, 0)


def test_a_pause_of_the_administrator_ends_by_itself_when_he_said_so(bench: Bench) -> None:
    bench.gate.pause("simulated", 600.0, "Maintenance.")
    bench.time.sleep(599.0)
    assert not bench.open()
    bench.time.sleep(1.0)
    assert bench.open()
    assert bench.fail(3) == [0.0, 0.0, 60.0]
    assert bench.passage.paused_by == BREAKER


def test_every_process_sees_the_gate_and_a_new_one_finds_it(bench: Bench) -> None:
    bench.close()
    later = Gate(bench.database, HOSTS, bench.time.clock)
    assert later.passage("simulated") == bench.passage
    later.resume("simulated")
    assert bench.open()


@pytest.mark.parametrize("by", [BREAKER, ADMINISTRATOR])
def test_resuming_makes_what_waits_due_at_once(bench: Bench, by: str) -> None:
    run_id = bench.start(6)
    orders = bench.ledger.take_due(run_id)
    if by == BREAKER:
        bench.close()
    else:
        bench.gate.pause("simulated", math.inf, "Maintenance.")
    for order in orders[1:]:
        bench.ledger.failed(order.batch_id, SILENCE, 3000.0, counted=False)
    assert bench.ledger.take_due(run_id, AHEAD) == []
    bench.gate.resume("simulated")
    assert (bench.open(), bench.passage) == (True, Passage(answered=bench.passage.answered))
    assert [order.batch_id for order in bench.ledger.take_due(run_id, AHEAD)] == [order.batch_id for order in orders[1:]]


def test_resuming_leaves_what_waits_for_another_host(bench: Bench) -> None:
    run_id = bench.start(2)
    (order,) = bench.ledger.take_due(run_id)
    bench.ledger.failed(order.batch_id, SILENCE, 3000.0)
    bench.gate.resume("other")
    assert bench.ledger.take_due(run_id) == []


def test_a_host_with_fewer_jobs_than_others_gets_no_more_than_it_may(bench: Bench) -> None:
    run_id = bench.start(10)
    assert (bench.room, bench.gate.room("other", AHEAD)) == (2, AHEAD), "the queue itself keeps the limit of the largest"
    first, second = bench.ledger.take_due(run_id, bench.room)
    assert bench.room == 0
    bench.ledger.progress(first.batch_id, "running")
    assert (bench.room, bench.gate.in_flight()) == (0, {"simulated": 1})
    bench.ledger.done(first.batch_id, "file")
    assert (bench.room, bench.gate.in_flight()) == (1, {})
    bench.ledger.failed(second.batch_id, SILENCE, 30.0)
    assert bench.room == 2
    assert len(bench.ledger.take_due(run_id, bench.room)) == 2


def test_a_host_that_is_no_longer_offered_holds_nothing_back(bench: Bench) -> None:
    assert bench.gate.room("gone", AHEAD) == AHEAD


def test_after_the_pause_one_batch_passes_to_see_whether_the_host_is_back(bench: Bench) -> None:
    mine, others = bench.start(12), bench.start(10)
    bench.close()
    assert bench.room == 0
    bench.time.sleep(60.0)
    (scout,) = bench.ledger.take_due(mine, bench.room)
    assert bench.room == 0, "it is on its way"
    assert bench.ledger.take_due(others, bench.room) == []
    pause = bench.fail()[0]
    bench.ledger.failed(scout.batch_id, SILENCE, 0.0, counted=False)
    assert (pause, bench.room) == (120.0, 0)
    bench.time.sleep(pause)
    assert bench.room == 1
    (scout,) = bench.ledger.take_due(mine, bench.room)
    bench.gate.answered("simulated")
    bench.ledger.done(scout.batch_id, "file")
    assert bench.room == 2


def test_one_batch_passes_at_the_largest_host_too(bench: Bench) -> None:
    alone = {"simulated": replace(HOSTS["simulated"], jobs_in_flight=8)}
    gate, run_id = Gate(bench.database, alone, bench.time.clock), bench.start(12)
    assert gate.room("simulated", AHEAD) == AHEAD
    bench.close()
    bench.time.sleep(60.0)
    assert gate.room("simulated", AHEAD) == 1
    assert len(bench.ledger.take_due(run_id, gate.room("simulated", AHEAD))) == 1
    assert gate.room("simulated", AHEAD) == 0


def test_the_gate_keeps_one_row_a_host(bench: Bench) -> None:
    bench.close()
    bench.gate.answered("other")
    with bench.database.reading() as connection:
        assert sorted(connection.scalars(sa.select(hosts.c.host))) == ["other", "simulated"]
        assert connection.scalars(sa.select(batches.c.batch_id)).all() == []
