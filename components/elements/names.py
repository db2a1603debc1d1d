"""Which names fit beside their rings without lying over each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

LETTER: Final = 6.3
HEIGHT: Final = 13.0
"""Screen pixels of a letter (mean) and of a line of 11 px text."""


def legible(x: Sequence[float], y: Sequence[float], names: Sequence[str], pixels_a_dot: float) -> list[int]:
    """Rows, in order, whose names have room: each is kept unless it would lie over one kept before it.

    Parameters
    ----------
    x, y
        Where the sources are, in pixels of the map; a name begins there and runs to the right.
    names
        "" for those that are not written.
    pixels_a_dot
        Pixels of the map in one of the screen.
    """
    kept: list[int] = []
    boxes: list[tuple[float, float, float]] = []
    for row, name in enumerate(names):
        if not name:
            continue
        left, middle = x[row] / pixels_a_dot, y[row] / pixels_a_dot
        right = left + LETTER * len(name)
        if all(right < start or left > end or abs(middle - other) > HEIGHT for start, end, other in boxes):
            kept.append(row)
            boxes.append((left, right, middle))
    return kept
