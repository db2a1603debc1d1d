"""Skies with known truth: point sources on noise that is correlated like the PSF."""

from __future__ import annotations

import numpy as np
from astropy.wcs import WCS
from numpy.typing import NDArray

from dashboard.products.mosaic import Mosaic, Provenance

SIGMA = 1.03
PIXEL = 4.94
# JEM-X pixels for large maps that a projection should leave flat: its 1.27' are SIGMA pixels wide.
FINE_PIXEL = 1.27 / SIGMA
FloatImage = NDArray[np.float64]


def sky_wcs(shape: tuple[int, int], pixel: float = PIXEL, projection: str = "TAN", ra: float = 83.0, dec: float = 22.0) -> WCS:
    """North up, east left, the reference in the middle."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"RA---{projection}", f"DEC--{projection}"]
    wcs.wcs.crval = [ra, dec]
    wcs.wcs.crpix = [(shape[1] + 1) / 2, (shape[0] + 1) / 2]
    wcs.wcs.cdelt = [-pixel / 60, pixel / 60]
    wcs.wcs.radesys = "FK5"
    wcs.wcs.equinox = 2000.0
    wcs.wcs.set()
    return wcs


def correlated_noise(shape: tuple[int, int], rng: np.random.Generator, sigma: float = SIGMA) -> FloatImage:
    """(ny, nx) Gaussian noise of width 1 whose correlation function is the PSF: white noise through its root spectrum."""
    y, x = (np.fft.fftfreq(n) * n for n in shape)
    correlation = np.exp((y[:, None] ** 2 + x**2) / (-2 * sigma**2))
    spectrum = np.maximum(np.fft.rfft2(correlation).real, 0)
    return np.fft.irfft2(np.fft.rfft2(rng.standard_normal(shape)) * np.sqrt(spectrum), s=shape)


def point_sources(shape: tuple[int, int], positions: FloatImage, amplitudes: FloatImage, sigma: float = SIGMA) -> FloatImage:
    """(ny, nx) sum of Gaussians at (x, y)."""
    image = np.zeros(shape)
    reach = int(8 * sigma) + 2
    for (x, y), amplitude in zip(positions, amplitudes, strict=True):
        rows = np.arange(max(0, int(y) - reach), min(shape[0], int(y) + reach + 1))
        columns = np.arange(max(0, int(x) - reach), min(shape[1], int(x) + reach + 1))
        profile = np.exp((rows - y) ** 2 / (-2 * sigma**2))[:, None] * np.exp((columns - x) ** 2 / (-2 * sigma**2))
        image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] += amplitude * profile
    return image


def sky_sources(
    wcs: WCS, shape: tuple[int, int], positions: FloatImage, amplitudes: FloatImage, sigma: float = SIGMA * PIXEL
) -> FloatImage:
    """(ny, nx) sum of Gaussians at pixels (x, y) that are circles on the sky: `sigma` and distances in arcmin."""
    image = np.zeros(shape)
    for (x, y), amplitude in zip(positions, amplitudes, strict=True):
        rows, columns = (slice(max(0, int(p) - 14), int(p) + 16) for p in (y, x))
        row, column = np.mgrid[: shape[0], : shape[1]][:, rows, columns]
        apart = wcs.pixel_to_world(x, y).separation(wcs.pixel_to_world(column, row)).arcmin
        image[rows, columns] += amplitude * np.exp(apart**2 / (-2 * sigma**2))
    return image


def scattered(count: int, shape: tuple[int, int], rng: np.random.Generator, apart: float = 24 / PIXEL) -> FloatImage:
    """(count, 2) positions (x, y) at random, none within `apart` pixels of another or 8 of the border."""
    height, width = shape[0] - 16, shape[1] - 16
    cell = next(n for n in range(min(height, width), 0, -1) if (height // n) * (width // n) >= count)
    columns, rows = width // cell, height // cell
    chosen = rng.permutation(columns * rows)[:count]
    corner = np.column_stack([chosen % columns, chosen // columns]) * cell + 8.0
    return corner + rng.uniform(0, cell - apart, (count, 2))


def mosaic_of(
    significance: FloatImage,
    noise: float | FloatImage = 0.5,
    exposure: FloatImage | None = None,
    wcs: WCS | None = None,
    instrument: str = "isgri",
    origin: str = "SIMULATED",
) -> Mosaic:
    """Flux and variance behind a significance map; NaN is outside."""
    valid = np.isfinite(significance)
    sigma = np.where(valid, noise, np.nan)
    return Mosaic(
        flux=(significance * sigma).astype(np.float32),
        variance=(sigma**2).astype(np.float32),
        significance=significance.astype(np.float32),
        exposure=np.where(valid, 1e5 if exposure is None else exposure, 0).astype(np.float32),
        wcs=wcs or sky_wcs((significance.shape[0], significance.shape[1])),
        band=(28.0, 40.0),
        instrument=instrument,
        unit="counts/sec",
        provenance=Provenance(origin=origin),
    )
