"""Longer bins for a light curve, and its systematic error.

Bins lie on a grid that begins at IJD 0: they stay where they are while batches arrive, and curves of different bands or
instruments share them. A row belongs to the bin its middle lies in and is never divided, so that rows longer than the
bin asked for stay as they are. Per bin, over rows i with rate r, statistical error e and weight w:

    rate = sum w r / sum w        error = sqrt(sum (w e)^2) / sum w

The exposure (width x FRACEXP) as weight gives the mean rate whatever the source does, and conserves the counts; 1/e^2
gives the smallest error for a constant source and counts flares less.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dashboard.errors import NotCombinable, RequestError
from dashboard.products.light_curve import CUT_AT_BATCH_EDGE, LOW_EXPOSURE, TOTAL_ERROR, LightCurve
from dashboard.products.light_curve_fits import LEAST_FRACEXP
from dashboard.products.light_curve_rows import taken

Weighting = Literal["exposure", "inverse variance"]


def exposure(curve: LightCurve) -> NDArray[np.float64]:
    """(n,) seconds of exposure of each row; the whole bin where the exposed fraction is unknown."""
    return 2 * 86400 * curve.half_width * np.where(np.isnan(curve.fracexp), 1.0, curve.fracexp)


def rebin(curve: LightCurve, width_s: float, weighting: Weighting = "exposure", max_gap_s: float | None = None) -> LightCurve:
    """The curve in bins of `width_s` seconds.

    A bin reaches from the start of its first row to the end of its last one; its FRACEXP is the exposure over that width.
    Its batch is -1 where rows of several batches meet. Columns besides rate and error are not carried over.

    Parameters
    ----------
    max_gap_s
        No bin spans a gap longer than this; by default the width of the bin itself.

    Raises
    ------
    RequestError
        When width or gap is not positive.
    NotCombinable
        For a curve of several OSA versions, or one that holds systematic errors already: they come after rebinning.
    """
    if not (width_s > 0 and (max_gap_s is None or max_gap_s > 0)):
        raise RequestError("The width of a bin and the longest gap in it are positive numbers of seconds.", "lc_time_bin")
    if "+" in curve.provenance.osa_version:
        raise NotCombinable(f"The light curve of {curve.source} mixes {curve.provenance.osa_version}: rebin each version by itself.")
    if TOTAL_ERROR in curve.columns:
        raise NotCombinable(f"Systematic errors are in the light curve of {curve.source} already: rebin first, then add them once.")
    rows = taken(curve, exposure(curve) > 0)
    rows = replace(rows, columns={}, dropped=curve.dropped + len(curve) - len(rows))
    if not len(rows):
        return rows
    start, stop = rows.time - rows.half_width, rows.time + rows.half_width
    cell = np.floor(rows.time * (86400 / width_s))
    gap = start[1:] - np.maximum.accumulate(stop)[:-1]
    first = np.flatnonzero(np.append(True, (np.diff(cell) != 0) | (gap * 86400 > (max_gap_s or width_s))))
    exposed = exposure(rows)
    weight = exposed if weighting == "exposure" else rows.error**-2.0
    total = np.add.reduceat(weight, first)
    begin, end = np.minimum.reduceat(start, first), np.maximum.reduceat(stop, first)
    known = ~np.logical_or.reduceat(np.isnan(rows.fracexp), first)
    fracexp = np.where(known, np.add.reduceat(exposed, first) / ((end - begin) * 86400), np.nan)
    low = np.where(fracexp < LEAST_FRACEXP, LOW_EXPOSURE, 0)
    batch = np.minimum.reduceat(rows.batch, first)
    return replace(
        rows,
        time=(begin + end) / 2,
        half_width=(end - begin) / 2,
        rate=np.add.reduceat(weight * rows.rate, first) / total,
        error=np.sqrt(np.add.reduceat((weight * rows.error) ** 2, first)) / total,
        fracexp=fracexp,
        flags=(np.bitwise_or.reduceat(rows.flags & CUT_AT_BATCH_EDGE, first) | low).astype(np.uint8),
        batch=np.where(np.maximum.reduceat(rows.batch, first) == batch, batch, -1).astype(np.int32),
    )


def with_systematics(curve: LightCurve, fraction: float) -> LightCurve:
    """The curve with the column TOTAL_ERROR = sqrt(error^2 + (fraction rate)^2); `error` stays statistical.

    Raises
    ------
    RequestError
        When the fraction is negative or not finite.
    NotCombinable
        When the column is there already: systematic errors are common to all bins and count once.
    """
    if not (np.isfinite(fraction) and fraction >= 0):
        raise RequestError(f"The systematic fraction is {fraction:g}: give a number like 0.01, or 0 for none.", "systematic_fraction")
    if TOTAL_ERROR in curve.columns:
        raise NotCombinable(f"Systematic errors are in the light curve of {curve.source} already: they count once.")
    return replace(curve, columns=curve.columns | {TOTAL_ERROR: np.hypot(curve.error, fraction * curve.rate)})
