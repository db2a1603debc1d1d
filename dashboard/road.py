"""The road as page, notebook and command line walk it: from a request to a plan, from a run to the files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from dashboard.archive.resolver import resolve
from dashboard.archive.selection import find_pointings
from dashboard.export.folder import write_folder
from dashboard.export.provenance import provenance
from dashboard.identity import Identity
from dashboard.plan.plan import Plan, make_plan
from dashboard.request.checks import check
from dashboard.request.request import Request
from dashboard.runs.process import host_for
from dashboard.runs.results import load_mosaic, load_sources
from dashboard.runs.run_state import RunState
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
    host = host_for(settings, request.host_type)
    target = resolve(request, host)
    return make_plan(request, target, find_pointings(request, target, host), identity)


def export_run(settings: Settings, store: RunStore, state: RunState, folder: Path) -> tuple[Path, ...]:
    """Write the files of a run, finished or not, into a folder.

    Raises
    ------
    RunNotFound
        When no batch has arrived yet.
    StorageFull, ProductError
        When the folder cannot be written.
    """
    mosaic, table = load_mosaic(settings, state), load_sources(settings, state)
    plan = store.plan(state.run_id)
    batches = [
        {
            "batch_id": batch.batch_id,
            "state": batch.state,
            "scw": list(batch.scw),
            "job_id": batch.job_id,
            "attempts": batch.attempts,
            "reason": batch.reason,
        }
        for batch in state.batches
    ]
    document = provenance(mosaic, table, plan.request, asdict(plan.target), batches)
    return write_folder(folder, mosaic, table, document, plan.target.name)
