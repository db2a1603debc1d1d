"""The rows of light curves put together: every column moves with its row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.products.light_curve import LightCurve

ROW_COLUMNS = ("time", "half_width", "rate", "error", "fracexp", "flags", "batch")
"""Attributes of a `LightCurve` with one value a row, besides `columns`."""
CONTRADICTION = 5.0
"""Sigma of the difference above which two rows of one bin cannot both be measurements of it."""


def taken(curve: LightCurve, rows: NDArray[Any] | slice) -> LightCurve:
    """The curve with these rows, in this order; a mask, an index array or a slice."""
    return replace(
        curve,
        **{name: getattr(curve, name)[rows] for name in ROW_COLUMNS},
        columns={name: column[rows] for name, column in curve.columns.items()},
    )


def concatenated(curves: Sequence[LightCurve]) -> LightCurve:
    """Rows of several curves one after the other; what is not per row is the first one's. A missing column is NaN."""
    if len(curves) == 1:
        return curves[0]
    names = dict.fromkeys(name for curve in curves for name in curve.columns)
    rows: dict[str, Any] = {name: np.concatenate([getattr(curve, name) for curve in curves]) for name in ROW_COLUMNS}
    return replace(
        curves[0],
        **rows,
        columns={
            name: np.concatenate([c.columns[name] if name in c.columns else np.full(len(c), np.nan) for c in curves]) for name in names
        },
        dropped=sum(curve.dropped for curve in curves),
    )


def joined(curves: Sequence[LightCurve]) -> LightCurve:
    """Curves of one source as one in time order, each bin once; `dropped` counts the repeated ones.

    Rows of the same time and width are one bin: the one with the smaller error stays. When they contradict each other by
    more than `CONTRADICTION` sigma it is the one with the larger error: real products hold rows in which the small error of
    the background stands where the source's should be.
    """
    curve = concatenated(curves)
    if np.all(curve.time[1:] > curve.time[:-1]):
        return curve
    order = np.argsort(curve.time, kind="stable")
    time = curve.time[order]
    tie = np.flatnonzero(time[1:] == time[:-1])
    if len(tie):
        order = order[_once(curve, order, np.union1d(tie, tie + 1))]
    return replace(taken(curve, order), dropped=curve.dropped + len(curve) - len(order))


def _once(curve: LightCurve, order: NDArray[np.intp], tied: NDArray[np.intp]) -> NDArray[np.bool_]:
    """(n,) mask that keeps one row a bin; sorts the `tied` places of `order` in place by width, error and batch."""
    rows = order[tied]
    width = np.round(curve.half_width * 86400, 3)
    rows = rows[np.lexsort((curve.batch[rows], curve.error[rows], width[rows], curve.time[rows]))]
    order[tied] = rows
    first = np.flatnonzero(np.concatenate([[True], (np.diff(curve.time[rows]) > 0) | (np.diff(width[rows]) > 0)]))
    last = np.append(first[1:], len(rows)) - 1
    a, b = rows[first], rows[last]
    contradict = np.abs(curve.rate[a] - curve.rate[b]) > CONTRADICTION * np.hypot(curve.error[a], curve.error[b])
    keep = np.ones(len(order), dtype=bool)
    keep[tied] = False
    keep[tied[np.where(contradict, last, first)]] = True
    return keep
