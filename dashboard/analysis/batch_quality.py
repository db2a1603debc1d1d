"""Which batches of a run stand out from the others, and why: suggested to be left out, never left out here.

A batch's map tells by the width of its empty sky what its variance does not: a background flare, say, or a bad calibration. A bright
source widens it, too, by its coding noise, a fraction of its flux; so each batch is compared with what is usual in the run for a map
with a source as significant as its brightest, and an outburst is no reason to be left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from astropy.wcs.utils import proj_plane_pixel_area
from numpy.typing import NDArray

from dashboard.analysis.sky_width import GAUSSIAN_MAD, MIN_EXPOSURE, exposure_fraction, overall_width
from dashboard.products.mosaic import Mosaic

LEAST_BATCHES: Final = 5
"""Of fewer nothing can be said of what is usual."""
WIDTH_FLOOR: Final = 0.05
"""Scatter of the widths that is taken for honest, however little they differ; batches that differ more set their own measure."""
WIDTH_SIGMA: Final = 5.0
"""Scatters above what is usual; so a width is marked from 25 % above it on."""
MOST_CODING: Final = 0.007
"""Of the peak, added in square to the width: 0.0063 in a published JEM-X map of the Crab (peak 283, width 2.04), 0.0032 in one of ISGRI
(268, 1.32), 0.0005 at most in the simulated observatory."""
LEAST_SHARE: Final = 0.6
"""Of the exposure that others have of the time asked, or of good time in the time asked, below which science windows are missing."""
LEAST_GOOD: Final = 0.5
"""Of the elapsed time of its science windows, as the archive tells."""
_FRACTIONS: Final = np.append(0.0, np.geomspace(3e-5, MOST_CODING, 120))
_HARDLY_MORE: Final = 1.5
_LEAST_WIDTH: Final = 0.5
_MAD_VARIANCE: Final = 1.36  # relative variance of a Gaussian's median absolute deviation, times n

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BatchFigures:
    """What is known of a batch's product and of what it was made from; NaN where it is not known.

    Attributes
    ----------
    batch_id
        Of the batch.
    asked
        Elapsed seconds of its science windows.
    good
        Of those, the good part as the archive tells (0 to 1).
    width, width_error
        Of the significance of empty sky on its map, and the statistical error of that, relative.
    peak
        Largest significance on it.
    exposed
        Integral of its exposure over the sky, deg2 s: does not depend on how the pointings are arranged.
    ontime
        Seconds of good time, as the product tells.
    """

    batch_id: str
    asked: float
    good: float = math.nan
    width: float = math.nan
    width_error: float = math.nan
    peak: float = math.nan
    exposed: float = math.nan
    ontime: float = math.nan


@dataclass(frozen=True, slots=True)
class Suspect:
    """A batch that stands out, and a sentence for each reason."""

    batch_id: str
    reasons: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """All reasons."""
        return " ".join(self.reasons)


@dataclass(frozen=True, slots=True)
class MapFigures:
    """The columns of `BatchFigures` that a map gives."""

    width: float
    width_error: float
    peak: float
    exposed: float
    ontime: float

    @classmethod
    def of(cls, mosaic: Mosaic) -> MapFigures:
        """Measure a map."""
        width, independent = overall_width(mosaic)
        seen = mosaic.significance[exposure_fraction(mosaic) > MIN_EXPOSURE]
        exposed = math.nan if mosaic.exposure is None else float(mosaic.exposure.sum(dtype=float) * proj_plane_pixel_area(mosaic.wcs))
        error = math.sqrt(_MAD_VARIANCE / independent) if independent else math.nan
        return cls(width, error, float(np.max(seen, initial=0.0)), exposed, float(mosaic.ontime))


def usual_widths(figures: Sequence[BatchFigures]) -> Floats:
    """What width is usual in the run for a batch whose map has such a peak, (n,); NaN where fewer than `LEAST_BATCHES` were measured.

    The square of the width is a constant, the run's median, plus the square of a fraction of the peak, which is what coding noise adds.
    Of the fractions under which the batches scatter hardly more than they must, it is the one that marks the fewest: a few maps of an
    outburst decide it where all others are faint, and no map whose significance is too large altogether justifies itself among its like.
    """
    width, peak, error = np.array([(one.width, one.peak, one.width_error) for one in figures]).reshape(-1, 3).T
    rows = np.isfinite(width) & np.isfinite(peak)
    if rows.sum() < LEAST_BATCHES:
        return np.full(len(figures), np.nan)
    coding = (_FRACTIONS[:, None] * peak) ** 2
    constant = np.median((width**2 - coding)[:, rows], axis=1, keepdims=True)
    usual: Floats = np.sqrt(np.maximum(constant, _LEAST_WIDTH**2) + coding)
    excess = (width / usual - 1)[:, rows]
    scatter = GAUSSIAN_MAD * np.median(np.abs(excess), axis=1)
    marked = np.sum(excess > _limit(scatter[:, None], error[rows]), axis=1)
    order = np.lexsort((np.abs(excess).mean(axis=1), marked, scatter > _HARDLY_MORE * scatter.min()))
    return usual[order[0]]


def _limit(scatter: Floats | float, error: Floats | float) -> Floats:
    """Excess over the usual width above which a batch is marked."""
    return np.asarray(WIDTH_SIGMA * np.hypot(np.maximum(scatter, WIDTH_FLOOR), error))


def suggestions(figures: Sequence[BatchFigures]) -> tuple[Suspect, ...]:
    """The batches of one job that stand out, in the order given.

    Parameters
    ----------
    figures
        Of all batches of the job that have arrived and are in its sum.
    """
    usual = usual_widths(figures)
    excess = np.array([one.width for one in figures]) / usual - 1
    wide = excess > _limit(GAUSSIAN_MAD * _median(np.abs(excess)), np.array([one.width_error for one in figures]))
    shares = np.array([one.exposed / one.asked if one.asked else math.nan for one in figures])
    shares /= _median(shares)
    found = []
    for number, one in enumerate(figures):
        reasons = (*((_wide(one, usual[number]),) if wide[number] else ()), *_short(one, shares[number]))
        if reasons:
            found.append(Suspect(one.batch_id, reasons))
    return tuple(found)


def _median(values: Floats) -> float:
    """Of those that are known; NaN where they are fewer than `LEAST_BATCHES`."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) >= LEAST_BATCHES else math.nan


def _wide(one: BatchFigures, usual: float) -> str:
    return f"Empty sky is {one.width:.2f} wide; {usual:.2f} is usual in this run."


def _short(one: BatchFigures, share: float) -> Iterator[str]:
    if one.ontime < LEAST_SHARE * one.asked:
        yield f"The product has {one.ontime / 1e3:.1f} ks of good time of the {one.asked / 1e3:.1f} ks asked."
    elif share < LEAST_SHARE:
        yield f"It has {share:.0%} of the exposure that is usual for the {one.asked / 1e3:.1f} ks asked: science windows may be missing."
    if one.good < LEAST_GOOD:
        yield f"Its science windows have {one.good:.0%} good time, as the archive tells."
