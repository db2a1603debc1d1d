"""From pixel values to palette indices: the cheapest form in which a picture travels to a browser."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from astropy.visualization import ZScaleInterval
from numpy.typing import NDArray

from dashboard.errors import RequestError

INVALID = 0
STRETCHES = ("asinh", "sqrt", "linear", "log")
LIMITS = ("natural", "minmax", "zscale", "symmetric")
_STEPS = 1 << 16

Limits = str | tuple[float, float]


@dataclass(frozen=True, slots=True)
class Scale:
    """A colour scale. Palette index i, from 1 to 255, stands for the part t = (i - 1) / 254 of the way from `low` to `high`:

        log      low * (high / low) ** t
        linear   origin + span * u
        sqrt     origin + span * u * |u|
        asinh    origin + knee * sinh(u * asinh(span / knee))

    with u = t, origin = low, span = high - low; or, mirrored, u = 2 t - 1, origin = (low + high) / 2, span = (high - low) / 2.
    The line of numbers under the map repeats these formulas: `dataclasses.asdict` holds all they need.

    Attributes
    ----------
    low, high
        Values of the first and last colour. What lies beyond has the colour of the end; "log" starts above zero.
    stretch
        One of `STRETCHES`.
    knee
        Distance from the origin up to which asinh is about linear and beyond which it is logarithmic.
    mirrored
        Bent alike on both sides of the middle, which has colour 128.

    Raises
    ------
    RequestError
        For limits that span no range.
    """

    low: float
    high: float
    stretch: str = "asinh"
    knee: float = 1.0
    mirrored: bool = False

    def __post_init__(self) -> None:
        if self.stretch not in STRETCHES:
            raise RequestError(f"There is no colour stretch {self.stretch!r}: choose one of {', '.join(STRETCHES)}.", "stretch")
        if not (0 < self.high - self.low < math.inf and self.knee > 0):
            raise RequestError(f"The lower limit {self.low:g} is not below the upper limit {self.high:g}: change one of them.", "limits")
        if self.stretch == "log" and self.low <= 0:
            raise RequestError("Logarithmic colours start above zero: raise the lower limit, or take asinh instead.", "limits")

    @property
    def _origin(self) -> float:
        return self.low + self._span if self.mirrored else self.low

    @property
    def _span(self) -> float:
        return (self.high - self.low) / (2.0 if self.mirrored else 1.0)

    def _part(self, value: NDArray[Any]) -> NDArray[Any]:
        """Part of the way from the first to the last colour."""
        offset = (value - self._origin) / self._span
        part = np.minimum(np.abs(offset), 1.0) if self.mirrored else np.clip(offset, 0.0, 1.0)
        if self.stretch == "asinh":
            part = np.arcsinh(part * (self._span / self.knee)) / math.asinh(self._span / self.knee)
        elif self.stretch == "sqrt":
            part = np.sqrt(part)
        return 0.5 + 0.5 * np.copysign(part, offset) if self.mirrored else part

    def indices(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """Palette indices, same shape as `values`: 0 where there is no value, 1 to 255 from `low` to `high`."""
        finite = np.isfinite(values)
        inside = np.clip(np.where(finite, values, self.low).astype(np.float64, copy=False), self.low, self.high)
        if self.stretch == "log":
            # No table: equal steps of the value are too wide at the faint end, and a logarithm is as fast.
            colours = (np.log(inside / self.low) * (254.0 / math.log(self.high / self.low)) + 1.5).astype(np.uint8)
        else:
            inside -= self.low
            inside *= (_STEPS - 1) / (self.high - self.low)
            colours = _colours(self)[inside.astype(np.uint16)]
        return np.where(finite, colours, np.uint8(INVALID))

    def value(self, index: float) -> float:
        """The value a palette index stands for."""
        part = (index - 1.0) / 254.0
        if self.stretch == "log":
            return self.low * math.exp(part * math.log(self.high / self.low))
        part = 2.0 * part - 1.0 if self.mirrored else part
        if self.stretch == "asinh":
            return self._origin + self.knee * math.sinh(part * math.asinh(self._span / self.knee))
        return self._origin + self._span * part * (abs(part) if self.stretch == "sqrt" else 1.0)

    def ticks(self, count: int = 6) -> dict[int, str]:
        """Palette indices to label, about `count`, with the round values they stand for; a mirrored scale has its middle.

        Linear scales have equal steps; on others the labels are about evenly spread in colour, each the roundest value there.
        """
        if self.stretch == "linear":
            finest = (self.high - self.low) / (count + 2)
            step = _roundest(finest, 2.5 * finest)
            values = [k * step for k in range(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1)]
        else:
            targets = np.linspace(1.0, 255.0, count + self.mirrored)
            reach = 0.3 * float(targets[1] - targets[0])
            values = [_roundest(self.value(max(index - reach, 1.0)), self.value(min(index + reach, 255.0))) for index in targets]
        return {int(self.indices(np.array(value))): _label(value) for value in values}


@lru_cache(maxsize=64)
def _colours(scale: Scale) -> NDArray[np.uint8]:
    """Palette index of `_STEPS` equal steps of the range: looking a pixel up is five times faster than bending its value."""
    middles = (np.arange(_STEPS) + 0.5) * ((scale.high - scale.low) / (_STEPS - 1)) + scale.low
    return (np.rint(scale._part(middles) * 254.0) + 1).astype(np.uint8)


def _roundest(start: float, end: float) -> float:
    """The number between with the fewest digits."""
    if start <= 0.0 <= end:
        return 0.0
    decade = math.floor(math.log10(max(abs(start), abs(end))))
    for exponent in range(decade + 1, decade - 15, -1):
        for digit in (5.0, 2.0, 1.0):
            step = digit * 10.0**exponent
            if (value := math.ceil(start / step - 1e-9) * step) <= end + 1e-9 * step:
                return value
    return start


def _label(value: float) -> str:
    text = f"{value:.12g}"
    if value != 0 and not 1e-3 <= abs(value) < 1e5:
        mantissa, exponent = f"{value:.11e}".split("e")
        text = f"{float(mantissa):.12g}e{int(exponent)}"
    return text.replace("-", "−")


def scale_for(values: NDArray[Any], plane: str, stretch: str = "asinh", limits: Limits = "natural") -> Scale:
    """The colour scale of a map; mask it by exposure before: at the rim flux and variance grow without bound.

    Parameters
    ----------
    values
        (ny, nx); NaN where there is none. A map that is constant or has no value has a scale, too.
    plane
        "significance", "flux", "exposure" or "variance".
    limits
        "natural" shows noise and sources together: significance from -3 sigma to the brightest pixel but within 10 to 100; flux
        from -3 local widths (from the median absolute deviation) to its maximum; exposure and variance between their 1 % and 99 %.
        "minmax" are the extremes, "zscale" those of IRAF; "symmetric" goes as far below zero as above, mirrored, to the natural
        upper end or the deepest hole: a source and an equally strong artefact stand equally far from the middle. Or (low, high).
        Where a found lower limit is not above zero, "log" starts at the median of the positive values: inside the noise.

    Raises
    ------
    RequestError
        For given limits that span no range, or reach zero or less on a "log" scale.
    """
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        finite = np.array([0.0, 1.0])
    low, high, knee = _natural(finite, plane)
    mirrored = False
    if not isinstance(limits, str):
        low, high = limits
        mirrored = low == -high
    elif limits == "symmetric":
        high = max(high, -float(finite.min())) or 1.0
        low, mirrored = -high, True
    else:
        if limits == "minmax":
            low, high = float(finite.min()), float(finite.max())
        elif limits == "zscale":
            low, high = (float(end) for end in ZScaleInterval().get_limits(finite))
        elif limits != "natural":
            raise RequestError(f"There are no limits {limits!r}: choose one of {', '.join(LIMITS)}, or give two numbers.", "limits")
        if stretch == "log" and low <= 0:
            positive = finite[finite > 0]
            high = high if high > 0 else 1.0
            low = min(float(np.median(positive)), high / 10.0) if positive.size else high / 10.0
        if high - low <= 1e-6 * max(abs(low), abs(high)):
            margin = 0.5 * abs(low) or 0.5
            low, high = low - margin, high + margin
    return Scale(low, high, stretch, max(knee, 1e-3 * (high - low)), mirrored)


def natural_scale(values: NDArray[Any], plane: str, stretch: str = "asinh") -> Scale:
    """`scale_for` with natural limits."""
    return scale_for(values, plane, stretch)


def _natural(finite: NDArray[Any], plane: str) -> tuple[float, float, float]:
    """Natural limits, and the knee: 5 sigma, 5 local widths, or the whole range, where asinh is about linear."""
    if plane == "significance":
        return -3.0, float(np.clip(finite.max(), 10.0, 100.0)), 5.0
    if plane == "flux":
        middle = float(np.median(finite))
        width = max(1.4826 * float(np.median(np.abs(finite - middle))), 1e-30)
        return middle - 3.0 * width, max(middle + 10.0 * width, float(finite.max())), 5.0 * width
    low, high = (float(end) for end in np.percentile(finite, (1.0, 99.0)))
    return low, high, (high - low) or 1.0
