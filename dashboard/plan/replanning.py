"""The plan of a run that goes on with other science windows: a longer interval, or without some of them.

What is known is kept: name and position of the target, the names of the sky's sources, the lists that spectra and light
curves are extracted for. So equal science windows make equal batches, and only what is new is asked.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np

from dashboard.archive.pointings import Pointings
from dashboard.archive.selection import sampled
from dashboard.errors import NoScienceWindows, RequestError
from dashboard.plan.making import Maker, told_of, union
from dashboard.plan.plan import Plan
from dashboard.request.request import Request

SELECTION = {"T1", "T2", "radius", "revolutions", "observations", "scw_list", "scw_archive"}
"""Parameters that select science windows."""


def replanned(plan: Plan, request: Request, pointings: Mapping[str, Pointings], *, decided: bool = False) -> Plan:
    """The same jobs for other science windows.

    An image that was made for its catalogue alone stays as it is when that catalogue is decided: it is frozen with the run.

    Parameters
    ----------
    plan
        As the run has it.
    request
        Its request with the new selection; all else is as it was.
    pointings
        The archive's answer to it, by instrument. What the owner has taken out stays out.
    decided
        The pointings are those of the plan, not the archive's: what was picked for an image is not picked from again.

    Raises
    ------
    NoScienceWindows
        When nothing is left for a job.
    RequestError
        When the request asks for something else besides other science windows.
    """
    before, after = ({key: value for key, value in r.items() if key not in SELECTION} for r in (dict(plan.request), request.to_dict()))
    if changed := sorted(key for key in {*before, *after} if before.get(key) != after.get(key)):
        raise RequestError(f"{changed[0]} of a run cannot change, only which science windows it is made of: start a new run.", changed[0])
    maker = Maker(request, plan.batches[0].owner, plan.left_out)
    for number, job in enumerate(plan.jobs):
        windows = pointings[job.instrument]
        frozen = job.for_catalogue and not any(coming.image == number for coming in plan.coming)
        if frozen:
            maker.keep(job, plan.batches_of(job))
        elif job.product == "mosaic":
            image = windows if decided and _images_alone(plan, job.instrument) else sampled(windows, request.n_scw_image)
            maker.add(job.instrument, "mosaic", job.band, image, for_catalogue=job.for_catalogue)
        else:
            maker.add(job.instrument, job.product, job.band, windows, plan.lists[job.instrument], plan.target.name)
        if not maker.jobs[-1].batch_ids:
            raise NoScienceWindows(f"No science window is left for {job.label}: choose an interval that has some, or put some back.")
    left = {name: _remaining(plan, name, windows.swid) for name, windows in pointings.items()}
    coming = tuple(replace(waiting, swid=left[waiting.instrument]) for waiting in plan.coming)
    kept = maker.used.union(*(waiting.swid for waiting in coming), *plan.left_out.values())
    windows = union([plan.pointings, *pointings.values()], kept)
    old = told_of(Request.from_dict(plan.request), plan.target, plan.pointings)
    told = (*told_of(request, plan.target, windows), *(notice for notice in plan.notices if notice not in old))
    return replace(
        plan,
        request=request.to_dict(),
        notices=tuple(dict.fromkeys(told)),
        pointings=windows,
        batches=tuple(maker.batches.values()),
        jobs=tuple(maker.jobs),
        coming=coming,
    )


def without(plan: Plan, swids: Collection[str], instrument: str = "") -> Plan:
    """The plan without some science windows, which stay out when the interval grows: the batches that held them are asked again.

    Parameters
    ----------
    plan
        As the run has it.
    swids
        Ids, with or without version.
    instrument
        Whose jobs they leave; "" for all.

    Raises
    ------
    RequestError
        When the plan has no such science windows.
    NoScienceWindows
        When nothing is left for a job.
    """
    out, present = {swid[:12] for swid in swids}, members(plan)
    if unknown := sorted(out.difference(*present.values())):
        raise RequestError(f"The run has no science window {unknown[0]}: name some of its own.", "scw_list")
    leaving = {name: out & ids if instrument in ("", name) else set() for name, ids in present.items()}
    left_out = {name: tuple(sorted({*plan.left_out.get(name, ()), *ids})) for name, ids in leaving.items()}
    return _again(replace(plan, left_out=left_out), present)


def put_back(plan: Plan, swids: Collection[str]) -> Plan:
    """The plan with science windows that had been taken out; raises as `without`."""
    back, present = {swid[:12] for swid in swids}, members(plan)
    if unknown := sorted(back.difference(*plan.left_out.values())):
        raise RequestError(f"The science window {unknown[0]} was not taken out: runs show names those that were.", "scw_list")
    left_out = {name: tuple(swid for swid in ids if swid not in back) for name, ids in plan.left_out.items()}
    return _again(replace(plan, left_out=left_out), present)


def _again(plan: Plan, present: Mapping[str, set[str]]) -> Plan:
    pointings = {name: plan.pointings.take(np.flatnonzero([s in ids for s in plan.pointings.swid])) for name, ids in present.items()}
    return replanned(plan, Request.from_dict(plan.request), pointings, decided=True)


def _images_alone(plan: Plan, instrument: str) -> bool:
    """Whether the plan knows no other science windows of an instrument than those that were picked for its images."""
    others = {job.instrument for job in plan.jobs if job.product != "mosaic"} | {coming.instrument for coming in plan.coming}
    return instrument not in others


def members(plan: Plan) -> dict[str, set[str]]:
    """Science windows by instrument, those taken out among them."""
    found = {name: set(ids) for name, ids in plan.left_out.items()}
    for job in plan.jobs:
        found.setdefault(job.instrument, set()).update(scw[:12] for batch in plan.batches_of(job) for scw in batch.scw)
    for coming in plan.coming:
        found.setdefault(coming.instrument, set()).update(coming.swid)
    return found


def _remaining(plan: Plan, instrument: str, swids: Collection[str]) -> tuple[str, ...]:
    out = plan.left_out.get(instrument, ())
    return tuple(swid for swid in swids if swid not in out)
