"""Batches with a known sky: round sources of one angular width, noise as wide as the PSF."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.optimize import least_squares

from dashboard.products.instrument import ISGRI
from dashboard.products.mosaic import Mosaic, Provenance

Sky = Sequence[tuple[float, float, float]]
PSF = 1.03 * ISGRI.pixel
"""Degrees; sigma of ISGRI's point spread function (12' FWHM)."""


def tan_wcs(ra: float, dec: float, roll: float = 0.0, side: int = 240, projection: str = "TAN", pixel: float = ISGRI.pixel) -> WCS:
    cos, sin = pixel * np.cos(np.radians(roll)), pixel * np.sin(np.radians(roll))
    return WCS(
        fits.Header(
            {
                "CTYPE1": f"RA---{projection}",
                "CTYPE2": f"DEC--{projection}",
                "CRVAL1": ra,
                "CRVAL2": dec,
                "CRPIX1": (side + 1) / 2,
                "CRPIX2": (side + 1) / 2,
                "CD1_1": -cos,
                "CD1_2": sin,
                "CD2_1": sin,
                "CD2_2": cos,
                "LONPOLE": 180.0,
                "RADESYS": "FK5",
                "EQUINOX": 2000.0,
            }
        ),
        naxis=2,
    )


def unit(ra: Any, dec: Any) -> NDArray[np.float64]:
    a, d = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=-1)


def batch(
    wcs: WCS,
    sky: Sky = (),
    side: int = 240,
    seed: int | None = None,
    sigma: float = 1.0,
    flat: bool = False,
    psf: float = PSF,
    **meta: Any,
) -> Mosaic:
    """A vignetted map (NaN outside a disc), or a flat one; noise when a seed is given. `psf` in degrees."""
    y, x = np.mgrid[:side, :side].astype(float)
    radius = np.hypot(x - side / 2, y - side / 2)
    coding = np.ones((side, side)) if flat else np.clip((side / 2 - 4 - radius) / (side / 3), 0, 1)
    deviation = np.where(coding > 0, sigma / np.where(coding > 0, coding, 1), np.nan)
    here = unit(*wcs.wcs_pix2world(x, y, 0))
    flux = np.zeros(here.shape[:-1])
    for source_ra, source_dec, amplitude in sky:
        chord = np.linalg.norm(here - unit(source_ra, source_dec), axis=-1)
        flux += amplitude * np.exp(-0.5 * (np.degrees(chord) / psf) ** 2)
    if seed is not None:
        width = psf / float(np.sqrt(abs(np.linalg.det(wcs.pixel_scale_matrix)))) / np.sqrt(2)
        noise = gaussian_filter(np.random.default_rng(seed).standard_normal((side, side)), width, mode="wrap")
        flux += deviation * noise * 2 * np.sqrt(np.pi) * width
    flux = np.where(coding > 0, flux, np.nan).astype("f4")
    variance = (deviation**2).astype("f4")
    meta = {"band": (20.0, 40.0), "instrument": "isgri", "unit": "counts/sec"} | meta
    return Mosaic(flux, variance, flux / np.sqrt(variance), (2000 * coding).astype("f4"), wcs, **meta)


def origin(job: str, *scw: str, **more: Any) -> Provenance:
    return Provenance(**({"origin": "ISDC", "osa_version": "OSA11.2", "job_ids": (job,), "scw": scw} | more))


def fitted(mosaic: Mosaic, ra: float, dec: float) -> tuple[float, float, float, float]:
    """(amplitude, volume over 2 pi, dx, dy) of a Gaussian with free widths; offsets from the true place, in pixels.

    Resampling conserves amplitude x width^2, not the amplitude; an analysis calibrates the width on bright sources.
    """
    assert mosaic.flux is not None
    x0, y0 = (float(v) for v in mosaic.wcs.wcs_world2pix(ra, dec, 0))
    y, x = np.mgrid[round(y0) - 4 : round(y0) + 5, round(x0) - 4 : round(x0) + 5]
    data = mosaic.flux[y, x]

    def misfit(p: NDArray[np.float64]) -> NDArray[np.float64]:
        u, v = x - x0 - p[1], y - y0 - p[2]
        return (p[0] * np.exp(-0.5 * (u**2 * p[3] + v**2 * p[4] + 2 * u * v * p[5])) - data).ravel()

    a, dx, dy, xx, yy, xy = least_squares(misfit, [float(np.nanmax(data)), 0, 0, 1, 1, 0]).x
    return a, a / np.sqrt(xx * yy - xy**2), dx, dy


def true_volume(mosaic: Mosaic, ra: float, dec: float, flux: float, psf: float = PSF) -> float:
    """What `fitted` should give for the volume: the PSF's angular width on the pixels of this place."""
    x, y = (float(v) for v in mosaic.wcs.wcs_world2pix(ra, dec, 0))
    corners = mosaic.wcs.wcs_pix2world([[x - 0.5, y], [x + 0.5, y], [x, y - 0.5], [x, y + 0.5]], 0)
    left, right, low, high = unit(corners[:, 0], corners[:, 1])
    area = np.linalg.norm(np.cross(right - left, high - low)) * np.degrees(1) ** 2
    return flux * psf**2 / float(area)
