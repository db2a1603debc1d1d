"""Cuts a list of science windows so that the pieces survive when the list grows.

A science window RRRRPPPPSSSF stands at the integer key R 2^24 + P 2^10 + S, in time order. Halving the range of keys
again and again gives a tree of nodes whose edges do not depend on any request. Cells are the largest nodes that hold at
most two batches' worth of windows; a cell is cut evenly into as few batches as will do. Windows added before or after
all others leave every cell alone that gains none, so a longer interval asks again only for the batches of one cell at
that end; the even cut keeps batches well filled, which slices of fixed key ranges would not.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise

BATCHES_A_CELL = 2
_REVOLUTION_BITS, _POINTING_BITS, _SUBDIVISION_BITS = 14, 14, 10
_BITS_IN_REVOLUTION = _POINTING_BITS + _SUBDIVISION_BITS


def key(swid: str) -> int:
    """Place of a science window in the tree."""
    return (int(swid[:4]) << _BITS_IN_REVOLUTION) | (int(swid[4:8]) << _SUBDIVISION_BITS) | int(swid[8:11])


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
    keys = [key(swid) for swid in swids]
    if any(a >= b for a, b in pairwise(keys)):
        raise ValueError("Science windows must be sorted and each listed once.")

    def split(start: int, stop: int, low: int, bits: int) -> Iterator[range]:
        if start == stop:
            return
        if stop - start <= most and (bits <= _BITS_IN_REVOLUTION or not whole_revolutions):
            yield range(start, stop)
            return
        half = low + (1 << (bits - 1))
        middle = bisect_left(keys, half, start, stop)
        yield from split(start, middle, low, bits - 1)
        yield from split(middle, stop, half, bits - 1)

    return split(0, len(keys), 0, _REVOLUTION_BITS + _BITS_IN_REVOLUTION)


def cut(swids: Sequence[str], s_max: int, whole_revolutions: bool = False) -> tuple[range, ...]:
    """Index ranges of the batches, in order: a partition of the list, none longer than `s_max`.

    Parameters are those of `cells`, with `s_max` the most windows in a batch.
    """
    if s_max < 1:
        raise ValueError("A batch holds at least one science window.")
    batches = []
    for cell in cells(swids, BATCHES_A_CELL * s_max, whole_revolutions):
        count = -(-len(cell) // s_max)
        edges = [cell.start + i * len(cell) // count for i in range(count + 1)]
        batches += [range(a, b) for a, b in pairwise(edges)]
    return tuple(batches)


def average_fill(batches: Sequence[range], s_max: int) -> float:
    """Mean length of the batches over `s_max`; 1 when all are full, NaN without batches."""
    return sum(map(len, batches)) / (s_max * len(batches)) if batches else float("nan")


def largest_range(swids: Sequence[str], s_max: int, product: str) -> int:
    """Science windows in the largest batch of a job of this product."""
    return max(map(len, cut(swids, s_max, whole_revolutions=product == "spectrum")), default=0)
