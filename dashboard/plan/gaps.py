"""Moves the edges of batches to gaps in time, for products whose bins may cross science windows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

SECONDS_A_DAY = 86400.0
REACH = 0.25
"""Fraction of a batch by which an edge may move."""


def at_gaps(
    batches: Sequence[range], tstart: NDArray[np.float64], tstop: NDArray[np.float64], seconds: float, s_max: int
) -> tuple[range, ...]:
    """The batches with each inner edge moved to the widest gap longer than `seconds` within reach, where there is one.

    JEM-X's light curves have bins that run across science windows: an edge inside a bin cuts it in two.

    Parameters
    ----------
    batches
        Consecutive index ranges.
    tstart, tstop
        (n,) IJD of the science windows, in time order.
    seconds
        Length of a bin.
    s_max
        Most science windows in a batch: an edge does not move where a batch would become longer.
    """
    gaps = (tstart[1:] - tstop[:-1]) * SECONDS_A_DAY  # gaps[i] lies before window i + 1
    edges = [batches[0].start, *(batch.stop for batch in batches)] if batches else []
    for i in range(1, len(edges) - 1):
        reach = max(1, int(REACH * min(edges[i] - edges[i - 1], edges[i + 1] - edges[i])))
        low = max(edges[i] - reach, edges[i - 1] + 1, edges[i + 1] - s_max)
        high = min(edges[i] + reach, edges[i + 1] - 1, edges[i - 1] + s_max)
        places = np.arange(low, high + 1)
        if not len(places):
            continue
        wide = gaps[places - 1]
        best = int(np.argmax(wide))
        if wide[best] > seconds:
            edges[i] = int(places[best])
    return tuple(range(a, b) for a, b in pairwise(edges))
