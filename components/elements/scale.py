"""From pixel values to palette indices: the cheapest form in which a picture travels to a browser."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

INVALID = 0
_STEPS = 1 << 16


@dataclass(frozen=True, slots=True)
class Scale:
    """A colour scale.

    Attributes
    ----------
    low, high
        Values of the first and last colour.
    stretch
        "linear", "asinh" or "sqrt".
    knee
        Distance from `low` up to which asinh is about linear and beyond which it is logarithmic.
    """

    low: float
    high: float
    stretch: str = "asinh"
    knee: float = 1.0

    def _bend(self, value: Any) -> Any:
        """Values in units of the range, clipped to 0..1 and bent by the stretch."""
        above = np.clip(np.asarray(value, dtype=np.float64) - self.low, 0.0, self.high - self.low)
        if self.stretch == "asinh":
            return np.arcsinh(above / self.knee) / np.arcsinh((self.high - self.low) / self.knee)
        part = above / (self.high - self.low)
        return np.sqrt(part) if self.stretch == "sqrt" else part

    def indices(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """Palette indices, same shape as `values`: 0 where there is no value, 1 to 255 from `low` to `high`."""
        finite = np.isfinite(values)
        steps = np.where(finite, values, np.array(self.low, dtype=values.dtype)) - self.low
        steps *= (_STEPS - 1) / (self.high - self.low)
        colours = _colours(self)[np.clip(steps, 0, _STEPS - 1).astype(np.intp)]
        return np.where(finite, colours, np.uint8(INVALID))

    def value(self, index: float) -> float:
        """The value a palette index stands for."""
        part, span = (index - 1.0) / 254.0, self.high - self.low
        if self.stretch == "asinh":
            return float(self.low + self.knee * np.sinh(part * np.arcsinh(span / self.knee)))
        return float(self.low + span * (part * part if self.stretch == "sqrt" else part))

    def ticks(self, count: int = 6) -> dict[int, str]:
        """Palette indices to label, evenly spread in colour, with the round values they stand for."""
        marks = {}
        for index in np.linspace(1, 255, count):
            value = float(f"{self.value(float(index)):.2g}")
            marks[int(self.indices(np.array(value)))] = f"{value:g}".replace("-", "−")
        return marks


@lru_cache(maxsize=64)
def _colours(scale: Scale) -> NDArray[np.uint8]:
    """Palette index of `_STEPS` equal steps of the range: looking a pixel up is five times faster than bending its value."""
    middles = (np.arange(_STEPS) + 0.5) * ((scale.high - scale.low) / (_STEPS - 1)) + scale.low
    return (np.rint(scale._bend(middles) * 254.0) + 1).astype(np.uint8)


def natural_scale(values: NDArray[Any], plane: str, stretch: str = "asinh") -> Scale:
    """Limits that show noise and sources together.

    Significance starts at -3 sigma, ends at the brightest pixel but within 10 to 100, and has its knee at 5; flux starts at
    -3 local widths (from the median absolute deviation) and ends at its maximum; variance and exposure between their 1 % and 99 %.
    Mask by exposure before calling: at the rim flux and variance grow without bound.
    """
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return Scale(0.0, 1.0, stretch)
    if plane == "significance":
        return Scale(-3.0, float(np.clip(finite.max(), 10.0, 100.0)), stretch, 5.0)
    if plane == "flux":
        middle = float(np.median(finite))
        width = max(1.4826 * float(np.median(np.abs(finite - middle))), 1e-30)
        return Scale(middle - 3.0 * width, max(middle + 10.0 * width, float(finite.max())), stretch, 5.0 * width)
    low, high = np.percentile(finite, (1.0, 99.0))
    high = high if high > low else low + 1.0
    return Scale(float(low), float(high), stretch, float(high - low))
