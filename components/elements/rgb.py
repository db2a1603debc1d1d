"""Three bands as one picture in colour: red, green and blue in a palette of 252 colours."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from components.elements.colours import BACKGROUND

LEVELS = (6, 7, 6)
"""Steps of red, green and blue; the eye sees green the finest."""

CUBE: tuple[str, ...] = (
    BACKGROUND,
    *(
        "#" + "".join(f"{round(255 * level / (levels - 1)):02x}" for level, levels in zip(colour, LEVELS, strict=True))
        for colour in product(*map(range, LEVELS))
    ),
    *[BACKGROUND] * 3,
)
"""The background, the cube of colours with blue running fastest, and three entries that are not used."""


def _bayer(order: int) -> NDArray[np.int64]:
    """(2^order, 2^order) ranks, spread so that every count of pixels up to a rank is even over the square (Bayer 1973)."""
    square = np.zeros((1, 1), dtype=np.int64)
    for _ in range(order):
        square = np.block([[4 * square, 4 * square + 2], [4 * square + 3, 4 * square + 1]])
    return square


_BAYER = _bayer(3)
_PART = np.clip(np.arange(256) - 1, 0, 254) / 254.0


def rgb_picture(red: NDArray[np.uint8], green: NDArray[np.uint8], blue: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Palette indices of the picture, same shape as the bands, and its 256 colours.

    Between two steps of the cube neighbouring pixels alternate in a fixed pattern, so that gradients show no bands and 8 x 8 pixels
    have the right mean. Reduce a large map before, band by band: these indices have no order.

    Parameters
    ----------
    red, green, blue
        (ny, nx) palette indices of three maps of one grid, from `components.elements.scale`: 0 where there is no value. A
        pixel that only some bands have is dark in the others.
    """
    rows, columns = np.arange(red.shape[0]) % 8, np.arange(red.shape[1]) % 8
    picture = np.ones(red.shape, dtype=np.uint8)
    weight = 1
    for band, levels in reversed(list(zip((red, green, blue), LEVELS, strict=True))):
        steps = _PART * (levels - 1)
        table = np.floor(steps + (np.arange(64)[:, None] + 0.5) / 64.0).astype(np.uint8)
        picture += np.uint8(weight) * table[_BAYER[rows][:, columns], band]
        weight *= levels
    return np.where((red > 0) | (green > 0) | (blue > 0), picture, np.uint8(0)), CUBE
