"""PI channels of JEM-X.

Channel 46 begins at 3.04 keV; from there on channels are 0.04 keV wide to 3.52 keV, 0.08 to 8.16, 0.16 to 16 and 0.32 above. This
gives the bounds of OSA's standard bands, channels 46-82 3.04-5.52 keV and 83-128 5.52-10.24 keV, and 46-223 3.04-34.88 keV.
"""

from __future__ import annotations

from typing import Final

import numpy as np

FIRST: Final = 46
_STEPS: Final = (*[0.04] * 12, *[0.08] * 58, *[0.16] * 49, *[0.32] * 59)
EDGES: Final = np.round(3.04 + np.concatenate([[0.0], np.cumsum(_STEPS)]), 2)
"""keV; lower bounds of channels from FIRST on, and the upper bound of the last."""


def band(e1: float, e2: float) -> tuple[int, int, float, float]:
    """First and last channel within a band (keV), and their outer bounds; at least the channel that holds `e1`."""
    low = min(int(np.searchsorted(EDGES, e1 - 1e-9)), len(EDGES) - 2)
    high = int(np.searchsorted(EDGES, e2 + 1e-9)) - 1
    if high <= low:
        low = max(int(np.searchsorted(EDGES, e1 + 1e-9)) - 1, 0)
        high = low + 1
    return FIRST + low, FIRST + high - 1, float(EDGES[low]), float(EDGES[high])
