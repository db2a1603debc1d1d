"""What one unit of JEM-X sees: field of view, effective area, rates, noise.

A source at an angle t from the axis is coded by a fraction v(t), linear between full coding at 2.4 degrees, one half at 3.75 and zero
at 6.6 (diameters 4.8, 7.5 and 13.2 degrees). Fluxes are corrected for it, so their error grows as 1/v.

The area of unit 1 is A(E) = 70 exp(-(2.75/E)^3) / (1 + (E/26)^4) cm2: 67 at 10 keV, falling below 4 and above 20 keV. It gives the
Crab 88, 22 and 114 cts/s in 3-10, 10-20 and 3.04-34.88 keV; published spectra and light curves of one unit have 118 to 125 in the last
band. Unit 2 has 0.94 of this and a soft cut at 2.85 keV. Neither drifts with time.

Below 20 keV the sources' photon spectra go on unchanged: no absorption, no soft excess; their variability is that of hard X-rays.

Noise on an empty position: variance times effective seconds has the density 21 (E/10 keV)^-1 (cts/s)^2 s keV^-1, so that 3-35 keV
has about 200 mCrab / sqrt(seconds), as a published mosaic.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.observatory import spectra
from dashboard.observatory.spectra import CRAB, MCRAB_BAND, Spectrum

Array = NDArray[np.float64]
Image = NDArray[Any]
UNITS = (1, 2)
PIXEL = 0.026  # degrees, of OSA's mosaics
PSF_SIGMA = 3.0 / 60.0 / 2.3548200450309493  # degrees: FWHM 3'
FULL, HALF, EDGE = 2.4, 3.75, 6.6
LIVE = 0.82
_SCALE, _SOFT = {1: 70.0, 2: 0.94 * 70.0}, {1: 2.75, 2: 2.85}


def coding(angle: Image) -> Image:
    """Coded fraction v at angles (degrees) from the axis."""
    return np.interp(angle, (FULL, HALF, EDGE), (1.0, 0.5, 0.0)).astype(np.asarray(angle).dtype)


def coding_towards(axes: Array, directions: Array) -> Array:
    """Coded fractions (n, m) of m unit vectors (m, 3) in n frames (n, 3, 3)."""
    return coding(np.rad2deg(np.arccos(np.clip(axes[:, 0] @ directions.T, -1.0, 1.0))))


def area(energy: Array, unit: int = 1) -> Array:
    """Effective area on axis, cm2, at energies in keV."""
    return _SCALE[unit] * np.exp(-((_SOFT[unit] / energy) ** 3)) / (1.0 + (energy / 26.0) ** 4)


@lru_cache(maxsize=4096)
def counts(spectrum: Spectrum, e1: float, e2: float, unit: int = 1) -> float:
    """Integral of area times photons over the band (keV): cts/s for an absolute spectrum."""
    energy = np.geomspace(e1, e2, 513)
    return float(np.trapezoid(area(energy, unit) * spectrum(energy), energy))


def rate(spectrum: Spectrum, mcrab: float, e1: float, e2: float, unit: int = 1) -> float:
    """Rate on axis, cts/s, of a source that has `mcrab` thousandths of the Crab's rate in ISGRI's 20-40 keV."""
    level = spectra.counts(CRAB, *MCRAB_BAND) / spectra.counts(spectrum, *MCRAB_BAND)
    return mcrab / 1000.0 * level * counts(spectrum, e1, e2, unit)


def variance_density(e1: float, e2: float) -> float:
    """Variance of the rate times effective seconds, (cts/s)^2 s, in a band (keV). The counts of the source itself are left out."""
    return 210.0 * math.log(e2 / e1)
