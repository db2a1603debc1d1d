"""What ISGRI sees: partial coding, noise, point spread.

A source at angles (ty, tz) from the axis, measured along the two sides of the detector, is coded by the fraction
v = c(ty) c(tz), c(t) = (14.5 - |t|)/(14.5 - 4.5) within [0, 1] (degrees): fully coded 9 degrees wide, 29 degrees to zero.
Fluxes are corrected for coding, so their error grows as 1/v.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.observatory.calibration import OSA11, factor

Array = NDArray[np.float64]
Image = NDArray[Any]
PIXEL = 0.0822862539155913  # degrees, of OSA's mosaics
PSF_SIGMA = 12.0 / 60.0 / 2.3548200450309493  # degrees: FWHM 12'
EDGE, FULL = 14.5, 4.5
LIVE = 0.8
_SERIES_LIMIT = 0.3  # tan 16.7 deg: beyond the edge, where the series below still converges


def _side(ratio: Image) -> Image:
    """Coded fraction along one side. The arctangent is its series to the seventh power: good to 4e-5 degrees in the field."""
    tangent = np.minimum(np.abs(ratio), _SERIES_LIMIT)
    square = tangent * tangent
    angle = tangent * (1 - square * (1 / 3 - square * (1 / 5 - square * (1 / 7))))
    return np.clip((np.deg2rad(EDGE) - angle) * (1.0 / np.deg2rad(EDGE - FULL)), 0, 1)


def coding(ratio_y: Image, ratio_z: Image) -> Image:
    """Coded fraction v for tangents of the angles along the detector's sides (same shapes; float32 stays float32)."""
    return _side(ratio_y) * _side(ratio_z)


@lru_cache(maxsize=256)
def variance_density(e1: float, e2: float, osa_version: str = OSA11) -> float:
    """Variance of the rate times effective seconds, (cts/s)^2 s, in a band (keV).

    The integral of 25.4 (E/29)^-1.8, which reproduces published 1 sigma limits of 18 ks (ATel 8458) in OSA11's unit, times the
    square of the unit's factor. The counts of the source itself are left out.
    """
    energy = np.geomspace(e1, e2, 2049)
    return float(np.trapezoid(25.4 * (energy / 29.0) ** -1.8 * factor(energy, osa_version) ** 2, energy))


def unit_vectors(ra: Array | float, dec: Array | float) -> Array:
    """Unit vectors (..., 3) of directions in degrees."""
    a, d = np.deg2rad(ra), np.deg2rad(dec)
    return np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d) * np.ones_like(a)], axis=-1)


def frames(ra_x: Array, dec_x: Array, ra_z: Array, dec_z: Array) -> Array:
    """Spacecraft axes X, Y, Z as rows: (n, 3, 3)."""
    x, z = unit_vectors(ra_x, dec_x), unit_vectors(ra_z, dec_z)
    return np.stack([x, np.cross(z, x), z], axis=1)


def coding_towards(axes: Array, directions: Array) -> Array:
    """Coded fractions (n, m) of m unit vectors (m, 3) in n frames (n, 3, 3)."""
    x, y, z = np.moveaxis(axes @ directions.T, 1, 0)
    ahead = np.where(x > 0.1, x, np.nan)
    return np.nan_to_num(coding(y / ahead, z / ahead))
