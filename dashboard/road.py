"""The road as page, notebook and command line walk it: from a request to a plan, from a run to the files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from dashboard.archive.reference_catalog import reference_catalog
from dashboard.archive.resolver import resolve
from dashboard.archive.selection import find_pointings
from dashboard.export.folder import write_folder
from dashboard.export.provenance import provenance
from dashboard.identity import Identity
from dashboard.plan.plan import Plan, make_plan
from dashboard.request.checks import check
from dashboard.request.request import Request
from dashboard.runs.field import run_grid
from dashboard.runs.process import host_for
from dashboard.runs.results import load_mosaic, load_sources
from dashboard.runs.run_state import BatchState, RunState
from dashboard.runs.store import RunStore
from dashboard.settings import Settings


def prepare(settings: Settings, request: Request, identity: Identity) -> Plan:
    """Check the request, resolve its name, select science windows and cut them into batches.

    Raises
    ------
    DashboardError
        The first thing that is wrong, with its sentence.
    """
    check(request, local_files=identity.origin != "page")
    reference_catalog(request.isdc_cat_url)  # before anything is looked up: a wrong file is a wrong request
    host = host_for(settings, request.host_type)
    target = resolve(request, host)
    plan = make_plan(request, target, find_pointings(request, target, host), identity)
    run_grid(plan.pointings)  # a field too wide for one mosaic is refused here, before it is run
    return plan


def export_run(settings: Settings, store: RunStore, state: RunState, folder: Path) -> tuple[Path, ...]:
    """Write the files of a run, finished or not, into a folder; of several bands each into a folder of its own.

    Raises
    ------
    RunNotFound
        When no batch has arrived yet.
    StorageFull, ProductError
        When the folder cannot be written.
    """
    plan = store.plan(state.run_id)
    written: list[Path] = []
    for number, job in enumerate(plan.jobs):
        if not state.sums[number] and any(state.sums):
            continue
        mosaic, table = load_mosaic(settings, state, number), load_sources(settings, state, number)
        batches = [_told(batch) for batch in state.batches if batch.job == number]
        place = folder if len(plan.jobs) == 1 else folder / f"{job.instrument}_{job.band[0]:g}-{job.band[1]:g}keV"
        written += write_folder(
            place, mosaic, table, provenance(mosaic, table, plan.request, asdict(plan.target), batches), plan.target.name
        )
    return tuple(written)


def _told(batch: BatchState) -> dict[str, object]:
    """What the provenance says of a batch."""
    return {
        "batch_id": batch.batch_id,
        "state": batch.state,
        "scw": list(batch.scw),
        "job_id": batch.job_id,
        "attempts": batch.attempts,
        "reason": batch.reason,
    }
