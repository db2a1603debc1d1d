"""The point-spread function of a mosaic: a circular Gaussian in pixels."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from astropy.wcs.utils import proj_plane_pixel_scales
from numpy.typing import NDArray
from scipy.optimize import curve_fit, least_squares

from dashboard.products.mosaic import Mosaic

CALIBRATION_SIGNIFICANCE = 50.0
# sigma in arcmin. The instruments': FWHM 12' (ISGRI), 3' (JEM-X). OSA's mosaics, which spread each pixel over its
# neighbours: measured on mosaics of the Crab, 1.25 pixels of 4.94' and 1.15 pixels of 1.56'.
_INSTRUMENT_SIGMA = {"isgri": 5.10, "jemx": 1.27}
_OSA_SIGMA = {"isgri": 6.17, "jemx": 1.80}
_ISGRI_PIXEL = 3.0
_CALIBRATORS = 8


def pixel_arcmin(mosaic: Mosaic) -> float:
    """Side of a pixel at the reference point, in arcmin."""
    return float(np.sqrt(np.prod(proj_plane_pixel_scales(mosaic.wcs))) * 60)


def nominal_sigma(mosaic: Mosaic) -> float:
    """Width to assume without a bright source, in pixels.

    The instrument's own for simulated maps, that of OSA's spread mosaics for all others; a map that does not name its
    instrument is told by its pixels (4.94' ISGRI, 1.5' JEM-X).
    """
    scale = pixel_arcmin(mosaic)
    instrument = mosaic.instrument[:4] if mosaic.instrument.startswith("jemx") else mosaic.instrument
    known = _INSTRUMENT_SIGMA if mosaic.provenance.simulated else _OSA_SIGMA
    return known.get(instrument, known["isgri" if scale > _ISGRI_PIXEL else "jemx"]) / scale


@lru_cache(maxsize=64)
def through_spline(sigma: float) -> tuple[float, float]:
    """Peak and width that are fitted to a Gaussian PSF of peak 1 after its map went through a cubic B-spline.

    Sampled PSFs hold power beyond the Nyquist frequency; averaged over all positions of the grid, interpolation
    multiplies their spectrum by sinc(f)^4 / sum_k sinc(f + k)^4 in each axis (Unser 1999, IEEE Signal Proc. Mag. 16, 22).

    Parameters
    ----------
    sigma
        Of the PSF before, in pixels.
    """
    f, x = np.linspace(0, 3, 1501), np.linspace(-3 * sigma, 3 * sigma, 61)
    before = np.exp(-2 * (np.pi * sigma * f) ** 2)
    after = before * np.sinc(f) ** 4 / sum(np.sinc(f + k) ** 4 for k in range(-6, 7))
    profile = np.trapezoid(after * np.cos(2 * np.pi * f * x[:, None]), f, axis=1) / np.trapezoid(before, f)
    (peak, width), _ = curve_fit(lambda x, a, w: a * np.exp(x * x / (-2 * w * w)), x, profile, (1.0, sigma))
    return float(peak) ** 2, abs(float(width))


def peak_kept(mosaic: Mosaic, sigma: float) -> float:
    """Fraction of a source's peak that is left in a mosaic whose PSF has this width in pixels: 1 unless it was resampled."""
    if "RESAMPLE" not in mosaic.keywords:
        return 1.0
    before = sigma * sigma / through_spline(round(sigma, 4))[1]
    return through_spline(round(before, 4))[0]


def gaussian(dx: NDArray[np.float64], dy: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """PSF of peak 1 at these distances, all in pixels."""
    profile: NDArray[np.float64] = np.exp((dx * dx + dy * dy) / (-2 * sigma * sigma))
    return profile


def patch_reach(sigma: float) -> int:
    """Half width in pixels of the square used in a fit: 3 for sigma = 1."""
    return max(2, int(np.ceil(2.4 * sigma)))


def measured_sigma(
    image: NDArray[np.floating[Any]], positions: NDArray[np.float64], significance: NDArray[np.float64], start: float
) -> float:
    """Width of bright isolated sources, from least-squares fits with the width free.

    Parameters
    ----------
    image
        (ny, nx) flux, or significance where there is no flux.
    positions
        (n, 2) of (x, y) in pixels.
    significance
        (n,) in scaled sigma: above 50 calibrates, unless a source of a tenth of it stands within 6 `start`.
    start
        Nominal width in pixels; a fit that leaves 0.6 to 1.6 of it is no point source.

    Returns
    -------
    Mean width in pixels weighted by significance; NaN without a usable source.
    """
    apart = np.hypot(*(positions[:, None] - positions).transpose(2, 0, 1))
    crowded = ((apart > 0) & (apart < 6 * start) & (significance > 0.1 * significance[:, None])).any(axis=1)
    chosen = np.flatnonzero((significance > CALIBRATION_SIGNIFICANCE) & ~crowded)
    reach = patch_reach(start) + 1
    widths, weights = [], []
    for index in chosen[np.argsort(-significance[chosen])][:_CALIBRATORS]:
        x, y = positions[index]
        row, column = round(y), round(x)
        patch = image[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1]
        if not np.isfinite(patch).all() or patch.shape != (2 * reach + 1,) * 2:
            continue
        dy, dx = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        scaled = patch / patch.max()

        def misfit(p: NDArray[np.float64], scaled: Any = scaled, dx: Any = dx, dy: Any = dy) -> NDArray[np.float64]:
            return np.asarray((p[0] * gaussian(dx - p[1], dy - p[2], p[3]) - scaled).ravel())

        fit = least_squares(misfit, [1.0, x - column, y - row, start])
        if 0.6 * start < fit.x[3] < 1.6 * start:
            widths.append(fit.x[3])
            weights.append(significance[index])
    return float(np.average(widths, weights=weights)) if widths else float("nan")
