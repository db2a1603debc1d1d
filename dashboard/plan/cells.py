"""Cuts a list of science windows so that the pieces survive when the list grows.

A science window RRRRPPPPSSSF stands at the integer key R 2^24 + P 2^10 + S, in time order. Halving the range of keys
again and again gives a tree of nodes whose edges do not depend on any request. Cells are the largest nodes that hold at
most two batches' worth of windows; a cell is cut evenly into as few batches as will do. Windows added before or after
all others leave every cell alone that gains none, so a longer interval asks again only for the batches of one cell at
that end; the even cut keeps batches well filled, which slices of fixed key ranges would not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dashboard.plan.gaps import at_gaps

BATCHES_A_CELL = 2
_REVOLUTION_BITS, _POINTING_BITS, _SUBDIVISION_BITS = 14, 14, 10
_BITS_IN_REVOLUTION = _POINTING_BITS + _SUBDIVISION_BITS

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def key(swid: str) -> int:
    """Place of a science window in the tree."""
    return int(keys([swid])[0])


def keys(swids: Sequence[str]) -> Integers:
    """Places of science windows in the tree, (n,)."""
    ids = np.array([int(swid) for swid in swids], dtype=np.int64)
    return ids // 10**8 << _BITS_IN_REVOLUTION | ids // 10**4 % 10**4 << _SUBDIVISION_BITS | ids // 10 % 10**3


def cells(swids: Sequence[str], most: int, whole_revolutions: bool = False) -> Iterator[range]:
    """Index ranges of the non-empty cells, in order.

    Parameters
    ----------
    swids
        Ascending, each once.
    most
        Most windows in a cell.
    whole_revolutions
        Keep cells within one revolution, as spectra need: their responses hold for sets of revolutions.

    Raises
    ------
    ValueError
        When the list is not ascending.
    """
    return (range(a, b) for a, b in pairwise(cell_edges(keys(swids), most, whole_revolutions).tolist()))


def cell_edges(places: Integers, most: int, whole_revolutions: bool = False) -> Integers:
    """As `cells`, from `keys`: cell i holds the indices from edge i up to edge i + 1."""
    if np.any(places[1:] <= places[:-1]):
        raise ValueError("Science windows must be sorted and each listed once.")
    start, stop, low = np.zeros(1, np.int64), np.full(1, len(places)), np.zeros(1, np.int64)
    edges = [stop]
    for bits in range(_REVOLUTION_BITS + _BITS_IN_REVOLUTION, -1, -1):
        whole = (stop - start <= most) & (bits <= _BITS_IN_REVOLUTION or not whole_revolutions)
        edges.append(start[whole])
        start, stop, low = start[~whole], stop[~whole], low[~whole]
        if not len(start):
            break
        half = low + (1 << bits >> 1)
        middle = np.searchsorted(places, half)
        start, stop, low = (np.stack(pair, axis=1).ravel() for pair in ((start, middle), (middle, stop), (low, half)))
        start, stop, low = (values[start < stop] for values in (start, stop, low))
    return np.unique(np.concatenate(edges))


def cut(swids: Sequence[str], s_max: int, whole_revolutions: bool = False) -> tuple[range, ...]:
    """Index ranges of the batches, in order: a partition of the list, none longer than `s_max`.

    Parameters are those of `cells`, with `s_max` the most windows in a batch.
    """
    return tuple(range(a, b) for a, b in pairwise(batch_edges(keys(swids), s_max, whole_revolutions).tolist()))


def batch_edges(places: Integers, s_max: int, whole_revolutions: bool = False) -> Integers:
    """As `cut`, from `keys`: batch i holds the indices from edge i up to edge i + 1."""
    if s_max < 1:
        raise ValueError("A batch holds at least one science window.")
    cells_at = cell_edges(places, BATCHES_A_CELL * s_max, whole_revolutions)
    start, length = cells_at[:-1], np.diff(cells_at)
    count = -(-length // s_max)
    number = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    inner = np.repeat(start, count) + number * np.repeat(length, count) // np.repeat(count, count)
    return np.append(inner, len(places))


def job_ranges(
    instrument: str, product: str, places: Integers, tstart: Floats, tstop: Floats, s_max: int, lc_time_bin: float
) -> tuple[range, ...]:
    """Index ranges of the batches of a job, in order.

    Parameters
    ----------
    instrument, product
        Of the job: spectra keep to revolutions, JEM-X's light curves prefer edges that no bin crosses.
    places, tstart, tstop
        (n,) `keys` and IJD of its science windows.
    s_max, lc_time_bin
        As in a request.
    """
    ranges = tuple(range(a, b) for a, b in pairwise(batch_edges(places, s_max, whole_revolutions=product == "spectrum").tolist()))
    if product == "lightcurve" and instrument != "isgri":
        return at_gaps(ranges, tstart, tstop, lc_time_bin, s_max)
    return ranges


def average_fill(batches: Sequence[range], s_max: int) -> float:
    """Mean length of the batches over `s_max`; 1 when all are full, NaN without batches."""
    return sum(map(len, batches)) / (s_max * len(batches)) if batches else float("nan")
