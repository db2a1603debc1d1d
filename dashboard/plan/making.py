"""From a request and its science windows to a plan; and on, when the catalogue of an image is there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from dashboard.archive.pointings import Pointings, revolution
from dashboard.archive.reference_catalog import reference_catalog
from dashboard.archive.resolver import Target
from dashboard.archive.selection import SAMPLE_SEED, sampled
from dashboard.errors import NoScienceWindows
from dashboard.hosts import SIMULATED
from dashboard.identity import Identity
from dashboard.plan.batch import Batch
from dashboard.plan.cells import job_ranges, keys
from dashboard.plan.job import Coming, Job
from dashboard.plan.plan import Plan
from dashboard.products.catalog import SourceCatalog, SourceTable
from dashboard.products.catalog_api import selected_catalog
from dashboard.products.extraction_list import clipped, from_detections, warnings, with_target
from dashboard.products.instrument import instrument_of
from dashboard.request.checks import OSA_VERSIONS, check
from dashboard.request.request import Request
from dashboard.request.traps import notices

BACKEND_THRESHOLD = 7.0  # sources are searched on the sum: another threshold of the request must not ask every batch again
CLIP_MARGIN = 0.5
"""Degrees around the field of view within which sources of the catalogue are sent along."""
PRODUCT_TYPES = {"mosaic": "image", "spectrum": "spectrum", "lightcurve": "lc"}

T = TypeVar("T")


def make_plan(
    request: Request,
    target: Target,
    pointings: Mapping[str, Pointings],
    identity: Identity,
    sources: SourceCatalog | None = None,
    reference: SourceCatalog | None = None,
) -> Plan:
    """Cut a request's science windows into batches, for each instrument, product and band.

    Interval, position, name and radius stay out of the batches' parameters: with an explicit list of science windows
    they do not change the product, but would give equal work unequal identities.

    Parameters
    ----------
    request, target
        What is asked, and where it is.
    pointings
        By instrument.
    identity
        Who asks.
    sources
        Those spectra and light curves are extracted for; None: an image is made first, and its sources are taken.
    reference
        Names of the sources of the sky; the shipped catalogue when not given.

    Raises
    ------
    RequestError
        When the request cannot be run.
    NoScienceWindows
        When there is nothing to cut.
    """
    check(request)
    if not any(map(len, pointings.values())):
        raise NoScienceWindows(f"No science window is left to analyse for {target.name}: widen the interval or the radius.")
    public = request.integral_data_rights == "public" and request.data_version == "CONS" and request.osa_version in OSA_VERSIONS
    maker = Maker(request, "" if public else identity.user)
    lists: dict[str, SourceCatalog] = {}
    told: list[str] = []
    for instrument in request.instruments:
        windows = pointings[instrument]
        if not len(windows):
            told.append(f"No science window of {instrument} is within its radius of {target.name}: it is left out.")
            continue
        image = sampled(windows, request.n_scw_image)
        if "mosaic" in request.products:
            for band in request.bands_for(instrument):
                maker.add(instrument, "mosaic", band, image)
        extractions = [product for product in request.products if product != "mosaic"]
        if not extractions:
            continue
        if sources is None:
            number = maker.image(instrument, request.bands_for(instrument)[0], image)
            for product, energies in _bands(request, instrument, extractions):
                maker.await_image(instrument, product, energies, windows, number)
            continue
        lists[instrument], remarks = with_target(sources, target.name, target.ra, target.dec, instrument)
        seen = clipped(lists[instrument], windows.ra_scx, windows.dec_scx, instrument_of(instrument).reach, CLIP_MARGIN, (target.name,))
        told += [*remarks, *warnings(seen, instrument)]
        for product, energies in _bands(request, instrument, extractions):
            maker.add(instrument, product, energies, windows, lists[instrument], target.name)
    used = union([pointings[name] for name in request.instruments], maker.used)
    told = [*told_of(request, target, used), *target.notes, *_sampled(request, pointings), *told]
    if request.upload_to_gallery:
        told.append(
            "upload_to_gallery is set, but what is simulated is never published."
            if request.host_type == SIMULATED
            else "upload_to_gallery: nothing is sent by itself; when the run has ended, one click on Publish, or `gallery publish --yes` "
            "with its id, publishes its products without another look."
        )
    return Plan(
        request=request.to_dict(),
        target=target,
        pointings=used,
        batches=tuple(maker.batches.values()),
        jobs=tuple(maker.jobs),
        notices=tuple(dict.fromkeys(told)),
        catalog=reference or reference_catalog(),
        lists=lists,
        coming=tuple(maker.coming),
    )


def told_of(request: Request, target: Target, windows: Pointings) -> tuple[str, ...]:
    """Sentences on a request for a target; its science windows tell when it is, where it names observations."""
    burst = target.burst
    return (
        *notices(request, {revolution(swid) for swid in windows}),
        *((burst.note(target.name),) if burst is not None and burst.missed_by(request) else ()),
    )


def catalogue_of_image(plan: Plan, number: int, table: SourceTable) -> tuple[SourceCatalog, tuple[str, ...]]:
    """The sources of an image that spectra and light curves are to be extracted for, and what is to be said of them.

    Parameters
    ----------
    plan
        Of the run.
    number
        Of the image's job.
    table
        Sources of the image.
    """
    instrument, request = plan.jobs[number].instrument, plan.request
    wanted = float(request["detection_threshold"]), bool(request["include_new_sources"])
    found = from_detections(table, instrument, *wanted, known=plan.catalog)
    catalog, remarks = with_target(found, plan.target.name, plan.target.ra, plan.target.dec, instrument)
    return catalog, (*remarks, *warnings(catalog, instrument))


def continued(plan: Plan, number: int, catalog: SourceCatalog) -> Plan:
    """The plan with the jobs that waited for the image of job `number`, now that its catalogue is decided."""
    maker = Maker(Request.from_dict(plan.request), plan.batches[0].owner, plan.left_out)
    instrument = plan.jobs[number].instrument
    for coming in plan.coming:
        if coming.image == number:
            chosen = set(coming.swid)
            windows = plan.pointings.take(np.flatnonzero([swid in chosen for swid in plan.pointings.swid]))
            maker.add(instrument, coming.product, coming.band, windows, catalog, plan.target.name)
    return replace(
        plan,
        batches=(*plan.batches, *maker.batches.values()),
        jobs=(*plan.jobs, *maker.jobs),
        lists={**plan.lists, instrument: catalog},
        coming=tuple(coming for coming in plan.coming if coming.image != number),
    )


class Maker:
    """Collects jobs and their batches."""

    def __init__(self, request: Request, owner: str, left_out: Mapping[str, Collection[str]] | None = None) -> None:
        self._request, self._owner, self._left_out = request, owner, left_out or {}
        self.batches: dict[str, Batch] = {}
        self.jobs: list[Job] = []
        self.coming: list[Coming] = []
        self.used: set[str] = set()

    def add(
        self,
        instrument: str,
        product: str,
        band: tuple[float, float] | None,
        windows: Pointings,
        sources: SourceCatalog | None = None,
        target: str = "",
        *,
        for_catalogue: bool = False,
    ) -> int:
        """A job of these science windows but those left out, which take part in the cutting alone; its number.

        So a batch loses its science windows, and its neighbours stay what they are.
        """
        ids, out = [], set(self._left_out.get(instrument, ()))
        for rows in self._cut(instrument, product, windows):
            part = windows.take(np.array([row for row in rows if windows.swid[row] not in out], dtype=np.intp))
            if not len(part):
                continue
            batch = Batch(
                host=self._request.host_type,
                parameters=self._parameters(instrument, product, band, part, sources, target),
                owner=self._owner,
                exposure=float(part.telapse.sum()),
                tstart=float(part.tstart[0]),
                tstop=float(part.tstop[-1]),
            )
            self.batches[batch.batch_id] = batch
            ids.append(batch.batch_id)
            self.used |= set(part.swid)
        self.jobs.append(Job(instrument, product, band, tuple(ids), for_catalogue))
        return len(self.jobs) - 1

    def keep(self, job: Job, batches: tuple[Batch, ...]) -> None:
        """A job as it was."""
        self.batches |= {batch.batch_id: batch for batch in batches}
        self.used |= {scw[:12] for batch in batches for scw in batch.scw}
        self.jobs.append(job)

    def image(self, instrument: str, band: tuple[float, float], windows: Pointings) -> int:
        """Number of the job of an image: the mosaic that is asked for anyway, or one for its sources only."""
        for number, job in enumerate(self.jobs):
            if (job.instrument, job.product, job.band) == (instrument, "mosaic", band):
                return number
        return self.add(instrument, "mosaic", band, windows, for_catalogue=True)

    def await_image(self, instrument: str, product: str, band: tuple[float, float] | None, windows: Pointings, number: int) -> None:
        """A job that waits for the catalogue of an image."""
        self.used |= set(windows.swid)
        self.coming.append(Coming(instrument, product, band, windows.swid, number))

    def _cut(self, instrument: str, product: str, windows: Pointings) -> tuple[range, ...]:
        times = windows.tstart, windows.tstop
        return job_ranges(instrument, product, keys(windows.swid), *times, self._request.s_max, self._request.lc_time_bin)

    def _parameters(
        self,
        instrument: str,
        product: str,
        band: tuple[float, float] | None,
        windows: Pointings,
        sources: SourceCatalog | None,
        target: str,
    ) -> dict[str, Any]:
        request, kind = self._request, "isgri" if instrument == "isgri" else "jemx"
        parameters: dict[str, Any] = {
            "instrument": kind,
            "integral_data_rights": request.integral_data_rights,
            "osa_version": request.osa_version,
            "product_type": f"{kind}_{PRODUCT_TYPES[product]}",
            "scw_list": list(windows.with_versions(request.data_version)),
        }
        if kind == "jemx":
            parameters["jemx_num"] = int(instrument[-1])
        if band is not None:
            parameters |= {"E1_keV": band[0], "E2_keV": band[1]}
        if product == "mosaic":
            parameters["detection_threshold"] = BACKEND_THRESHOLD
        if product == "lightcurve":
            parameters |= {"time_bin": float(request.lc_time_bin), "time_bin_format": "sec"}
        if sources is not None:
            seen = clipped(sources, windows.ra_scx, windows.dec_scx, instrument_of(instrument).reach, CLIP_MARGIN, (target,))
            parameters["selected_catalog"] = selected_catalog(seen, instrument)
        return parameters


def _bands(request: Request, instrument: str, products: list[str]) -> Iterator[tuple[str, tuple[float, float] | None]]:
    for product in products:
        if product == "spectrum":
            yield product, None
        else:
            yield from ((product, band) for band in request.bands_for(instrument))


def _sampled(request: Request, pointings: Mapping[str, Pointings]) -> Iterator[str]:
    makes_image = "mosaic" in request.products or request.make_image
    for instrument, windows in pointings.items():
        chosen = len(sampled(windows, request.n_scw_image))
        if makes_image and chosen < len(windows):
            yield (
                f"{chosen} of {len(windows)} science windows of {instrument} were picked at random for the image, "
                f"evenly in time, with seed {SAMPLE_SEED}."
            )


def union(lists: list[Pointings], used: set[str]) -> Pointings:
    """Those science windows of all lists that are used, each once, in time order."""
    first: dict[str, tuple[int, int]] = {}
    for i, windows in enumerate(lists):
        for row, swid in enumerate(windows.swid):
            if swid in used:
                first.setdefault(swid, (i, row))
    order = sorted(first)
    columns: dict[str, NDArray[np.float64]] = {
        name: np.array([getattr(lists[first[swid][0]], name)[first[swid][1]] for swid in order])
        for name in ("ra_scx", "dec_scx", "ra_scz", "dec_scz", "tstart", "tstop", "telapse")
    }
    return Pointings(
        tuple(order),
        **columns,
        index_version=_named([windows.index_version for windows in lists], "+"),
        origin=_named([windows.origin for windows in lists], " + "),
        asked=max((windows.asked for windows in lists), default=""),
        version=_told([windows.version for windows in lists], [first[swid] for swid in order], ""),
        public=_told([windows.public for windows in lists], [first[swid] for swid in order], -1),
        observation=_told([windows.observation for windows in lists], [first[swid] for swid in order], ""),
        good=_good(lists, [first[swid] for swid in order]),
    )


def _good(lists: list[Pointings], rows: list[tuple[int, int]]) -> dict[str, NDArray[np.float64]]:
    """Good times by number of the list and row, NaN where a list tells none."""
    names = dict.fromkeys(name for windows in lists for name in windows.good)
    return {name: np.array([lists[i].good[name][row] if name in lists[i].good else np.nan for i, row in rows]) for name in names}


def _named(words: list[str], joint: str) -> str:
    """Each word once; words that are joint already are taken apart."""
    return joint.join(dict.fromkeys(word for words_ in words for word in words_.split(joint) if word))


def _told(lists: list[tuple[T, ...]], rows: list[tuple[int, int]], unknown: T) -> tuple[T, ...]:
    """A column that some lists may lack, by number of the list and row; empty when none has it."""
    return tuple(lists[i][row] if lists[i] else unknown for i, row in rows) if any(lists) else ()
