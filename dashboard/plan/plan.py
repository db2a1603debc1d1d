"""What a run will ask for: the science windows, cut into batches, with what it costs and needs."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np

from dashboard.archive.pointings import VERSION_SUFFIX, Pointings
from dashboard.archive.reference_catalog import reference_catalog
from dashboard.archive.resolver import Target
from dashboard.archive.selection import SAMPLE_SEED
from dashboard.errors import NoScienceWindows, RunError
from dashboard.identity import Identity
from dashboard.plan.batch import Batch
from dashboard.plan.cells import cut
from dashboard.plan.sensitivity import crab_rate, expected_error
from dashboard.products.catalog import SourceCatalog
from dashboard.products.catalog_api import catalog_from_api, catalog_to_api
from dashboard.request.checks import OSA_VERSIONS, check, notices
from dashboard.request.request import Request
from dashboard.request.times import TimePoint
from dashboard.settings import SIMULATED

FORMAT = 1
BACKEND_THRESHOLD = 7.0  # sources are searched on the sum: another threshold of the request must not ask every batch again
JOBS_IN_FLIGHT = 4
SECONDS_A_BATCH = 7.0  # a cached batch of a real dispatcher: 4.4 s to submit and 2.5 s to build, measured
SECONDS_A_SIMULATED_BATCH = 3.0

_COLUMNS = tuple(column.name for column in fields(Pointings) if column.name not in ("swid", "index_version"))


@dataclass(frozen=True, slots=True)
class Job:
    """One product in one band of one instrument, summed over its batches (ids in time order)."""

    instrument: str
    product: str
    band: tuple[float, float]
    batch_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A request with everything decided that execution needs.

    Attributes
    ----------
    request
        As `Request.to_dict`.
    target
        The resolved position.
    pointings
        The science windows, in time order.
    batches
        All batches, job after job, each in time order.
    jobs
        What is added up from which batches.
    notices
        Sentences for the user.
    catalog
        Names of the sources of the sky, frozen with the run: a file that changes later does not change the run.
    """

    request: Mapping[str, Any]
    target: Target
    pointings: Pointings
    batches: tuple[Batch, ...]
    jobs: tuple[Job, ...]
    notices: tuple[str, ...] = ()
    catalog: SourceCatalog = field(default_factory=SourceCatalog)

    @property
    def host(self) -> str:
        """`host_type` of the request."""
        return str(self.request["host_type"])

    @property
    def simulated(self) -> bool:
        """Whether everything comes from the simulated observatory."""
        return self.host == SIMULATED

    @property
    def n_scw(self) -> int:
        """Number of science windows."""
        return len(self.pointings)

    @property
    def exposure(self) -> float:
        """Elapsed seconds of all science windows."""
        return float(self.pointings.telapse.sum())

    @property
    def fill(self) -> float:
        """Mean number of science windows in a batch over s_max."""
        return self.n_scw * len(self.jobs) / (len(self.batches) * int(self.request["s_max"]))

    @property
    def roles_needed(self) -> tuple[str, ...]:
        """Dispatcher roles without which some batch is refused with 403, sorted."""
        request, largest = self.request, max(len(batch.scw) for batch in self.batches)
        public = request["integral_data_rights"] == "public"
        conditions = {
            "unige-hpc-full": largest > 50,
            "unige-hpc-extreme": largest > 500,
            "integral-public-nrt": public and request["data_version"] == "NRT",
            "integral-private-qla": not public or request["osa_version"] not in OSA_VERSIONS,
            "gallery contributor": bool(request["upload_to_gallery"]),
        }
        return tuple(sorted(role for role, needed in conditions.items() if needed))

    def batches_of(self, job: Job) -> tuple[Batch, ...]:
        """The batches of a job in time order."""
        by_id = {batch.batch_id: batch for batch in self.batches}
        return tuple(by_id[batch_id] for batch_id in job.batch_ids)

    def describe(self, done: Collection[str] = ()) -> tuple[str, ...]:
        """The plan in lines of text.

        Parameters
        ----------
        done
            Ids of batches whose products are already stored.
        """
        first, last = (TimePoint("ijd", float(edge)).isot[:16] for edge in (self.pointings.tstart[0], self.pointings.tstop[-1]))
        jobs = "; ".join(f"{job.instrument} {job.product} {job.band[0]:g}-{job.band[1]:g} keV" for job in self.jobs)
        ready = sum(batch.batch_id in done for batch in self.batches)
        left = len(self.batches) - ready
        return (
            f"Target: {self.target.name}, RA {self.target.ra:.4f}, Dec {self.target.dec:+.4f} deg ({self.target.origin})",
            f"Asked: {jobs}, {self.request['osa_version']}, host {self.host}{' (SIMULATED data)' if self.simulated else ''}",
            f"Science windows: {self.n_scw}, {exposure_text(self.exposure)}, {first} to {last} UTC",
            f"Batches: {len(self.batches)} of at most {self.request['s_max']} science windows, {self.fill:.0%} full on average",
            *(f"Expected 1-sigma error at the target: {text}" for text in self.sensitivity_texts()),
            f"Roles needed: {', '.join(self.roles_needed) or 'none'}",
            f"Already computed: {ready} of {len(self.batches)} batches, {left} to ask for",
            f"Time: {self.time_text(left)}",
            *(f"Note: {notice}" for notice in self.notices),
        )

    def sensitivity_texts(self) -> Iterator[str]:
        """Expected 1-sigma error at the target, a line a job whose band is known."""
        for job in self.jobs:
            error = expected_error(self.pointings, self.target, job.band)
            if math.isfinite(error):
                crabs = 1000 * error / crab_rate(job.band)
                yield f"{error:.2g} cts/s (about {crabs:.2g} mCrab) in {job.band[0]:g}-{job.band[1]:g} keV, more near bright sources"

    def time_text(self, left: int) -> str:
        """How long `left` batches may take, in words."""
        if not left:
            return "nothing left to wait for"
        each = SECONDS_A_SIMULATED_BATCH if self.simulated else SECONDS_A_BATCH
        text = _duration_text(math.ceil(left / JOBS_IN_FLIGHT) * each)
        return f"about {text}" if self.simulated else f"at least {text}, far more for what the host has not in its cache"

    def to_dict(self) -> dict[str, Any]:
        """JSON types only; `from_dict` gives an equal plan back. Unknown numbers (NaN) are null."""
        columns = {name: [_or_none(value) for value in getattr(self.pointings, name).tolist()] for name in _COLUMNS}
        return {
            "format": FORMAT,
            "request": dict(self.request),
            "target": {**asdict(self.target), "notes": list(self.target.notes)},
            "pointings": {"swid": list(self.pointings.swid), **columns, "index_version": self.pointings.index_version},
            "batches": [
                {
                    "host": batch.host,
                    "parameters": dict(batch.parameters),
                    "owner": batch.owner,
                    "exposure": batch.exposure,
                    "tstart": _or_none(batch.tstart),
                    "tstop": _or_none(batch.tstop),
                }
                for batch in self.batches
            ],
            "jobs": [{**asdict(job), "band": list(job.band), "batch_ids": list(job.batch_ids)} for job in self.jobs],
            "notices": list(self.notices),
            "catalog": catalog_to_api(self.catalog),
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Plan:
        """Read what `to_dict` wrote.

        Raises
        ------
        RunError
            When another version of the program wrote it.
        """
        if document.get("format") != FORMAT:
            raise RunError(f"The stored plan has format {document.get('format')!r}, this program reads {FORMAT}: plan the request again.")
        stored = document["pointings"]
        columns = {name: np.array([_or_nan(value) for value in stored[name]], dtype=float) for name in _COLUMNS}
        return cls(
            request=document["request"],
            target=Target(**{**document["target"], "notes": tuple(document["target"]["notes"])}),
            pointings=Pointings(tuple(stored["swid"]), **columns, index_version=stored["index_version"]),
            batches=tuple(Batch(**{**b, "tstart": _or_nan(b["tstart"]), "tstop": _or_nan(b["tstop"])}) for b in document["batches"]),
            jobs=tuple(
                Job(job["instrument"], job["product"], (job["band"][0], job["band"][1]), tuple(job["batch_ids"]))
                for job in document["jobs"]
            ),
            notices=tuple(document["notices"]),
            catalog=catalog_from_api(document["catalog"]),
        )


def make_plan(request: Request, target: Target, pointings: Pointings, identity: Identity) -> Plan:
    """Cut a request's science windows into batches, for each band.

    Interval, position, name and radius stay out of the batches' parameters: with an explicit list of science windows
    they do not change the product, but would give equal work unequal identities.

    Raises
    ------
    RequestError
        When the request cannot be run.
    NoScienceWindows
        When there is nothing to cut.
    ArchiveError, ProductError
        When the reference catalogue cannot be read.
    """
    check(request)
    catalog = reference_catalog(request.isdc_cat_url)
    if not len(pointings):
        raise NoScienceWindows(f"No science window is left to analyse for {target.name}: widen the interval or the radius.")
    public = request.integral_data_rights == "public" and request.data_version == "CONS"
    ranges = cut(pointings.swid, request.s_max)
    batches: list[Batch] = []
    jobs: list[Job] = []
    for band in request.bands_for("isgri"):
        of_job = [
            Batch(
                host=request.host_type,
                parameters=_mosaic_parameters(request, band, [pointings.swid[i] for i in rows]),
                owner="" if public else identity.user,
                exposure=float(pointings.telapse[rows.start : rows.stop].sum()),
                tstart=float(pointings.tstart[rows.start]),
                tstop=float(pointings.tstop[rows.stop - 1]),
            )
            for rows in ranges
        ]
        jobs.append(Job("isgri", "mosaic", band, tuple(batch.batch_id for batch in of_job)))
        batches += of_job
    told = _notices(request, target, len(pointings))
    return Plan(request.to_dict(), target, pointings, tuple(batches), tuple(jobs), told, catalog)


def _mosaic_parameters(request: Request, band: tuple[float, float], swids: list[str]) -> dict[str, Any]:
    version = VERSION_SUFFIX[request.data_version]
    return {
        "E1_keV": band[0],
        "E2_keV": band[1],
        "detection_threshold": BACKEND_THRESHOLD,
        "instrument": "isgri",
        "integral_data_rights": request.integral_data_rights,
        "osa_version": request.osa_version,
        "product_type": "isgri_image",
        "scw_list": [f"{swid}.{version}" for swid in swids],
    }


def _notices(request: Request, target: Target, n_scw: int) -> tuple[str, ...]:
    sampled = (
        (f"{n_scw} science windows were picked at random, evenly in time, with seed {SAMPLE_SEED}.",) if request.n_scw_image > -1 else ()
    )
    gallery = ("upload_to_gallery is noted; this version does not upload yet.",) if request.upload_to_gallery else ()
    return (*notices(request), *target.notes, *sampled, *gallery)


def exposure_text(seconds: float) -> str:
    """Seconds as ks or Ms."""
    return f"{seconds / 1e6:.2f} Ms" if seconds >= 1e6 else f"{seconds / 1e3:.1f} ks"


def _duration_text(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
