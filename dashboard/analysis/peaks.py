"""Local maxima of a map."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

SIDE_FRACTION = 0.05
_REACH = 2


def local_maxima(image: NDArray[np.floating[Any]], floor: float) -> NDArray[np.intp]:
    """Pixels that reach `floor` and are the highest of the 5 x 5 around them.

    Only pixels above the floor are compared with their neighbours, which on a sky map (few sources, much noise) is
    several times faster than filtering the whole map. Of equal neighbours the first in reading order counts.

    Parameters
    ----------
    image
        (ny, nx); NaN is lower than everything.
    floor
        In the unit of the image.

    Returns
    -------
    (n, 2) of (y, x), highest first.
    """
    with np.errstate(invalid="ignore"):
        y, x = np.divmod(np.flatnonzero(image >= floor), image.shape[1])
    height = image[y, x]
    padded = np.pad(image, _REACH, constant_values=-np.inf)
    highest = np.ones(height.size, dtype=bool)
    for dy in range(-_REACH, _REACH + 1):
        for dx in range(-_REACH, _REACH + 1):
            neighbour = padded[y + _REACH + dy, x + _REACH + dx]
            highest &= ~(neighbour >= height if (dy, dx) < (0, 0) else neighbour > height)
    order = np.argsort(-height[highest], kind="stable")
    return np.column_stack([y[highest], x[highest]])[order]


def unexplained(
    candidates: NDArray[np.floating[Any]],
    height: NDArray[np.floating[Any]],
    positions: NDArray[np.floating[Any]],
    brightness: NDArray[np.floating[Any]],
    radius: float,
    fraction: float = SIDE_FRACTION,
) -> NDArray[np.bool_]:
    """Tell candidates from the side structure of brighter sources.

    A point source is only approximately a Gaussian: what is left beside it, below `fraction` of its peak and within
    `radius`, is taken for its own.

    Parameters
    ----------
    candidates, height
        (n, k) places, and (n,) their significance.
    positions, brightness
        (m, k) places, and (m,) significance of what is brighter or fitted already.
    radius
        In the unit of the places.

    Returns
    -------
    (n,) True for those that stand on their own.
    """
    return ~np.asarray(np.any((cdist(candidates, positions) < radius) & (height[:, None] < fraction * brightness), axis=1))
