"""Light curves of one source: a cross a bin, hollow where the bin says less than it seems; gaps stay gaps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

import holoviews as hv
import numpy as np
from astropy.time import Time
from numpy.typing import NDArray

from components.elements.series import COLOURS
from dashboard.products.light_curve import TOTAL_ERROR, LightCurve

MOST: Final = 10_000
"""Rows up to which a curve travels whole."""
DRAWN: Final = 4_000
"""Rows drawn of a longer one: twice the columns of a screen."""
LAYERS: Final = ("bars", "points", "hollow")

Columns = dict[str, dict[str, Any]]


class Rates(Protocol):
    """Rates in time order."""

    @property
    def mjd(self) -> NDArray[np.floating[Any]]:
        """(n,) MJD (TT)."""

    @property
    def rate(self) -> NDArray[np.floating[Any]]:
        """(n,)."""

    def __len__(self) -> int: ...


def drawn_rows(curve: Rates, start: float = -np.inf, stop: float = np.inf) -> NDArray[np.intp]:
    """Numbers of the rows to draw when MJD `start` to `stop` is looked at, ascending.

    All of a curve of at most `MOST` rows. Of a longer one the least and the greatest rate of each stretch of as many rows, within a range
    as wide again on each side; and its first and last row, so that the picture keeps its ends.
    """
    if len(curve) <= MOST:
        return np.arange(len(curve))
    margin = stop - start if np.isfinite(stop - start) else 0.0
    first, last = np.searchsorted(curve.mjd, (start - margin, stop + margin))
    ends = np.array([0, len(curve) - 1])
    if last - first <= MOST:
        return np.union1d(np.arange(first, last), ends)
    length = -(-2 * (last - first) // DRAWN)
    rate = np.asarray(curve.rate[first:last], dtype=float)
    stretches = np.concatenate([rate, np.full(-len(rate) % length, rate[-1])]).reshape(-1, length)
    begin = first + length * np.arange(len(stretches))
    least, greatest = (begin + extreme(stretches, axis=1) for extreme in (np.argmin, np.argmax))
    return np.union1d(np.minimum(np.concatenate([least, greatest]), last - 1), ends)


def light_curve_columns(curve: LightCurve | None, rows: NDArray[np.intp]) -> Columns:
    """Columns of the three layers of one curve; empty without it. Errors are TOTAL_ERROR where the curve has it."""
    if curve is None:
        none: Any = np.empty(0)
        point = dict.fromkeys(("x", "y", "error", "utc", "seconds", "fracexp"), none)
        return {"bars": dict.fromkeys(("x0", "y0", "x1", "y1"), none), "points": point, "hollow": dict(point)}
    time, half, rate = curve.mjd[rows], curve.half_width[rows], curve.rate[rows]
    error = np.asarray(curve.columns.get(TOTAL_ERROR, curve.error))[rows]
    utc = Time(time, format="mjd", scale="tt").unix * 1000  # milliseconds, as Bokeh counts
    facts = {"x": time, "y": rate, "error": error, "utc": utc, "seconds": 2 * 86400 * half, "fracexp": curve.fracexp[rows]}
    hollow = curve.flags[rows] != 0
    return {
        "bars": {
            "x0": np.concatenate([time - half, time]),
            "y0": np.concatenate([rate, rate - error]),
            "x1": np.concatenate([time + half, time]),
            "y1": np.concatenate([rate, rate + error]),
        },
        "points": {name: column[~hollow] for name, column in facts.items()},
        "hollow": {name: column[hollow] for name, column in facts.items()},
    }


def light_curve_picture(series: Mapping[str, Columns], unit: str) -> hv.Overlay:
    """All curves, by label: each has its `LAYERS`, in this order."""
    layers: list[Any] = []
    for colour, (label, columns) in zip(COLOURS, series.items(), strict=False):
        bars, points, hollow = (columns[name] for name in LAYERS)
        layers += [
            hv.Segments(bars, ["x0", "y0", "x1", "y1"], label=label).opts(color=colour, line_width=1),
            hv.Points(points, ["x", "y"], list(points)[2:], label=label).opts(color=colour, size=4),
            hv.Points(hollow, ["x", "y"], list(hollow)[2:], label=label).opts(line_color=colour, fill_alpha=0, size=5),
        ]
    return hv.Overlay(layers).opts(xlabel="MJD (TT)", ylabel=unit, legend_position="top")
