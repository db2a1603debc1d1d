"""A run over the whole mission: what it costs to plan, watch, add up, cancel and resume it, early and late.

    python -m benchmarks.large_run

Light curves of the Galactic centre from the observatory's archive, in more than 4000 batches, which are declared done one
after the other; the product of each is the same small file. Where nothing grows with what is done, late over early is about 1.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, TypeVar, cast

from benchmarks.stage import deployment, head, row
from benchmarks.watched_run import light_curves
from components.elements.coverage import batch_columns
from components.truth import truth_line
from dashboard.identity import Identity
from dashboard.plan.plan import Plan
from dashboard.products.light_curve_fits import write_light_curves
from dashboard.request.request import Request
from dashboard.road import prepare
from dashboard.runs.database import open_database
from dashboard.runs.gate import Gate
from dashboard.runs.ledger import Ledger
from dashboard.runs.products import ProductStore, batch_file, run_document_file
from dashboard.runs.run_folder import write_document
from dashboard.runs.store import RunStore
from dashboard.runs.team import Team
from dashboard.runs.worker import Worker
from dashboard.runs.workflow import BatchQueue
from dashboard.settings import Settings
from dashboard.watcher import Watch

ASKED = {"src_name": "Galactic Center", "radius": 15.0, "product": ["lightcurve"], "s_max": 7}
MISSION = {"T1": "2002-12-01T00:00:00", "T2": "2024-12-31T00:00:00"}
STAGES = (8, 1000, 4000)
"""Batches that are done when things are measured."""
TIMES = 7

Value = TypeVar("Value")


def memory() -> float:
    """Resident MB of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def timed(act: Callable[[], Value]) -> tuple[float, Value]:
    """Seconds of the clock."""
    start = perf_counter()
    value = act()
    return perf_counter() - start, value


class NoQueue:
    """Takes what is put, and never works."""

    def put(self, order: object) -> None:
        """Forget it."""


@dataclass
class Large:
    """The run, its worker without a queue, and who watches it."""

    settings: Settings
    plan: Plan
    run_id: str
    done: int = 0
    watch: Watch = field(init=False)

    def __post_init__(self) -> None:
        database, queue = open_database(self.settings), cast(BatchQueue, NoQueue())
        self.ledger, self.store = Ledger(database, "benchmark"), RunStore(self.settings)
        team = Team(database, self.ledger, queue, "benchmark")
        self.worker = Worker(self.settings, queue, self.ledger, Gate(database, self.settings.hosts), team)
        (self.settings.data_dir / "worker.lock").touch()
        self.watch = Watch(self.settings, self.run_id)

    def land(self, count: int = 1) -> None:
        """So many further batches are done."""
        for batch_id in self.plan.jobs[0].batch_ids[self.done : self.done + count]:
            self.ledger.done(batch_id, batch_file(batch_id))
        self.done += count

    def look(self) -> None:
        """The watcher's turn."""
        self.watch.turn(self.store.versions([self.run_id])[self.run_id])

    def landing(self, act: Callable[[], object]) -> float:
        """Milliseconds of an act after each of several landings; the median."""
        taken = []
        for _ in range(TIMES):
            self.land()
            taken.append(1e3 * timed(act)[0])
        return median(taken)


def stock(settings: Settings, plan: Plan) -> None:
    """The product of every batch: one file under all names."""
    products, first = ProductStore(settings.storage_url), batch_file(plan.batches[0].batch_id)
    products.write(first, lambda path: write_light_curves(light_curves(plan, plan.jobs[0], 300), path))
    for batch in plan.batches[1:]:
        path = Path(settings.storage_url) / batch_file(batch.batch_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.hardlink_to(Path(settings.storage_url) / first)


def figures(large: Large) -> dict[str, float]:
    """At one stage."""
    large.worker.turn()
    large.look()
    found = {"a batch is noted as done, ms": 1e3 * median(timed(large.land)[0] for _ in range(TIMES))}
    found["  and seen by the watcher, its light curves unchanged, ms"] = large.landing(large.look)
    state = large.watch.look.state
    found["state of the run, all read, ms"] = 1e3 * timed(lambda: large.store.state(large.run_id))[0]
    seconds, line = timed(lambda: truth_line(state, large.plan.jobs))
    found |= {"line of truth, ms": 1e3 * seconds, "  of HTML, kB": len(line) / 1e3}
    found["strip of batches, ms"] = 1e3 * timed(lambda: batch_columns(state.batches))[0]
    large.ledger.take_due(large.run_id)
    found["turn of the worker that adds a batch, ms"] = large.landing(large.worker.turn)
    found["  when nothing has happened, ms"] = 1e3 * median(timed(large.worker.turn)[0] for _ in range(TIMES))
    found["run.json, ms"] = 1e3 * timed(lambda: write_document(large.settings, large.run_id, large.plan))[0]
    found["  MB"] = ProductStore(large.settings.storage_url).size(run_document_file(large.run_id)) / 1e6
    return found


def growth(environment: dict[str, str], run_id: str, part: str) -> tuple[float, float]:
    """In a process of its own: MB after the first 1000 batches, and after 4000, of one that watches or one that adds."""
    settings = Settings.from_environment(environment)
    large = Large(settings, RunStore(settings).plan(run_id), run_id)
    found = []
    for count in STAGES[1:]:
        while large.done < count:
            large.land(100)
            if part == "watches":
                large.look()
            else:
                large.worker.turn()
        found.append(memory())
    return found[0], found[1]


def again(settings: Settings, plan: Plan, run_id: str) -> str:
    """The same run anew."""
    RunStore(settings).delete(run_id)
    with open_database(settings).writing() as connection:
        connection.exec_driver_sql("DELETE FROM batches")
    return RunStore(settings).start(plan, Identity())


def main() -> None:
    head()
    with deployment() as settings:
        request = Request(**cast(dict[str, Any], {**ASKED, **MISSION}))
        prepare(settings, request, Identity())  # starts what is needed
        seconds, plan = timed(lambda: prepare(settings, request, Identity()))
        row(f"plan of {len(plan.pointings)} ScW in {len(plan.batches)} batches, s", f"{seconds:.2f}", "5")
        row("  as JSON, MB", f"{len(json.dumps(plan.to_dict())) / 1e6:.1f}")
        seconds, run_id = timed(lambda: RunStore(settings).start(plan, Identity()))
        row("start of the run, s", f"{seconds:.2f}")
        stock(settings, plan)
        large, stages = Large(settings, plan, run_id), []
        for count in STAGES:
            large.land(count - large.done)
            stages.append(figures(large))
        row(f"with {', '.join(map(str, STAGES))} batches done:", "", "", "last / first")
        for name in stages[0]:
            told = [stage[name] for stage in stages]
            row(name, ", ".join(f"{value:.2f}" for value in told), "", f"{told[-1] / told[0]:.2f}")
        row("cancel, s", f"{timed(lambda: large.store.cancel(run_id))[0]:.2f}")
        row("retry, s", f"{timed(lambda: large.store.retry_failed(run_id))[0]:.2f}")
        environment = {"INTEGRAL_DASHBOARD_DATA": str(settings.data_dir), "INTEGRAL_DASHBOARD_SIMULATED_URL": settings.simulated_url}
        for part in ("watches", "adds"):
            run_id = again(settings, plan, run_id)
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
                early, late = process.submit(growth, environment, run_id, part).result()
            row(f"memory of who {part} after 1000 and 4000 batches, MB", f"{early:.0f}, {late:.0f}", "", f"{late / early:.2f}")


if __name__ == "__main__":
    main()
