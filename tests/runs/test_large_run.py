"""A run of thousands of batches: what a look reads, asks of the database and sends does not grow with what is done."""

from __future__ import annotations

import gc
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import sqlalchemy as sa

from components.truth import MOST_CELLS, truth_line
from dashboard.archive.pointings import Pointings
from dashboard.archive.resolver import Target
from dashboard.errors import NotCombinable
from dashboard.identity import Identity
from dashboard.plan.making import make_plan
from dashboard.plan.plan import Plan
from dashboard.products.catalog import CatalogSource, SourceCatalog
from dashboard.products.light_curve import LightCurve, LightCurveSet
from dashboard.products.light_curve_fits import write_light_curves
from dashboard.products.mosaic import Provenance
from dashboard.request.request import Request
from dashboard.runs.database import open_database
from dashboard.runs.gate import Gate
from dashboard.runs.ledger import AHEAD, Ledger, Order
from dashboard.runs.products import ProductStore, batch_file
from dashboard.runs.results import load_light_curves
from dashboard.runs.run_state import BatchState, RunState
from dashboard.runs.store import RunStore
from dashboard.runs.team import Team
from dashboard.runs.worker import Worker
from dashboard.runs.workflow import BatchQueue
from dashboard.watcher import Watch
from tests.runs.sky_dispatcher import CRAB, settings_in

SIMULATED = Provenance("SIMULATED", "simulated", "OSA11.2", "CONS")


def plan_of(count: int) -> Plan:
    """Light curves of the Crab from so many science windows, each a batch of its own; a hundred a revolution."""
    number = np.arange(count)
    swid = tuple(f"{1000 + n // 100:04d}{n % 100 + 1:04d}0010" for n in number)
    ra, start = np.full(count, CRAB[0]), np.asarray(2000.0 + 0.03 * number, dtype=np.float64)
    stop = np.asarray(start + 0.02, dtype=np.float64)
    pointings = Pointings(swid, ra, np.full(count, CRAB[1]), ra.copy(), np.full(count, 89.0), start, stop, np.full(count, 1728.0))
    crab = SourceCatalog((CatalogSource("Crab", *CRAB),))
    asked = Request(s_max=1, product=["lightcurve"])
    return make_plan(asked, Target("Crab", *CRAB, "given"), {"isgri": pointings}, Identity(), crab)


class Queue:
    """Takes orders; nobody works on them."""

    def __init__(self) -> None:
        self.orders: list[Order] = []

    def put(self, order: Order) -> None:
        self.orders.append(order)

    def held_by_others(self, executors: Collection[str]) -> list[str]:
        return []

    def take_back(self, workflow_ids: list[str]) -> int:
        return len(workflow_ids)


class Bench:
    """A run whose batches, in the order in which they are ordered, arrive when a test says so."""

    def __init__(self, folder: Path, count: int) -> None:
        self.settings, self.plan, self.queue, self.done = settings_in(folder), plan_of(count), Queue(), 0
        self.store, self.database = RunStore(self.settings), open_database(self.settings)
        self.run_id = self.store.start(self.plan, Identity())
        self.ledger, queue = Ledger(self.database, "test"), cast(BatchQueue, self.queue)
        team = Team(self.database, self.ledger, queue, "test")
        self.worker = Worker(self.settings, queue, self.ledger, Gate(self.database, self.settings.hosts), team)
        self.watch = Watch(self.settings, self.run_id)
        self.products = ProductStore(self.settings.storage_url)
        self.settings.data_dir.joinpath("worker.lock").touch()

    def land(self, count: int = 1) -> None:
        """The next batches in the queue are done, with a row of light curve each."""
        while count:
            if self.done == len(self.queue.orders):
                self.worker.turn()
                assert self.done < len(self.queue.orders), "the worker orders more"
            batch_id = self.queue.orders[self.done].batch_id
            self.products.write(batch_file(batch_id), self._curve)
            self.ledger.done(batch_id, batch_file(batch_id))
            self.done, count = self.done + 1, count - 1

    def _curve(self, path: Path) -> None:
        time, one = np.array([2000.0 + self.done]), np.ones(1)
        flags, batch = np.zeros(1, dtype="u1"), np.zeros(1, dtype="i4")
        curve = LightCurve(
            "Crab", "isgri", time, 0.01 * one, 200 * one, one, one, flags, batch, ("b",), band=(28.0, 40.0), provenance=SIMULATED
        )
        write_light_curves(LightCurveSet((curve,)), path)

    def look(self) -> RunState:
        self.watch.turn(self.store.versions([self.run_id])[self.run_id])
        return self.watch.look.state

    @contextmanager
    def statements(self) -> Iterator[list[str]]:
        """What is asked of the database meanwhile."""
        asked: list[str] = []

        def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            asked.append(statement)

        sa.event.listen(self.database.engine, "before_cursor_execute", note)
        try:
            yield asked
        finally:
            sa.event.remove(self.database.engine, "before_cursor_execute", note)

    def cost_of_a_landing(self) -> tuple[int, int, int, int]:
        """Statements of the note, the look and the turn that follow it, and batches that the look reads."""
        self.worker.turn()
        before = self.look()
        with self.statements() as noted:
            self.ledger.done(self.queue.orders[self.done].batch_id, "file")
        self.done += 1
        with self.statements() as looked:
            after = self.look()
        with self.statements() as turned:
            news = self.ledger.news(self.run_id, 0, before.version)
        assert [len(news.belongs), len(news.others)] == [1, 0]
        read = sum(new is not old for new, old in zip(after.batches, before.batches, strict=True))
        return len(noted), len(looked), len(turned), read


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "data", 300)


