"""What a request would become, told from the coverage of its target alone: nobody is asked, nothing is cut for good.

The figures are those of the plan that is made when it is sent; see `dashboard.plan.making`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dashboard.archive.pointings import VERSION_SUFFIX, Pointings
from dashboard.archive.selection import sample_size, stratified_sample
from dashboard.hosts import SIMULATED
from dashboard.plan.cells import job_ranges
from dashboard.plan.coverage import FULLY, PARTLY, Coverage, Rows, Span
from dashboard.plan.plan import JOBS_IN_FLIGHT, SECONDS_A_BATCH, SECONDS_A_SIMULATED_BATCH, Plan
from dashboard.plan.roles import GALLERY, roles_of_batch
from dashboard.plan.sensitivity import expected_mcrab
from dashboard.request.catalogue_choice import choose
from dashboard.request.request import Request
from dashboard.request.times import TimePoint

LIMIT_SIGMA = 5.0

Band = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What a mosaic is expected to show at the target.

    Attributes
    ----------
    instrument, band
        Of the mosaic; keV.
    error
        1 sigma, mCrab; infinite where the target is in no field of view, NaN where the roll or the Crab's rate is unknown.
    """

    instrument: str
    band: Band
    error: float

    @property
    def limit(self) -> float:
        """5 sigma, mCrab."""
        return LIMIT_SIGMA * self.error


@dataclass(frozen=True, slots=True)
class Forecast:
    """The figures of a plan.

    Attributes
    ----------
    n_scw, exposure
        Science windows that are asked, each once, and their elapsed seconds.
    per_instrument
        Science windows found for each instrument.
    n_batches, largest
        Batches, also those that wait for the catalogue of an image, and the science windows of the largest.
    roles_needed, roles_missing
        Dispatcher roles without which some batch is refused, sorted, and those of them that the user does not have.
    seconds, time_text
        How long it takes at least, and in words.
    sensitivities
        Of each mosaic.
    unknown
        Science windows of scw_list that the coverage does not hold: all other figures are without them.
    """

    n_scw: int
    exposure: float
    per_instrument: Mapping[str, int]
    n_batches: int
    largest: int
    roles_needed: tuple[str, ...]
    roles_missing: tuple[str, ...]
    seconds: float
    time_text: str
    sensitivities: tuple[Sensitivity, ...]
    unknown: int


@dataclass(frozen=True, slots=True)
class Limit:
    """How well an instrument could see the target, whatever radius a request would choose.

    Attributes
    ----------
    sensitivity
        Of a mosaic of all science windows.
    n_fully, n_partly
        Science windows in which the target is fully and partly coded.
    seconds
        Elapsed seconds weighted with the fraction of the detector that the target illuminates.
    """

    sensitivity: Sensitivity
    n_fully: int
    n_partly: int
    seconds: float


def forecast(coverage: Coverage, request: Request, spans: Sequence[Span], roles: Collection[str] = ()) -> Forecast:
    """The figures of the plan for a request.

    Parameters
    ----------
    coverage
        Of the request's target and data_version, as far around it as the largest radius.
    request
        As it would be sent. Listed science windows and observations count as they are, whatever the spans.
    spans
        Of the request, see `spans_of`; or others, that T1 and T2 are to become.
    roles
        That the user has.

    Raises
    ------
    RequestError
        When instruments, products or the choice of a catalogue are none.
    """
    waits = bool(request.extracted) and choose(request.use_default_catalog, request.make_image, request.api_catalog_file) == "image"
    used = np.zeros(len(coverage), dtype=bool)
    found: dict[str, int] = {}
    n_batches = largest = 0
    sensitivities: list[Sensitivity] = []
    for instrument in request.instruments:
        rows = _rows(coverage, request, instrument, spans)
        found[instrument] = len(rows)
        image = rows[stratified_sample(len(rows), sample_size(request.n_scw_image, len(rows)))]
        bands = request.bands_for(instrument)
        pictured = bands if "mosaic" in request.products else bands[:1] if waits else ()
        jobs = [("mosaic", image, len(pictured))]
        jobs += [(product, rows, 1 if product == "spectrum" else len(bands)) for product in request.extracted]
        for product, members, count in jobs:
            if count and len(members):
                used[members] = True
                batches = _batches(coverage, members, instrument, product, request)
                n_batches += len(batches) * count
                largest = max(largest, *map(len, batches))
        if len(image):
            sensitivities += [_sensitivity(coverage, image, instrument, band) for band in pictured]
    needed = _roles(request, largest)
    each = SECONDS_A_SIMULATED_BATCH if request.host_type == SIMULATED else SECONDS_A_BATCH
    empty = Plan({"host_type": request.host_type}, coverage.target, _on_axis(coverage, 0.0), (), ())  # has the words for a time
    return Forecast(
        n_scw=int(used.sum()),
        exposure=float(coverage.telapse[used].sum()),
        per_instrument=found,
        n_batches=n_batches,
        largest=largest,
        roles_needed=needed,
        roles_missing=tuple(role for role in needed if role not in roles),
        seconds=math.ceil(n_batches / JOBS_IN_FLIGHT) * each,
        time_text=empty.time_text(n_batches),
        sensitivities=tuple(sensitivities),
        unknown=len(request.scw_ids) - len(coverage.rows(request.scw_ids)),
    )


