"""The two noises of a mosaic: statistical, which averages down, and of the coding, which does not."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from dashboard.observatory import chance
from dashboard.observatory.isgri import PIXEL, PSF_SIGMA

Map = NDArray[np.float32]
LATTICE = 512  # pixels a side, repeated beyond: about the diagonal of one field of view
WAVES = 64


def white(swid: str, e1: float, e2: float, seed: int) -> Map:
    """Normals of one science window and band, (LATTICE, LATTICE): the same whatever mosaic it is part of."""
    return chance.generator("white", swid, float(e1), float(e2), seed).standard_normal((LATTICE, LATTICE), np.float32)


def correlate(normals: Map, width: float = PSF_SIGMA / PIXEL) -> Map:
    """White normals to normals of unit variance whose autocorrelation is the point spread function, of sigma `width` in pixels.

    The kernel is the square root of that function in Fourier space, with unit sum of squares: its own autocorrelation is the function,
    at whole pixels, however few of them it is wide.
    """
    psf = np.exp(-0.5 * (np.fft.fftfreq(64, 1 / 64) / width) ** 2)
    kernel = np.fft.ifft(np.sqrt(np.maximum(np.fft.fft(psf).real, 0))).real[np.arange(-4, 5)]
    kernel = (kernel / np.sqrt(np.sum(kernel**2))).astype(np.float32)
    rows, columns = normals.shape
    padded = np.pad(normals, 4)
    across = sum(k * padded[:, i : i + columns] for i, k in enumerate(kernel))
    return np.asarray(sum(k * across[i : i + rows] for i, k in enumerate(kernel)), np.float32)


@lru_cache(maxsize=64)
def _waves(e1: float, e2: float, seed: int, sigma: float, camera: str, waves: int) -> tuple[Map, Map]:
    rng = chance.generator("coding", *([camera] if camera else []), float(e1), float(e2), seed)
    vectors = rng.standard_normal((waves, 3)) / np.deg2rad(sigma)
    return vectors.astype(np.float32), rng.uniform(0.0, 2.0 * np.pi, waves).astype(np.float32)


def coding_field(
    directions: Map, e1: float, e2: float, seed: int, *, sigma: float = PSF_SIGMA, camera: str = "", waves: int = WAVES
) -> Map:
    """Random field fixed on the sky, of unit variance, correlated as the point spread function.

    Plane waves in the space of unit vectors: with wave vectors normal of width 1/sigma the covariance is that Gaussian of the
    distance.

    Parameters
    ----------
    directions
        Unit vectors (n, 3).
    sigma
        Of the point spread function, degrees.
    camera
        Whose field: "" for ISGRI's.
    waves
        How many make the field.

    Returns
    -------
    ndarray
        (n,)
    """
    vectors, phases = _waves(e1, e2, seed, sigma, camera, waves)
    total = np.zeros(len(directions), np.float32)
    for start in range(0, len(directions), 8192):
        part = slice(start, start + 8192)
        total[part] = np.cos(directions[part] @ vectors.T + phases).sum(axis=1)
    return total * np.float32(np.sqrt(2.0 / waves))