@pytest.mark.slow
def test_a_landing_batch_costs_the_same_early_and_late(bench: Bench) -> None:
    bench.land(3)
    early = bench.cost_of_a_landing()
    bench.land(250)
    assert bench.cost_of_a_landing() == early
    assert early[-1] == 1, "of the batches only the one that landed is read"


def test_what_is_read_of_changes_alone_is_what_all_of_it_says(bench: Bench) -> None:
    bench.land(5)
    others = RunStore(bench.settings).start(plan_of(10), Identity())
    for act in (
        lambda: bench.ledger.progress(bench.queue.orders[7].batch_id, "running", scw_done=1),
        lambda: bench.ledger.refuse(bench.run_id, bench.queue.orders[0].batch_id, NotCombinable("It does not fit.")),
        lambda: bench.store.exclude(bench.run_id, [order.batch_id for order in bench.queue.orders[2:4]]),
        lambda: bench.store.exclude(bench.run_id, [bench.queue.orders[2].batch_id], excluded=False),
        lambda: bench.store.rename(bench.run_id, "Crab"),
        lambda: bench.store.cancel(bench.run_id),
        lambda: bench.store.retry_failed(bench.run_id),
        lambda: bench.store.cancel(others),
        lambda: bench.store.revise(bench.run_id, plan_of(310), "longer"),
        lambda: bench.store.revise(bench.run_id, plan_of(290), "shorter"),
    ):
        act()
        assert bench.look() == bench.store.state(bench.run_id)


def test_a_worker_at_rest_looks_through_no_batches(bench: Bench) -> None:
    bench.land(3)
    bench.worker.turn()
    bench.worker.turn()
    with bench.statements() as asked:
        bench.worker.turn()
    members = [statement for statement in asked if "run_batches" in statement and "count" not in statement]
    assert len(members) == 1, "only how much of the run stands in the queue"


def test_the_queue_is_filled_again_when_half_of_it_is_gone(bench: Bench) -> None:
    bench.worker.turn()
    assert len(bench.queue.orders) == AHEAD
    bench.land(AHEAD // 2 - 1)
    bench.worker.turn()
    assert len(bench.queue.orders) == AHEAD
    bench.land()
    bench.worker.turn()
    assert len(bench.queue.orders) == AHEAD + AHEAD // 2


def test_the_line_of_truth_shares_cells(bench: Bench) -> None:
    bench.land(31)
    run = bench.look()
    line = truth_line(run, bench.plan.jobs)
    words = re.findall(r'title="batches (\d+) to (\d+): ([^"]*)"', line)
    assert len(words) == 150 <= MOST_CELLS
    assert [int(edge) for first, last, _ in words for edge in (first, last)] == list(range(1, 301))
    counted = [(int(count), state) for _, _, told in words for count, state in re.findall(r"(\d+) ([a-z]+)", told)]
    assert sum(count for count, state in counted if state == "done") == run.n_done == 31
    assert sum(count for count, _ in counted) == 300
    assert 'class="cell part" title="batches 31 to 32: 1 done, 1 queued" style="--part:50%"' in line


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_four_thousand_batches_are_watched_cancelled_and_resumed(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "data", 4000)
    for _ in range(20):
        bench.land(100)
        bench.worker.turn()
        assert bench.look().n_done == bench.done
    gc.collect()
    assert sum(type(thing) is BatchState for thing in gc.get_objects()) <= 4000, "who watches holds each batch once"
    sent = len(truth_line(bench.look(), bench.plan.jobs))
    bench.store.cancel(bench.run_id)
    assert (bench.look().state, bench.look().n_done) == ("cancelled", 2000)
    assert bench.store.retry_failed(bench.run_id) == 2000
    bench.done = len(bench.queue.orders)
    while bench.look().n_done < 4000:
        bench.land(min(100, 4000 - bench.look().n_done))
        bench.worker.turn()
    bench.worker.turn()
    state = bench.look()
    assert (state.state, state.n_done, len(truth_line(state, bench.plan.jobs)) <= sent) == ("done", 4000, True)
    (curve,) = load_light_curves(bench.settings, state, 0).curves
    assert (len(curve), len(curve.batch_ids)) == (4000, 4000)
