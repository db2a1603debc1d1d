"""How faint a source the planned mosaic can show at the target, before anything is computed.

The error of one science window on axis is counting noise; off axis it grows as one over the fraction of the detector
that the source illuminates through mask and collimator. ISGRI's rates are OSA 11's.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from dashboard.archive.pointings import Pointings
from dashboard.archive.resolver import Target
from dashboard.products.crab import crab_rate
from dashboard.products.instrument import instrument_of

__all__ = ["background_variance", "coded_fraction", "crab_rate", "expected_error", "expected_mcrab", "vignetting"]

LIVE_FRACTION = 0.8
SKY_WIDTH = 1.32  # of the significance of empty sky in a real ISGRI mosaic of the Crab field; 1 is counting noise alone
CODING_NOISE = 7e-4  # of the brightest source's flux
JEMX_LIVE_FRACTION = 0.82  # DEADC of a JEM-X 1 spectrum of the Crab, March 2008
JEMX_SKY_WIDTH = 2.0  # as above, in a real JEM-X 1 mosaic of the Crab field; 1.3 at its rim, 2.3 in its middle
JEMX_BAND = (3.04, 34.88)
JEMX_CRABS = 0.18
"""Crab x sqrt(live seconds) on axis in `JEMX_BAND`: sqrt(VARIANCE x OBS_TIME) of that mosaic is 0.177 / v. About 0.2 by elapsed time."""
_FULLY_CODED_DEG, _ZERO_RESPONSE_DEG = 4.5, 14.5
_JEMX_RADIUS_DEG, _JEMX_POWER = 5.2, 1.25
_STEPS = 400


def coded_fraction(pointings: Pointings, target: Target) -> NDArray[np.float64]:
    """Illuminated fraction of ISGRI, (n,), 0 to 1, of a source in each science window; NaN where the roll is unknown.

    Falls from 1 to 0 between 4.5 and 14.5 degrees along each of the spacecraft's Y and Z axes (half of the fully coded
    9 degrees, and of the 29 degrees to zero response: IBIS, Goldwurm et al. 2003, A&A 411, L223).
    """
    source = _direction(np.array(target.ra), np.array(target.dec))
    x, z = _direction(pointings.ra_scx, pointings.dec_scx), _direction(pointings.ra_scz, pointings.dec_scz)
    ahead = x @ source
    fractions = []
    for axis in (np.cross(z, x), z):
        offset = np.degrees(np.abs(np.arctan2(axis @ source, ahead)))
        fractions.append(np.clip((_ZERO_RESPONSE_DEG - offset) / (_ZERO_RESPONSE_DEG - _FULLY_CODED_DEG), 0.0, 1.0))
    return np.asarray(fractions[0] * fractions[1])


def vignetting(pointings: Pointings, target: Target) -> NDArray[np.float64]:
    """Part of JEM-X's area on axis, (n,), 0 to 1, that a source has in each science window, whatever the roll.

    1 - (r / 5.2 deg)^1.25: fitted, to 0.02, to EXPOSURE / OBS_TIME of a JEM-X 1 mosaic of March 2008. Beyond 5.2 degrees the
    collimator still lets a little through (zero response is at 6.6), but OSA's images end.
    """
    ahead = _direction(pointings.ra_scx, pointings.dec_scx) @ _direction(np.array(target.ra), np.array(target.dec))
    radius = np.degrees(np.arccos(np.clip(ahead, -1, 1)))
    return np.asarray(np.clip(1 - (radius / _JEMX_RADIUS_DEG) ** _JEMX_POWER, 0.0, 1.0))


def expected_error(
    pointings: Pointings, target: Target, band: tuple[float, float], brightest: float = 0.0, instrument: str = "isgri"
) -> float:
    """1-sigma error of the mosaic's flux at the target.

    Parameters
    ----------
    pointings
        Science windows of the mosaic.
    target
        Where.
    band
        keV.
    brightest
        Rate of the brightest source in the field: 0.07 % of it is added as coding noise.
    instrument
        "isgri", "jemx1" or "jemx2".

    Returns
    -------
    float
        1 / sqrt(sum t v^2 / V) x width of real empty sky + coding noise, in cts/s for ISGRI, counts/cm2/s for JEM-X; infinite
        when the target is in no field of view, NaN where the roll is unknown or V is.

    Raises
    ------
    ProductError
        For an unknown instrument.
    """
    if instrument_of(instrument).round_field:
        fraction, live, width = vignetting(pointings, target), JEMX_LIVE_FRACTION, JEMX_SKY_WIDTH
    else:
        fraction, live, width = coded_fraction(pointings, target), LIVE_FRACTION, SKY_WIDTH
    weight = np.sum(pointings.telapse * live * fraction**2)
    if weight == 0:
        return math.inf
    return float(np.sqrt(background_variance(band, instrument) / weight) * width + CODING_NOISE * brightest)


def expected_mcrab(pointings: Pointings, target: Target, band: tuple[float, float], instrument: str = "isgri") -> float:
    """`expected_error` without bright sources, in mCrab; NaN where there is no reference for the band."""
    return 1000 * expected_error(pointings, target, band, instrument=instrument) / crab_rate(band, instrument)


def background_variance(band: tuple[float, float], instrument: str = "isgri") -> float:
    """V: the variance of a rate on axis times the live time, in the square of the mosaic's unit x s.

    ISGRI: 25.4 (E / 29 keV)^-1.8 (cts/s)^2 s a keV, calibrated on ATel 8458. JEM-X: measured in 3.04-34.88 keV in the field of
    the Crab, whose own counts are most of the noise; it is shared among bands as the Crab's counts are. Good to a factor
    of 2 in fields without a source that bright, where it is less.
    """
    if instrument_of(instrument).round_field:
        return JEMX_CRABS**2 * crab_rate(JEMX_BAND, instrument) * crab_rate(band, instrument)
    energy = np.geomspace(*band, _STEPS)
    return float(np.trapezoid(25.4 * (energy / 29.0) ** -1.8, energy))


def _direction(ra: NDArray[np.float64], dec: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vectors, (..., 3), from degrees."""
    a, d = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=-1)
