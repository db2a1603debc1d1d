"""A run as JSON: for `--json`, for the file that stands in its folder, and for whoever reads that without us."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any, Final

from dashboard.plan.job import Job
from dashboard.plan.plan import Plan
from dashboard.runs.products import batch_file, run_file
from dashboard.runs.run_state import BatchState, RunState

PUBLISHED: Final = {"mosaic": ("mosaic", "sources", "histogram"), "spectrum": ("spectra",), "lightcurve": ("curves",)}
"""Kinds of files, by the product of the job, for whoever wants to read them; besides them there is its sum."""


def run_document(state: RunState, plan: Plan | None = None) -> dict[str, Any]:
    """JSON types only. Names of files are relative to the product store.

    Parameters
    ----------
    state
        The run.
    plan
        Its plan, for the request, target and jobs; left out when not given.
    """
    document: dict[str, Any] = {
        "run_id": state.run_id,
        "name": state.name,
        "owner": state.owner,
        "host": state.host,
        "simulated": state.simulated,
        "state": state.state,
        "reason": state.reason,
        "line_of_truth": state.line_of_truth,
        "created": _iso(state.created),
        "ended": _iso(state.ended),
        "pinned": state.pinned,
        "batches_done": state.n_done,
        "batches_failed": state.n_failed,
        "scw_asked": state.scw_total,
        "exposure_done_s": round(state.exposure_done, 1),
        "batches": [batch_document(number, batch) for number, batch in enumerate(state.batches, 1)],
    }
    if plan is not None:
        document |= {
            "request": dict(plan.request),
            "target": {"name": plan.target.name, "ra_deg": plan.target.ra, "dec_deg": plan.target.dec, "origin": plan.target.origin},
            "jobs": [_job_document(state, number, job) for number, job in enumerate(plan.jobs)],
            "left_out_scw": {instrument: list(ids) for instrument, ids in plan.left_out.items()},
            "archive": plan.archive,
        }
    return document


def batch_document(number: int, batch: BatchState) -> dict[str, Any]:
    """JSON types only; `number` counts from 1 as on the page."""
    return {
        "number": number,
        "batch_id": batch.batch_id,
        "job": batch.job,
        "state": batch.state,
        "scw": list(batch.scw),
        "scw_done": batch.scw_done,
        "tstart_ijd": batch.tstart if math.isfinite(batch.tstart) else None,
        "tstop_ijd": batch.tstop if math.isfinite(batch.tstop) else None,
        "attempts": batch.attempts,
        "reason": batch.reason,
        "remedy": batch.remedy,
        "dispatcher_job": batch.job_id,
        "bytes": batch.n_bytes,
        "file": batch_file(batch.batch_id) if batch.arrived else None,
        "updated": _iso(batch.updated),
    }


def _job_document(state: RunState, number: int, job: Job) -> dict[str, Any]:
    version = state.sums[number] if number < len(state.sums) else 0
    kinds = (*PUBLISHED[job.product], "sum") if version else ()
    files = {kind: run_file(state.run_id, kind, number, version) for kind in kinds}
    return {"number": number, "label": job.label, "instrument": job.instrument, "product": job.product, "sum": version, "files": files}


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
