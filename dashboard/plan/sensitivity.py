"""How faint a source the planned ISGRI mosaic can show at the target, before anything is computed.

The error of one science window on axis is the background's counting noise; off axis it grows as one over the fraction
of the detector that the source illuminates through the mask. Rates are OSA 11's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dashboard.archive.pointings import Pointings
from dashboard.archive.resolver import Target

LIVE_FRACTION = 0.8
SKY_WIDTH = 1.32  # of the significance of empty sky in a real ISGRI mosaic of the Crab field; 1 is counting noise alone
CODING_NOISE = 7e-4  # of the brightest source's flux
_FULLY_CODED_DEG, _ZERO_RESPONSE_DEG = 4.5, 14.5
_STEPS = 400


def coded_fraction(pointings: Pointings, target: Target) -> NDArray[np.float64]:
    """Illuminated fraction of the detector, (n,), 0 to 1, of a source in each science window; NaN where the roll is unknown.

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


def expected_error(pointings: Pointings, target: Target, band: tuple[float, float], brightest: float = 0.0) -> float:
    """1-sigma error of the mosaic's flux at the target, cts/s.

    Parameters
    ----------
    pointings
        Science windows of the mosaic.
    target
        Where.
    band
        keV.
    brightest
        Rate of the brightest source in the field, cts/s: 0.07 % of it is added as coding noise.

    Returns
    -------
    float
        1 / sqrt(sum t v^2 / V) x width of real empty sky + coding noise; infinite when the target is in no field of
        view, NaN where the roll is unknown.
    """
    weight = np.sum(pointings.telapse * LIVE_FRACTION * coded_fraction(pointings, target) ** 2)
    if weight == 0:
        return float("inf")
    return float(np.sqrt(background_variance(band) / weight) * SKY_WIDTH + CODING_NOISE * brightest)


def background_variance(band: tuple[float, float]) -> float:
    """V in (cts/s)^2 s: the variance of a rate on axis times the live time; 25.4 (E / 29 keV)^-1.8 a keV, calibrated on ATel 8458."""
    energy = np.geomspace(*band, _STEPS)
    return float(np.trapezoid(25.4 * (energy / 29.0) ** -1.8, energy))


def crab_rate(band: tuple[float, float]) -> float:
    """ISGRI rate of the Crab, cts/s: the spectrum of Roques & Jourdain (2018) through a smooth effective area.

    The area is fitted to OSA 11 rates of 2016 (209.8, 76.3 and 52.6 cts/s in 20-40, 40-60 and 60-100 keV): good to 4 %.
    """
    energy = np.geomspace(*band, _STEPS)
    alpha, beta, cut = -1.98, -2.33, 500.0
    knee = (alpha - beta) * cut
    low = (energy / 100) ** alpha * np.exp(-energy / cut)
    high = (knee / 100) ** (alpha - beta) * np.exp(beta - alpha) * (energy / 100) ** beta
    area = 1415 / (1 + np.exp(-(energy - 19.94) / 2.2)) / (1 + (energy / 203) ** 2.39)
    return float(np.trapezoid(7.417e-4 * np.where(energy < knee, low, high) * area, energy))


def _direction(ra: NDArray[np.float64], dec: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vectors, (..., 3), from degrees."""
    a, d = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=-1)
