"""Count rates of the Crab: what a rate is compared with to be told in mCrab.

Rates are those of one epoch; the instruments drift. The Crab's own flux varies by 5 %.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from dashboard.products.instrument import instrument_of

ACCURACY = {"isgri": 0.04, "jemx1": 0.05, "jemx2": 0.2}
"""Relative error of the rates below at their epoch. No reference of JEM-X 2 is at hand: it has the rates of unit 1, built alike."""
_STEPS = 400
# Crab in 3.04-34.88 keV on a JEM-X 1 mosaic (counts/cm2/s) of March 2008, over the cts/s of `_jemx_spectrum`.
_JEMX_MOSAIC = 0.1640 / 122.0
_JEMX_UNITS = {"": 1.0, "counts/cm2/s": 1.0, "counts/dm2/s": 100.0}


def crab_rate(band: tuple[float, float], instrument: str = "isgri", product: str = "mosaic", unit: str = "") -> float:
    """Rate of the Crab in a band.

    Parameters
    ----------
    band
        keV.
    instrument
        "isgri", "jemx1" or "jemx2".
    product
        "mosaic", "spectrum" or "lightcurve": JEM-X's mosaics count by the area, its other products do not.
    unit
        BUNIT of the mosaic; empty: cts/s for ISGRI, counts/cm2/s for JEM-X.

    Returns
    -------
    float
        In that unit, cts/s for spectra and light curves; NaN where there is no reference: outside the instrument's
        energies, or in another unit.

    Raises
    ------
    ProductError
        For an unknown instrument.
    """
    low, high = instrument_of(instrument).energies
    if not low <= band[0] < band[1] <= high:
        return math.nan
    energy = np.geomspace(*band, _STEPS)
    if instrument == "isgri":
        return float(np.trapezoid(_isgri_spectrum(energy), energy)) if unit in ("", "counts/sec", "count/s", "counts/s") else math.nan
    scale = _JEMX_MOSAIC * _JEMX_UNITS.get(unit, math.nan) if product == "mosaic" else 1.0
    return scale * float(np.trapezoid(_jemx_spectrum(energy), energy))


def _isgri_spectrum(energy: NDArray[np.float64]) -> NDArray[np.float64]:
    """cts/s/keV: the spectrum of Roques & Jourdain (2018) through a smooth effective area.

    The area is fitted to OSA 11 rates of 2016 (209.8, 76.3 and 52.6 cts/s in 20-40, 40-60 and 60-100 keV).
    """
    alpha, beta, cut = -1.98, -2.33, 500.0
    knee = (alpha - beta) * cut
    low = (energy / 100) ** alpha * np.exp(-energy / cut)
    high = (knee / 100) ** (alpha - beta) * np.exp(beta - alpha) * (energy / 100) ** beta
    area = 1415 / (1 + np.exp(-(energy - 19.94) / 2.2)) / (1 + (energy / 203) ** 2.39)
    return np.asarray(7.417e-4 * np.where(energy < knee, low, high) * area)


def _jemx_spectrum(energy: NDArray[np.float64]) -> NDArray[np.float64]:
    """cts/s/keV: the power law of Toor & Seward (1974, AJ 79, 995) through a smooth effective area.

    The area is fitted to the response of JEM-X 1 in revolution 665 (March 2008): 122.0 cts/s in 3.04-34.88 keV, where the
    spectrum of that revolution has 118.0 and its light curve 125.5.
    """
    area = 66.85 / (1 + np.exp(-(energy - 3.362) / 1.118)) / (1 + (energy / 26.52) ** 4.056)
    return np.asarray(9.7 * energy**-2.1 * area)
