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


def correlate(normals: Map) -> Map:
    """White normals to normals of unit variance whose autocorrelation is the point spread function.

    The kernel is a Gaussian sqrt(2) times narrower than the PSF with unit sum of squares: its own autocorrelation is the PSF.
    """
    sigma = PSF_SIGMA / PIXEL / np.sqrt(2.0)
    x = np.arange(-4, 5)
    kernel = np.exp(-0.5 * (x / sigma) ** 2)
    kernel = (kernel / np.sqrt(np.sum(kernel**2))).astype(np.float32)
    rows, columns = normals.shape
    padded = np.pad(normals, 4)
    across = sum(k * padded[:, i : i + columns] for i, k in enumerate(kernel))
    return np.asarray(sum(k * across[i : i + rows] for i, k in enumerate(kernel)), np.float32)


@lru_cache(maxsize=64)
def _waves(e1: float, e2: float, seed: int) -> tuple[Map, Map]:
    rng = chance.generator("coding", float(e1), float(e2), seed)
    vectors = rng.standard_normal((WAVES, 3)) / np.deg2rad(PSF_SIGMA)
    return vectors.astype(np.float32), rng.uniform(0.0, 2.0 * np.pi, WAVES).astype(np.float32)


def coding_field(directions: Map, e1: float, e2: float, seed: int) -> Map:
    """Random field fixed on the sky, of unit variance, correlated as the point spread function.

    Plane waves in the space of unit vectors: with wave vectors normal of width 1/sigma the covariance is that Gaussian of the
    distance.

    Parameters
    ----------
    directions
        Unit vectors (n, 3).

    Returns
    -------
    ndarray
        (n,)
    """
    vectors, phases = _waves(e1, e2, seed)
    total = np.zeros(len(directions), np.float32)
    for start in range(0, len(directions), 8192):
        part = slice(start, start + 8192)
        total[part] = np.cos(directions[part] @ vectors.T + phases).sum(axis=1)
    return total * np.float32(np.sqrt(2.0 / WAVES))
