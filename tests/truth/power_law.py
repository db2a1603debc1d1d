"""A power law fitted to a spectrum: folded through its response, chi-square, errors from the curvature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from dashboard.products.spectrum import Spectrum

Array = NDArray[np.float64]
PIVOT = 50.0
"""keV."""


@dataclass(frozen=True)
class PowerLawFit:
    """Photons cm-2 s-1 keV-1 are `norm` (E / 50 keV)^-`index`."""

    index: float
    norm: float
    index_error: float
    norm_error: float
    chi2: float
    dof: int


def photons(lo: Array, hi: Array, index: float) -> Array:
    """Integral of (E / 50 keV)^-index over energy bins (n,)."""
    return PIVOT * ((hi / PIVOT) ** (1 - index) - (lo / PIVOT) ** (1 - index)) / (1 - index)


def fit_power_law(spectrum: Spectrum, low: float = 25.0, high: float = 200.0) -> PowerLawFit:
    """Fit the good channels that lie in a range of energies (keV), without systematic errors."""
    rmf = spectrum.redistribution
    used = spectrum.good & (rmf.e_min >= low) & (rmf.e_max <= high)
    lo, hi = (np.asarray(edge, float) for edge in (rmf.energ_lo, rmf.energ_hi))
    response = np.asarray(spectrum.area, float)[:, None] * rmf.matrix[:, used]
    rate, error = np.asarray(spectrum.rate, float)[used], np.asarray(spectrum.stat_err, float)[used]
    start = rate.sum() / (photons(lo, hi, 2.0) @ response).sum()

    def pulls(x: Array) -> Array:
        return np.asarray((start * x[1] * (photons(lo, hi, x[0]) @ response) - rate) / error)

    found = least_squares(pulls, [2.0, 1.0], x_scale=[0.1, 0.1])
    errors = np.sqrt(np.diag(np.linalg.inv(found.jac.T @ found.jac)))
    return PowerLawFit(found.x[0], start * found.x[1], errors[0], start * errors[1], float(2 * found.cost), int(used.sum()) - 2)
