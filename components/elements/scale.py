"""From pixel values to palette indices: the cheapest form in which a picture travels to a browser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

INVALID = 0


@dataclass(frozen=True, slots=True)
class Scale:
    """A colour scale.

    Attributes
    ----------
    low, high
        Values of the first and last colour.
    stretch
        "linear", "asinh" or "sqrt".
    """

    low: float
    high: float
    stretch: str = "asinh"

    def _bend(self, value: Any) -> Any:
        """Values in units of the range, bent by the stretch; asinh is linear over the first 5 %."""
        t = np.clip((np.asarray(value, dtype=np.float64) - self.low) / max(self.high - self.low, 1e-30), 0.0, 1.0)
        if self.stretch == "asinh":
            return np.arcsinh(t * 20.0) / np.arcsinh(20.0)
        return np.sqrt(t) if self.stretch == "sqrt" else t

    def indices(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """Palette indices, same shape as `values`: 0 where there is no value, 1 to 255 from `low` to `high`."""
        bent = self._bend(np.where(np.isfinite(values), values, self.low))
        return np.where(np.isfinite(values), np.rint(bent * 254.0) + 1, INVALID).astype(np.uint8)

    def value(self, index: float) -> float:
        """The value a palette index stands for."""
        t = (index - 1.0) / 254.0
        if self.stretch == "asinh":
            t = np.sinh(t * np.arcsinh(20.0)) / 20.0
        elif self.stretch == "sqrt":
            t = t * t
        return float(self.low + t * (self.high - self.low))


def natural_scale(values: NDArray[Any], plane: str, stretch: str = "asinh") -> Scale:
    """Limits that show noise and sources together.

    Significance starts at -3 sigma and ends at the brightest pixel (at least 10); flux at -3 local widths (from the
    median absolute deviation) and ends at the 99.99th percentile; variance and exposure between their 1 % and 99 %.
    Mask by exposure before calling: at the rim flux and variance grow without bound.
    """
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return Scale(0.0, 1.0, stretch)
    if plane == "significance":
        return Scale(-3.0, max(10.0, float(finite.max())), stretch)
    if plane == "flux":
        middle = float(np.median(finite))
        width = 1.4826 * float(np.median(np.abs(finite - middle)))
        return Scale(middle - 3.0 * width, max(middle + 10.0 * width, float(np.percentile(finite, 99.99))), stretch)
    low, high = np.percentile(finite, (1.0, 99.0))
    return Scale(float(low), float(high) if high > low else float(low) + 1.0, stretch)