def spans_of(request: Request, coverage: Coverage) -> tuple[Span, ...]:
    """The intervals of a request, IJD, where revolutions, observations and listed science windows are those that the coverage holds.

    Raises
    ------
    RequestError
        When T1 and T2 are no intervals, scw_list holds what is no pointing, or the coverage knows no observations.
    """
    if request.scw_ids:
        rows = coverage.rows(request.scw_ids)
        first, last = rows, rows
    elif request.observations:
        rows = np.flatnonzero(coverage.of_observations(request.observation_ids))
        first, last = rows, rows
    elif request.revolutions:
        numbers = np.intersect1d(request.revolutions, coverage.revolution)
        first, last = np.searchsorted(coverage.revolution, numbers), np.searchsorted(coverage.revolution, numbers, "right") - 1
    else:
        return tuple((_edge(span.start, coverage, "left"), _edge(span.stop, coverage, "right")) for span in request.times)
    return tuple(zip(coverage.tstart[first].tolist(), coverage.tstop[last].tolist(), strict=True))


def limit_here(coverage: Coverage, instrument: str, band: Band, spans: Sequence[Span] | None = None) -> Limit:
    """How well an instrument saw the target in a band (keV): in these intervals, or in the whole mission."""
    mask = coverage.seen(instrument, math.inf)
    rows = np.flatnonzero(mask if spans is None else mask & coverage.during(spans))
    coding = coverage.coding(instrument)[rows]
    return Limit(
        sensitivity=_sensitivity(coverage, rows, instrument, band),
        n_fully=int(np.sum(coding == FULLY)),
        n_partly=int(np.sum(coding == PARTLY)),
        seconds=float(np.sum(coverage.telapse[rows] * coverage.fraction(instrument)[rows])),
    )


def _rows(coverage: Coverage, request: Request, instrument: str, spans: Sequence[Span]) -> Rows:
    """The science windows of an instrument: those of a list as they are, all others as they are seen."""
    if request.scw_ids:
        return coverage.rows(request.scw_ids)
    rows = coverage.selected(instrument, request.radius_for(instrument), spans)
    return rows[coverage.of_observations(request.observation_ids)[rows]] if request.observations else rows


def _batches(coverage: Coverage, rows: Rows, instrument: str, product: str, request: Request) -> tuple[range, ...]:
    """The batches of a job."""
    columns = coverage.keys[rows], coverage.tstart[rows], coverage.tstop[rows]
    return job_ranges(instrument, product, *columns, request.s_max, request.lc_time_bin)


def _roles(request: Request, largest: int) -> tuple[str, ...]:
    """Roles for batches of which the largest holds so many science windows, sorted."""
    needed = roles_of_batch(
        {
            "scw_list": [f"000100010010.{VERSION_SUFFIX[request.data_version]}"] * largest,
            "integral_data_rights": request.integral_data_rights,
            "osa_version": request.osa_version,
        }
    )
    return tuple(sorted(needed | ({GALLERY} if request.upload_to_gallery else set())))


def _sensitivity(coverage: Coverage, rows: Rows, instrument: str, band: Band) -> Sensitivity:
    """Of a mosaic of these science windows."""
    seconds = float(np.sum(coverage.telapse[rows] * coverage.fraction(instrument)[rows] ** 2))
    return Sensitivity(instrument, band, expected_mcrab(_on_axis(coverage, seconds), coverage.target, band, instrument))


def _on_axis(coverage: Coverage, seconds: float) -> Pointings:
    """A science window that looks at the target: as good as all those whose time, times the square of the fraction, is its own."""
    ra, dec, zero = np.array([coverage.target.ra]), np.array([coverage.target.dec]), np.zeros(1)
    return Pointings(("",), ra, dec, ra, dec + 90, zero, zero, np.array([seconds]))


def _edge(point: TimePoint, coverage: Coverage, side: Literal["left", "right"]) -> float:
    """A moment, IJD; of a revolution the start of its first science window or the end of its last, or of the nearest inwards."""
    if point.kind != "rev":
        return point.ijd
    number = int(np.searchsorted(coverage.revolution, point.value, side))
    return float(np.append(coverage.tstart, np.inf)[number] if side == "left" else np.append(-np.inf, coverage.tstop)[number])
