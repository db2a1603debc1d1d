"""The point-spread function of a mosaic: a Gaussian, circular on the sky, stretched as the map stretches the sky."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from astropy.wcs import WCS
from astropy.wcs.utils import proj_plane_pixel_scales
from numpy.typing import NDArray
from scipy.optimize import curve_fit, least_squares
from scipy.spatial.distance import cdist

from dashboard.analysis.match import unit_vectors
from dashboard.products.instrument import Instrument, instrument_by_pixel, instrument_of
from dashboard.products.mosaic import Mosaic

CALIBRATION_SIGNIFICANCE = 50.0
_CALIBRATORS = 8
_RADIAN = np.degrees(60.0)
_HALF_STEPS = np.array([[0.5, 0.0], [-0.5, 0.0], [0.0, 0.5], [0.0, -0.5]])
_WIDTH_STEP = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Psf:
    """The PSF on the pixels of a map.

    A source r degrees from the reference point of a TAN map is 1 / cos^2 r times longer along the radius than one in
    the middle and 1 / cos r times across, in ZEA cos(r / 2) and 1 / cos(r / 2) (Calabretta & Greisen 2002, A&A 395, 1077).

    Attributes
    ----------
    sigma
        Width in arcmin on the sky.
    wcs
        Of the map; None for a flat one with pixels of 1'.
    """

    sigma: float
    wcs: WCS | None = None

    def places(self, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, 2 or 3) vectors in arcmin that are as far apart as the (n, 2) pixels (x, y) on the sky; NaN off the sky."""
        if self.wcs is None:
            return pixels
        return np.asarray(unit_vectors(np.column_stack(self.wcs.pixel_to_world_values(*pixels.T))) * _RADIAN)

    def shape(self, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, 2, 2) inverse covariance of the PSF at (n, 2) pixels (x, y), in pixels^-2; NaN where the sky ends."""
        around = self.places((_HALF_STEPS[:, None] + pixels).reshape(-1, 2))
        right, left, up, down = around.reshape(4, len(pixels), around.shape[1])
        per_pixel = np.stack([right - left, up - down], axis=-1) / self.sigma
        return np.asarray(per_pixel.transpose(0, 2, 1) @ per_pixel)


def local_width(shape: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) width in pixels of PSFs of these (n, 2, 2) shapes: the geometric mean of the longest and the shortest."""
    return np.asarray(np.linalg.det(shape) ** -0.25)


def gaussian(dx: NDArray[np.float64], dy: NDArray[np.float64], shape: NDArray[np.float64]) -> NDArray[np.float64]:
    """PSF of peak 1 at these distances in pixels.

    Parameters
    ----------
    dx, dy
        (..., m).
    shape
        (..., 2, 2) inverse covariance in pixels^-2, one for each m distances or one for all.
    """
    xx, xy, yy = shape[..., 0, 0, None], shape[..., 0, 1, None], shape[..., 1, 1, None]
    return np.asarray(np.exp(-0.5 * (dx * (xx * dx + 2 * xy * dy) + yy * dy * dy)))


def patch_reach(width: float) -> int:
    """Half width in pixels of the square used in a fit: 3 for a PSF 1 pixel wide, 8 at most: more would cost and add nothing."""
    return min(8, max(2, int(np.ceil(2.4 * width))))


def pixel_arcmin(mosaic: Mosaic) -> float:
    """Side of a pixel at the reference point, in arcmin."""
    return float(np.sqrt(np.prod(proj_plane_pixel_scales(mosaic.wcs))) * 60)


def taken_with(mosaic: Mosaic) -> Instrument:
    """The instrument of a map; one that does not name it is told by its pixels."""
    return instrument_of(mosaic.instrument) if mosaic.instrument else instrument_by_pixel(pixel_arcmin(mosaic) / 60)


def nominal_sigma(mosaic: Mosaic) -> float:
    """Width to assume without a bright source, in arcmin: the instrument's own for simulated maps, that of OSA's mosaics for all others."""
    instrument = taken_with(mosaic)
    return instrument.psf_sigma if mosaic.provenance.simulated else instrument.osa_psf_sigma


