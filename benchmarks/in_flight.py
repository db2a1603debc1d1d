"""What a run adds to the time that its jobs take, eight at a time, and what its worker spends on a batch.

    python -m benchmarks.in_flight [--database URL]

Light curves of the Crab from a fresh simulated observatory that runs eight jobs at once; the worker may have
eight in flight, too, and polls every 0.5 s. The ideal is what the jobs take, were products made, moved and added in no time.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter, sleep

from benchmarks.batches import _cpu, _idle
from benchmarks.stage import head, row
from dashboard.archive.reference_catalog import reference_catalog
from dashboard.identity import Identity
from dashboard.plan.plan import Plan
from dashboard.products.catalog import SourceCatalog
from dashboard.products.catalog_api import catalog_to_api
from dashboard.request.request import Request
from dashboard.road import prepare
from dashboard.runs.process import end_children, ensure_worker, worker_lock
from dashboard.runs.store import RunStore
from dashboard.settings import Settings
from tests.conftest import running_observatory

AT_ONCE = 8
SCW = 4
HOSTS = f"[simulated]\njobs_in_flight = {AT_ONCE}\npoll_seconds = 0.5\n"
ASKED = {"src_name": "Crab", "product": ["lightcurve"], "use_default_catalog": False, "make_image": False, "s_max": SCW, "radius": 5.0}
INTERVAL = {"T1": "2005-01-01T00:00:00", "T2": "2008-01-01T00:00:00"}
LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Taken:
    """Seconds of the clock, of the worker's processor, and load of the machine."""

    wall: float
    cpu: float
    load: float


def planned(settings: Settings, count: int) -> Plan:
    """So many batches of one length."""
    reference = reference_catalog()
    crab = SourceCatalog(tuple(source for source in reference.sources if source.name == "Crab"))
    plan = prepare(settings, Request(**ASKED, **INTERVAL, api_catalog_file=json.dumps(catalog_to_api(crab))), Identity())
    full = [batch for batch in plan.batches if len(batch.scw) == SCW][:count]
    return replace(plan, batches=tuple(full), jobs=(replace(plan.jobs[0], batch_ids=tuple(batch.batch_id for batch in full)),))


def measured(seconds: float, count: int, database: str) -> Taken:
    """One run of `count` batches whose jobs take so many seconds each."""
    with tempfile.TemporaryDirectory() as name, running_observatory(Path(name)) as observatory:
        (Path(name) / "hosts.toml").write_text(HOSTS)
        observatory.knobs(concurrency=AT_ONCE, time_per_scw=seconds / (SCW + 1))
        environment = {"DATA": f"{name}/data", "SIMULATED_URL": observatory.url, "HOSTS": f"{name}/hosts.toml", "DATABASE": database}
        settings = Settings.from_environment({f"INTEGRAL_DASHBOARD_{key}": value for key, value in environment.items()})
        plan, store = planned(settings, count), RunStore(settings)
        try:
            ensure_worker(settings)
            worker = _idle(worker_lock(settings))
            start, cpu = perf_counter(), _cpu(worker)
            run_id = store.start(plan, Identity())
            state = store.state(run_id)
            while not state.finished:
                sleep(LOOK_SECONDS)
                ensure_worker(settings)
                state = store.state(run_id, state)
            if state.state != "done":
                raise SystemExit(f"The run ended as {state.state}: {state.line_of_truth}")
            return Taken(perf_counter() - start, _cpu(worker) - cpu, os.getloadavg()[0])
        finally:
            end_children()


def main(database: str) -> None:
    head()
    for seconds, count, bound in ((5.0, 48, "1.25"), (30.0, 16, "1.06")):
        taken = measured(seconds, count, database)
        ideal = seconds * -(-count // AT_ONCE)
        row(f"{count} batches of {seconds:g} s, wall time / ideal", f"{taken.wall:.1f} / {ideal:.0f} = {taken.wall / ideal:.3f}", bound)
        row("  CPU of the worker, seconds a batch", f"{taken.cpu / count:.3f}", "", f"load {taken.load:.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser("python -m benchmarks.in_flight", description="What a run adds to the time of its jobs.")
    parser.add_argument("--database", default="", help="URL of an empty PostgreSQL database (default: SQLite)")
    main(parser.parse_args().database)
