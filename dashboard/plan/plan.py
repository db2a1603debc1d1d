"""What a run will ask for: the science windows, cut into batches, with what it costs and needs."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord

from dashboard.archive.pointings import Pointings
from dashboard.archive.resolver import Target
from dashboard.errors import RunError
from dashboard.hosts import SIMULATED
from dashboard.plan.batch import Batch
from dashboard.plan.cells import job_ranges, keys
from dashboard.plan.job import Coming, Job
from dashboard.plan.roles import GALLERY, roles_of_batch
from dashboard.plan.sensitivity import expected_mcrab
from dashboard.products.catalog import SourceCatalog
from dashboard.products.catalog_api import catalog_from_api, catalog_to_api
from dashboard.request.times import TimePoint

FORMAT = 2
READABLE = (1, FORMAT)  # plans of format 1 knew mosaics only
JOBS_IN_FLIGHT = 4
SECONDS_A_BATCH = 7.0  # a cached batch of a real dispatcher: 4.4 s to submit and 2.5 s to build, measured
SECONDS_A_SIMULATED_BATCH = 3.0

_PARTIAL = ("version", "public", "observation")
_TOLD = ("index_version", "origin", "asked")
_COLUMNS = tuple(column.name for column in fields(Pointings) if column.name not in ("swid", *_PARTIAL, "good", *_TOLD))


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
        The science windows of all jobs, in time order.
    batches
        All batches, job after job, each in time order.
    jobs
        What is added up from which batches.
    notices
        Sentences for the user.
    catalog
        Names of the sources of the sky, frozen with the run: a file that changes later does not change the run.
    lists
        By instrument: the sources that spectra and light curves are extracted for, frozen with the run.
    coming
        Jobs that wait for the catalogue of an image.
    left_out
        By instrument: science windows, without version, that the owner took out. They stay in `pointings`: batches are cut as if they
        were there, so that the others stay what they are.
    """

    request: Mapping[str, Any]
    target: Target
    pointings: Pointings
    batches: tuple[Batch, ...]
    jobs: tuple[Job, ...]
    notices: tuple[str, ...] = ()
    catalog: SourceCatalog = field(default_factory=SourceCatalog)
    lists: Mapping[str, SourceCatalog] = field(default_factory=dict)
    coming: tuple[Coming, ...] = ()
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """`host_type` of the request."""
        return str(self.request["host_type"])

    @property
    def simulated(self) -> bool:
        """Whether everything comes from the simulated observatory."""
        return self.host == SIMULATED

    @property
    def archive(self) -> dict[str, str]:
        """Who listed the science windows, when (UTC), and from which version of its index; "" for what is not known."""
        windows = self.pointings
        return {"address": windows.origin, "asked": windows.asked, "index_version": windows.index_version}

    @property
    def asked(self) -> Pointings:
        """The science windows that are asked, or will be."""
        if not self.left_out:
            return self.pointings
        mine = {scw[:12] for batch in self.batches for scw in batch.scw}.union(*(coming.swid for coming in self.coming))
        return self.pointings.take(np.flatnonzero([swid in mine for swid in self.pointings.swid]))

    @property
    def n_scw(self) -> int:
        """Number of science windows."""
        return len(self.asked)

    @property
    def n_left_out(self) -> int:
        """Number of science windows that some instrument does without."""
        return len(set().union(*self.left_out.values()))

    @property
    def exposure(self) -> float:
        """Elapsed seconds of all science windows."""
        return float(self.asked.telapse.sum())

    @property
    def fill(self) -> float:
        """Mean number of science windows in a batch over s_max."""
        return sum(len(batch.scw) for batch in self.batches) / (len(self.batches) * int(self.request["s_max"]))

    @property
    def roles_needed(self) -> tuple[str, ...]:
        """Dispatcher roles without which some batch is refused with 403, sorted."""
        needed = set().union(*(roles_of_batch(batch.parameters) for batch in self.batches))
        for coming in self.coming:
            size = self._largest_of(coming)
            needed |= roles_of_batch({**self.batches[0].parameters, "scw_list": self.batches[0].scw[:1] * size})
        return tuple(sorted(needed | ({GALLERY} if self.request["upload_to_gallery"] else set())))

    @property
    def largest(self) -> int:
        """Science windows of its largest batch, also of those that wait for a catalogue."""
        return max(*(len(batch.scw) for batch in self.batches), *map(self._largest_of, self.coming), 0)

    def _largest_of(self, coming: Coming) -> int:
        """Science windows of the largest batch that a waiting job will have."""
        chosen = set(coming.swid)
        windows = self.pointings.take(np.flatnonzero([swid in chosen for swid in self.pointings.swid]))
        s_max, bin_s = int(self.request["s_max"]), float(self.request["lc_time_bin"])
        ranges = job_ranges(coming.instrument, coming.product, keys(windows.swid), windows.tstart, windows.tstop, s_max, bin_s)
        return max(map(len, ranges), default=0)

    def batches_of(self, job: Job) -> tuple[Batch, ...]:
        """The batches of a job in time order."""
        by_id = {batch.batch_id: batch for batch in self.batches}
        return tuple(by_id[batch_id] for batch_id in job.batch_ids)

    def pointings_of(self, job: Job) -> Pointings:
        """The science windows of a job, in time order."""
        mine = {scw[:12] for batch in self.batches_of(job) for scw in batch.scw}
        return self.pointings.take(np.flatnonzero([swid in mine for swid in self.pointings.swid]))

    def describe(self, done: Collection[str] = ()) -> tuple[str, ...]:
        """The plan in lines of text.

        Parameters
        ----------
        done
            Ids of batches whose products are already stored.
        """
        first, last = (TimePoint("ijd", float(edge)).isot[:16] for edge in (self.pointings.tstart[0], self.pointings.tstop[-1]))
        jobs = "; ".join(job.label for job in self.jobs)
        ready = sum(batch.batch_id in done for batch in self.batches)
        left = len(self.batches) - ready
        galactic = SkyCoord(self.target.ra, self.target.dec, unit="deg", frame="fk5").galactic
        return (
            f"Target: {self.target.name}, RA {self.target.ra:.4f}, Dec {self.target.dec:+.4f} deg ({self.target.origin}), "
            f"l {galactic.l.deg:.4f}, b {galactic.b.deg:+.4f} deg",
            f"Asked: {jobs}, {self.request['osa_version']}, host {self.host}{' (SIMULATED data)' if self.simulated else ''}",
            f"Science windows: {self.n_scw}, {exposure_text(self.exposure)}, {first} to {last} UTC",
            *self._archive_text(),
            *([f"Left out: {self.n_left_out} science windows"] if self.n_left_out else []),
            f"Batches: {len(self.batches)} of at most {self.request['s_max']} science windows, {self.fill:.0%} full on average",
            *(f"Then: {coming.label} of {len(coming.swid)} science windows, with the catalogue of the image" for coming in self.coming),
            *(f"Expected 1-sigma error at the target: {text}" for text in self.sensitivity_texts()),
            f"Roles needed: {', '.join(self.roles_needed) or 'none'}",
            f"Already computed: {ready} of {len(self.batches)} batches, {left} to ask for",
            f"Time: {self.time_text(left)}",
            *(f"Note: {notice}" for notice in self.notices),
        )

    def _archive_text(self) -> Iterator[str]:
        """Who listed the science windows, when, from which index; nothing for a plan that does not know."""
        if self.pointings.origin:
            when = f", asked {self.pointings.asked} UTC" if self.pointings.asked else ""
            index = f", index version {self.pointings.index_version}" if self.pointings.index_version else ""
            yield f"Listed by: {self.pointings.origin}{when}{index}"

    def sensitivities(self) -> Iterator[tuple[str, tuple[float, float], float]]:
        """Instrument, band (keV) and expected 1-sigma error at the target (mCrab) of each mosaic whose band is known."""
        for job in self.jobs:
            if job.product == "mosaic" and job.band is not None:
                yield job.instrument, job.band, expected_mcrab(self.pointings_of(job), self.target, job.band, job.instrument)

    def sensitivity_texts(self) -> Iterator[str]:
        """Expected 1-sigma error at the target, a line a mosaic."""
        for instrument, band, error in self.sensitivities():
            if math.isfinite(error):
                yield f"about {error:.2g} mCrab in {band[0]:g}-{band[1]:g} keV ({instrument}), more near bright sources"

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
            "target": self.target.facts,
            "pointings": {
                "swid": list(self.pointings.swid),
                **columns,
                **{name: getattr(self.pointings, name) for name in _TOLD},
                **{name: list(getattr(self.pointings, name)) for name in _PARTIAL},
                "good": {name: [_or_none(value) for value in seconds.tolist()] for name, seconds in self.pointings.good.items()},
            },
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
            "jobs": [_listed(asdict(job)) for job in self.jobs],
            "notices": list(self.notices),
            "catalog": catalog_to_api(self.catalog),
            "lists": {instrument: catalog_to_api(sources) for instrument, sources in self.lists.items()},
            "coming": [_listed(asdict(coming)) for coming in self.coming],
            "left_out": {instrument: list(ids) for instrument, ids in self.left_out.items()},
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Plan:
        """Read what `to_dict` wrote.

        Raises
        ------
        RunError
            When another version of the program wrote it.
        """
        if document.get("format") not in READABLE:
            raise RunError(f"The stored plan has format {document.get('format')!r}, this program reads {FORMAT}: plan the request again.")
        stored = document["pointings"]
        columns: dict[str, Any] = {name: np.array([_or_nan(value) for value in stored[name]], dtype=float) for name in _COLUMNS}
        columns |= {name: str(stored.get(name, "")) for name in _TOLD} | {name: tuple(stored.get(name, ())) for name in _PARTIAL}
        columns["good"] = {name: np.array([_or_nan(value) for value in told], dtype=float) for name, told in stored.get("good", {}).items()}
        return cls(
            request=document["request"],
            target=Target.from_facts(document["target"]),
            pointings=Pointings(tuple(stored["swid"]), **columns),
            batches=tuple(Batch(**{**b, "tstart": _or_nan(b["tstart"]), "tstop": _or_nan(b["tstop"])}) for b in document["batches"]),
            jobs=tuple(Job(**{**job, "band": _band(job["band"]), "batch_ids": tuple(job["batch_ids"])}) for job in document["jobs"]),
            notices=tuple(document["notices"]),
            catalog=catalog_from_api(document["catalog"]),
            lists={instrument: catalog_from_api(sources) for instrument, sources in document.get("lists", {}).items()},
            left_out={instrument: tuple(ids) for instrument, ids in document.get("left_out", {}).items()},
            coming=tuple(Coming(**{**c, "band": _band(c["band"]), "swid": tuple(c["swid"])}) for c in document.get("coming", ())),
        )


def exposure_text(seconds: float) -> str:
    """Seconds as ks or Ms."""
    return f"{seconds / 1e6:.2f} Ms" if seconds >= 1e6 else f"{seconds / 1e3:.1f} ks"


def _duration_text(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _listed(columns: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in columns.items()}


def _band(edges: list[float] | None) -> tuple[float, float] | None:
    return None if edges is None else (edges[0], edges[1])


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
