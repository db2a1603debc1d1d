"""The part of a large map that travels to a browser: what is looked at, no finer than a screen shows it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BUDGET = 380_000
"""Pixels (bytes) of one picture; maps with fewer travel whole."""

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Window:
    """Columns `x0` to `x1` and rows `y0` to `y1` (half-open) of a map, `step` x `step` pixels made one."""

    x0: int
    x1: int
    y0: int
    y1: int
    step: int = 1

    @property
    def size(self) -> tuple[int, int]:
        """(rows, columns) of the picture."""
        return math.ceil((self.y1 - self.y0) / self.step), math.ceil((self.x1 - self.x0) / self.step)

    def serves(self, other: Window) -> bool:
        """Whether this window shows what the other one would, at least as sharply."""
        inside = self.x0 <= other.x0 and other.x1 <= self.x1 and self.y0 <= other.y0 and other.y1 <= self.y1
        return inside and self.step <= other.step

    def cut(self, indices: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture: of every block the index farthest from the map's median, so that no source is lost and noise stays centred.

        Parameters
        ----------
        indices
            (ny, nx) of the whole map, 0 where it has no value.
        """
        part = indices[self.y0 : self.y1, self.x0 : self.x1]
        if self.step == 1:
            return part
        sample = indices[::7, ::7]
        middle = np.int16(np.median(sample[sample > 0])) if sample.any() else np.int16(0)
        ny, nx = part.shape
        part = np.pad(part, ((0, -ny % self.step), (0, -nx % self.step)))
        extreme = part[:: self.step, :: self.step]
        distance = _distance(extreme, middle)
        for j, i in list(np.ndindex(self.step, self.step))[1:]:
            other = part[j :: self.step, i :: self.step]
            farther = (other_distance := _distance(other, middle)) > distance
            extreme, distance = np.where(farther, other, extreme), np.maximum(other_distance, distance)
        return extreme

    def columns(self, picture: NDArray[np.uint8]) -> dict[str, list[object]]:
        """Columns of a Bokeh image in 0-based pixel coordinates of the whole map; `picture` is one that has been `cut`."""
        rows, columns = self.size
        place = {"x": self.x0 - 0.5, "y": self.y0 - 0.5, "dw": float(columns * self.step), "dh": float(rows * self.step)}
        return {"image": [np.ascontiguousarray(picture)], **{name: [value] for name, value in place.items()}}


def _distance(indices: NDArray[np.uint8], middle: np.int16) -> NDArray[np.int16]:
    return np.where(indices > 0, np.abs(indices.astype(np.int16) - middle), np.int16(-1))


def seen(shape: tuple[int, int], x: Range, y: Range) -> Window:
    """The least window for what is seen of a map: `x`, `y` in pixels, sharper the less it is.

    Parameters
    ----------
    shape
        (ny, nx) of the map.
    """
    (x0, x1), (y0, y1) = _within(shape[1], *x), _within(shape[0], *y)
    step = 1
    while Window(x0, x1, y0, y1, step).size[0] * Window(x0, x1, y0, y1, step).size[1] > BUDGET:
        step += 1
    return Window(x0, x1, y0, y1, step)


def around(shape: tuple[int, int], x: Range, y: Range) -> Window:
    """What is seen, and as much around it as the budget allows: the map can be dragged a while before more is needed."""
    ny, nx = shape
    core = seen(shape, x, y)
    low, high = 0, max(nx, ny)
    while low < high:
        margin = (low + high + 1) // 2
        rows, columns = _grown(core, margin, shape).size
        low, high = (margin, high) if rows * columns <= BUDGET else (low, margin - 1)
    return _grown(core, low, shape)


def _within(length: int, start: float, end: float) -> tuple[int, int]:
    """Whole pixels of a range that lie on the map, at least one."""
    first = min(max(math.floor(start + 0.5), 0), length - 1)
    return first, max(min(math.ceil(end + 0.5), length), first + 1)


def _grown(core: Window, margin: int, shape: tuple[int, int]) -> Window:
    """Wider by `margin` on each side that has room; it starts on a whole block, so that blocks do not change under a drag."""
    x0, y0 = (max(first - margin, 0) // core.step * core.step for first in (core.x0, core.y0))
    return Window(x0, min(core.x1 + margin, shape[1]), y0, min(core.y1 + margin, shape[0]), core.step)
