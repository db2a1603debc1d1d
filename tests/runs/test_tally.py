"""How a deployment stands, counted against what was done to it by hand."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from dashboard.errors import HostTimeout, JobFailed, NotAuthorized
from dashboard.hosts import Host
from dashboard.identity import Identity
from dashboard.runs.capacity import RESERVE
from dashboard.runs.counts import LIMITS, count_done, counted
from dashboard.runs.database import open_database
from dashboard.runs.gate import BREAKER, NOTED_SECONDS, Gate, Passage
from dashboard.runs.hints import hints
from dashboard.runs.ledger import Ledger
from dashboard.runs.presence import DEAD_SECONDS, PAGE, WORKER, Presence, Process
from dashboard.runs.retention import planned_removals, remove
from dashboard.runs.schema import batches, processes
from dashboard.runs.store import RunStore
from dashboard.runs.tally import NOT_DONE, HostTally, Tally, _unfinished, tally
from dashboard.settings import Settings
from tests.dispatcher.replay import FakeTime
from tests.runs.sky_dispatcher import plan_of, settings_in

HOSTS = {"simulated": Host("simulated", request_seconds=120.0, job_seconds=3600.0, failures_to_pause=5)}
NONE = dict.fromkeys(NOT_DONE, 0)


class Deployment:
    """A run of six batches at "simulated", to which a test does what a worker would do."""

    def __init__(self, folder: Path) -> None:
        self.settings = replace(settings_in(folder), hosts=HOSTS)
        self.database = open_database(self.settings)
        self.ledger, self.gate = Ledger(self.database, "test"), Gate(self.database, HOSTS)
        self.store = RunStore(self.settings)
        self.run_id = self.store.start(plan_of(12), Identity())
        self.ids = self.store.plan(self.run_id).jobs[0].batch_ids
        self.ledger.take_due(self.run_id)

    @property
    def host(self) -> HostTally:
        return tally(self.settings).hosts["simulated"]

    def submit(self, *numbers: int) -> None:
        for number in numbers:
            assert self.ledger.take_place(self.ids[number], 4, attempt=1)

    def began(self, number: int, ago: float) -> None:
        with self.database.writing() as connection:
            connection.execute(batches.update().where(batches.c.batch_id == self.ids[number]).values(began=time.time() - ago))


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    return Deployment(tmp_path / "data")


def test_every_batch_is_counted_where_it_is(deployment: Deployment) -> None:
    deployment.submit(0, 1, 2, 3)
    deployment.began(1, 300.0)
    deployment.ledger.progress(deployment.ids[2], "running")
    deployment.ledger.failed(deployment.ids[3], NotAuthorized("No."), None)
    deployment.ledger.wait_for_token(deployment.ids[4], NotAuthorized("Expired."))
    host = deployment.host
    assert host.batches == NONE | {"submitted": 2, "running": 1, "failed": 1, "queued": 2}
    assert (host.in_flight, host.in_queue, host.for_token, host.waiting) == (3, 1, 1, 2)
    found = tally(deployment.settings)
    assert host.age(found.at) == pytest.approx(300.0, abs=5.0)
    assert found.runs == {"planned": 1}
    assert found.active_runs == 1


def test_what_is_done_is_counted_for_good_with_its_seconds_and_bytes(deployment: Deployment) -> None:
    deployment.submit(0, 1, 2)
    deployment.began(0, 45.0)
    deployment.began(1, 700.0)
    for number, n_bytes in ((0, 1000), (1, 20)):
        deployment.ledger.progress(deployment.ids[number], "downloading", n_bytes=n_bytes)
        done = deployment.ledger.done(deployment.ids[number], "file", attempt=1)
        assert done is not None
        assert done.n_bytes == n_bytes
        assert deployment.ledger.done(deployment.ids[number], "file", attempt=1) is None, "told twice, counted once"
    deployment.ledger.failed(deployment.ids[2], JobFailed("Node died."), 10.0)
    deployment.ledger.failed(deployment.ids[3], JobFailed("Node died."), None)
    deployment.ledger.failed(deployment.ids[4], HostTimeout("Silence."), 10.0, counted=False)
    deployment.ledger.done(deployment.ids[5], "it was stored before anybody asked for it")
    counts = deployment.host.counts
    assert (counts.done, counts.n_bytes, counts.asked_again, counts.given_up) == (3, 1020, 1, 1)
    assert counts.seconds == pytest.approx(745.0, abs=5.0)
    assert dict(zip(LIMITS, counts.durations, strict=True)) == dict.fromkeys(LIMITS, 0) | {60.0: 1, 1200.0: 1}

    deployment.store.cancel(deployment.run_id)
    deployment.store.delete(deployment.run_id)
    remove(deployment.settings, planned_removals(deployment.settings, days=0.0, gigabytes=None, now=time.time() + 1e6))
    with deployment.database.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(batches)) == 0
    assert deployment.host.counts == counts, "retention takes rows, not what happened"


def test_a_duration_is_in_the_class_that_ends_with_it(tmp_path: Path) -> None:
    database = open_database(settings_in(tmp_path))
    with database.writing() as connection:
        for seconds in (30.0, 30.1, 7200.0, 1e6):
            count_done(connection, "production", seconds, 0)
    with database.reading() as connection:
        counts = counted(connection)["production"]
    assert (counts.done, counts.durations) == (4, (1, 1, 0, 0, 0, 0, 0, 0, 1, 1))
    assert counts.seconds == pytest.approx(1_007_260.1)


@pytest.mark.sqlite
def test_batches_that_are_done_cost_nothing(deployment: Deployment) -> None:
    with deployment.database.reading() as connection:
        query = _unfinished().compile(connection, compile_kwargs={"render_postcompile": True})
        values = tuple(query.params[name] for name in query.positiontup or ())
        told = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", values)
        (how,) = [row[-1] for row in told if "batches" in row[-1]]
    assert "USING INDEX ix_batches_state (state=?)" in how


def test_an_answer_to_a_poll_ends_the_silence_and_opens_no_gate(deployment: Deployment) -> None:
    watch = FakeTime()
    watch.now = time.time() - 600.0
    gate = Gate(deployment.database, HOSTS, watch.clock)
    deployment.submit(0)
    deployment.began(0, 600.0)
    assert deployment.host.silence(time.time()) == pytest.approx(600.0, abs=5.0)
    gate.heard("simulated")
    watch.sleep(NOTED_SECONDS - 1)
    gate.heard("simulated")
    assert deployment.host.silence(time.time()) == pytest.approx(600.0, abs=5.0), "noted now and then"
    watch.sleep(400.0)
    for _ in range(5):
        gate.failed("simulated", HostTimeout("Silence."))
    before = gate.passage("simulated")
    assert before.paused_by == BREAKER
    gate.heard("simulated")
    assert gate.passage("simulated") == replace(before, answered=watch.now)
    now = watch.now + 50.0
    assert deployment.host.silence(now) == pytest.approx(50.0, abs=1.0)
    deployment.ledger.done(deployment.ids[0], "file")
    assert deployment.host.silence(now) == 0.0, "it owes no answer"


def test_processes_are_counted_while_they_live_and_one_that_ends_is_no_longer_there(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    worker, page = Presence(settings, WORKER), Presence(settings, PAGE)
    worker.begin()
    page.begin()
    found = tally(settings)
    assert ([process.kind for process in found.processes], found.workers) == ([WORKER, PAGE], 1)
    with open_database(settings).writing() as connection:
        connection.execute(processes.update().where(processes.c.kind == WORKER).values(beat=processes.c.beat - DEAD_SECONDS))
    assert tally(settings).workers == 0
    worker.end()
    page.end()
    assert all(not process.alive for process in tally(settings).processes)


AT = time.time()


def standing(**host: object) -> Tally:
    values = {"batches": NONE, **host}
    return Tally(AT, {"running": 1}, {"simulated": HostTally(**values)}, (Process("m:1:a", WORKER, "m", "0.1.0", AT - 60, 1.0),))  # type: ignore[arg-type]


def told(found: Tally, free: int | None = None) -> str:
    return " ".join(hints(found, HOSTS, free))


def test_nothing_is_said_when_all_is_well() -> None:
    busy = standing(batches=NONE | {"running": 4, "queued": 9}, oldest=AT - 1700.0, passage=Passage(answered=AT - 5.0))
    assert told(busy, 10 * RESERVE) == ""
    assert told(standing(passage=Passage(answered=AT - 1e6))) == "", "nobody has asked it anything"
    assert told(standing(batches=NONE | {"running": 1}, oldest=AT - 60.0, passage=Passage(answered=AT - 1e6))) == "", (
        "it was asked just now"
    )


def test_a_silent_host_is_named_with_its_jobs_and_what_can_be_done() -> None:
    sentence = told(standing(batches=NONE | {"running": 4}, oldest=AT - 1000.0, passage=Passage(answered=AT - 720.0)))
    assert sentence.startswith("simulated has not answered for 12 min while 4 jobs are in flight: the oldest since 20")
    assert sentence.endswith("UTC. It is left alone from the fifth silence on, or at once with: integral-dashboard hosts pause simulated.")


def test_a_job_without_an_end_is_told_apart_from_a_silent_host() -> None:
    sentence = told(standing(batches=NONE | {"submitted": 1}, oldest=AT - 3000.0, passage=Passage(answered=AT - 3.0)))
    assert sentence.startswith("simulated answers, but the oldest of 1 job is in flight for 50 min, since 20")
    assert "After 60 min a job is submitted again" in sentence


def test_a_host_that_is_left_alone_says_until_when_why_and_how_it_is_asked_again() -> None:
    passage = Passage(5, 1, AT + 60, BREAKER, "It did not answer within 120 s.", AT - 900)
    sentence = told(standing(batches=NONE | {"queued": 3}, passage=passage))
    assert "simulated is left alone until" in sentence
    assert "It did not answer within 120 s. 3 batches wait for it." in sentence
    assert sentence.endswith("integral-dashboard hosts resume simulated.")


def test_what_processes_tokens_and_disk_lack_is_said() -> None:
    well = standing()
    dead = replace(well.processes[0], process_id="m:2:b", silent=40.0)
    assert told(replace(well, processes=())).startswith("No worker is alive, and 1 run is not finished")
    assert told(replace(well, processes=(dead, *well.processes))) == (
        "The worker m:2:b gave no sign of life for 40 s. Another worker takes over what it had."
    )
    older = replace(well.processes[0], version="0.0.9")
    assert told(replace(well, processes=(older, *well.processes))).startswith("Processes of versions 0.0.9 and 0.1.0 work side by side")
    assert told(standing(batches=NONE | {"queued": 2}, for_token=2)).startswith("2 batches at simulated wait for a token")
    assert told(well, RESERVE - 1).startswith("200 MB are free where products are stored")


def test_no_worker_is_missed_where_nothing_is_to_be_done(tmp_path: Path) -> None:
    settings: Settings = settings_in(tmp_path)
    assert hints(tally(settings), settings.hosts, None) == ()
