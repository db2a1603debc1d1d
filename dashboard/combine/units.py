"""The light curves of the two JEM-X units as one, in units of the Crab."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dashboard.combine.contributions import Contribution, Kind, merged
from dashboard.errors import NotCombinable
from dashboard.products.light_curve import TOTAL_ERROR, LightCurve
from dashboard.products.light_curve_rows import taken

UNIT_SYSTEMATIC = 0.03
"""What two units that are normalised to the Crab still differ by, as a fraction of the flux (JEM-X analysis user manual: about 3 %)."""
COMMON = 0.8
"""Part of the longer of two bins in which they must overlap to be one."""
CRAB = "Crab"
"""Unit of the result."""


def add_light_curves(curve1: LightCurve, curve2: LightCurve, crab1: float, crab2: float) -> LightCurve:
    """Weighted mean of both units on the bins they share, each divided by its own Crab rate.

    The weight of a bin is its exposure times a constant of the unit, 1 / median(error^2 x exposure): it does not look at the
    rate, so that bright bins count as much as faint ones. `UNIT_SYSTEMATIC` is in the column TOTAL_ERROR, not in `error`;
    therefore rebin both curves before.

    Parameters
    ----------
    crab1, crab2
        Crab's rate in each unit in the same band, OSA version and epoch, in the unit of its curve.

    Raises
    ------
    NotCombinable
        When source, band or OSA version differ, one is simulated and the other not, they are not JEM-X 1 and 2, a Crab rate
        is not positive, systematic errors are in a curve already, or no bin is common.
    """
    _check(curve1, curve2, crab1, crab2)
    rows1, rows2 = _common(curve1, curve2)
    if not len(rows1):
        raise NotCombinable(f"The two light curves of {curve1.source} share no bin: rebin both to the same width first.")
    one, two = taken(curve1, rows1), taken(curve2, rows2)
    (rate1, error1, weight1), (rate2, error2, weight2) = _normalised(one, crab1), _normalised(two, crab2)
    weight = weight1 + weight2
    rate, error = (weight1 * rate1 + weight2 * rate2) / weight, np.hypot(weight1 * error1, weight2 * error2) / weight
    start = np.minimum(one.time - one.half_width, two.time - two.half_width)
    stop = np.maximum(one.time + one.half_width, two.time + two.half_width)
    contributions = [Contribution.of(curve.instrument, curve) for curve in (curve1, curve2)]
    asked = curve1.provenance.batches_asked + curve2.provenance.batches_asked
    return replace(
        one,
        instrument=f"{curve1.instrument}+{curve2.instrument}",
        time=(start + stop) / 2,
        half_width=(stop - start) / 2,
        rate=rate,
        error=error,
        fracexp=(one.fracexp + two.fracexp) / 2,
        flags=one.flags | two.flags,
        batch=np.full(len(one), -1, dtype=np.int32),
        batch_ids=curve1.batch_ids + curve2.batch_ids,
        unit=CRAB,
        columns={TOTAL_ERROR: np.hypot(error, UNIT_SYSTEMATIC * rate)},
        provenance=merged(contributions, asked),
        dropped=curve1.dropped + curve2.dropped,
    )


def _check(curve1: LightCurve, curve2: LightCurve, crab1: float, crab2: float) -> None:
    pair = (curve1, curve2)
    if {curve.instrument for curve in pair} != {"jemx1", "jemx2"}:
        names = " and ".join(curve.instrument for curve in pair)
        raise NotCombinable(f"Only JEM-X 1 and JEM-X 2 are added, not {names}.")
    if curve1.source != curve2.source:
        raise NotCombinable(f"The light curves are of {curve1.source} and of {curve2.source}: add only those of one source.")
    Kind.of(curve1).accept(replace(Kind.of(curve2), instrument=curve1.instrument), curve2.instrument)
    if not all(np.isfinite(crab) and crab > 0 for crab in (crab1, crab2)):
        raise NotCombinable("Crab's rate is not known for both units in this band and epoch: the units cannot be added.")
    if any(TOTAL_ERROR in curve.columns for curve in pair):
        raise NotCombinable(f"Systematic errors are in a light curve of {curve1.source} already: add the units first.")


def _common(curve1: LightCurve, curve2: LightCurve) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows of both curves that are one bin, pairwise."""
    if not (len(curve1) and len(curve2)):
        return np.empty(0, np.intp), np.empty(0, np.intp)
    right = np.searchsorted(curve2.time, curve1.time).clip(0, len(curve2) - 1)
    left = np.maximum(right - 1, 0)
    nearest = np.where(np.abs(curve2.time[left] - curve1.time) < np.abs(curve2.time[right] - curve1.time), left, right)
    half1, half2, distance = curve1.half_width, curve2.half_width[nearest], np.abs(curve2.time[nearest] - curve1.time)
    overlap = np.minimum(half1 + half2 - distance, 2 * np.minimum(half1, half2))
    rows = np.flatnonzero(overlap >= COMMON * 2 * np.maximum(half1, half2))
    _, once = np.unique(nearest[rows], return_index=True)
    return rows[once], nearest[rows[once]]


def _normalised(curve: LightCurve, crab: float) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Rate and error in Crab, and the weight."""
    rate, error = curve.rate / crab, curve.error / crab
    exposure = curve.half_width * np.where(curve.fracexp > 0, curve.fracexp, 1.0)
    return rate, error, exposure / np.median(error**2 * exposure)