@lru_cache(maxsize=64)
def through_spline(width: float) -> tuple[float, float]:
    """Peak and width that are fitted to a Gaussian PSF of peak 1 after its map went through a cubic B-spline.

    Sampled PSFs hold power beyond the Nyquist frequency; averaged over all positions of the grid, interpolation
    multiplies their spectrum by sinc(f)^4 / sum_k sinc(f + k)^4 in each axis (Unser 1999, IEEE Signal Proc. Mag. 16, 22).

    Parameters
    ----------
    width
        Of the PSF before, in pixels.
    """
    f, x = np.linspace(0, 3, 1501), np.linspace(-3 * width, 3 * width, 61)
    before = np.exp(-2 * (np.pi * width * f) ** 2)
    after = before * np.sinc(f) ** 4 / sum(np.sinc(f + k) ** 4 for k in range(-6, 7))
    profile = np.trapezoid(after * np.cos(2 * np.pi * f * x[:, None]), f, axis=1) / np.trapezoid(before, f)
    (peak, fitted), _ = curve_fit(lambda x, a, w: a * np.exp(x * x / (-2 * w * w)), x, profile, (1.0, width))
    return float(peak) ** 2, abs(float(fitted))


def peak_kept(mosaic: Mosaic, width: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) fraction of a source's peak that is left where the PSF has this width in pixels: 1 unless the map was resampled.

    Computed at widths 0.05 apart and linear between them, to 0.0003.
    """
    if "RESAMPLE" not in mosaic.keywords or not width.size:
        return np.ones(width.shape)
    steps = np.arange(int(width.min() / _WIDTH_STEP), int(width.max() / _WIDTH_STEP) + 2)
    after = [round(step * _WIDTH_STEP, 4) for step in steps.tolist()]
    before = [round(w * w / through_spline(w)[1], 4) for w in after]
    return np.interp(width, after, [through_spline(w)[0] for w in before])


def measured_sigma(
    image: NDArray[np.floating[Any]], positions: NDArray[np.float64], significance: NDArray[np.float64], nominal: Psf
) -> float:
    """Width of bright isolated sources on the sky, from least-squares fits with the width free.

    Parameters
    ----------
    image
        (ny, nx) flux, or significance where there is no flux.
    positions
        (n, 2) of (x, y) in pixels.
    significance
        (n,) in scaled sigma: above 50 calibrates, unless a source of a tenth of it stands within 6 nominal widths.
    nominal
        PSF to start from; a fit that leaves 0.6 to 1.6 of its width is no point source.

    Returns
    -------
    Mean width in arcmin weighted by significance; NaN without a usable source.
    """
    bright = np.flatnonzero(significance > CALIBRATION_SIGNIFICANCE / 10)
    places = nominal.places(positions[bright])
    apart = cdist(places, places)
    crowded = ((apart > 0) & (apart < 6 * nominal.sigma) & (significance[bright] > 0.1 * significance[bright][:, None])).any(axis=1)
    chosen = bright[(significance[bright] > CALIBRATION_SIGNIFICANCE) & ~crowded]
    chosen = chosen[np.argsort(-significance[chosen])][:_CALIBRATORS]
    widths, weights = [], []
    for index, shape in zip(chosen, nominal.shape(positions[chosen]), strict=True):
        if not np.isfinite(shape).all():
            continue
        x, y = positions[index]
        row, column, reach = round(y), round(x), patch_reach(float(local_width(shape))) + 1
        patch = image[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1]
        if not np.isfinite(patch).all() or patch.shape != (2 * reach + 1,) * 2:
            continue
        dy, dx = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        scaled = patch / patch.max()

        def misfit(
            p: NDArray[np.float64], scaled: Any = scaled, dx: Any = dx, dy: Any = dy, shape: NDArray[np.float64] = shape
        ) -> NDArray[np.float64]:
            return np.asarray((p[0] * gaussian(dx - p[1], dy - p[2], shape / p[3] ** 2) - scaled).ravel())

        fit = least_squares(misfit, [1.0, x - column, y - row, 1.0])
        if 0.6 < fit.x[3] < 1.6:
            widths.append(fit.x[3] * nominal.sigma)
            weights.append(significance[index])
    return float(np.average(widths, weights=weights)) if widths else float("nan")
