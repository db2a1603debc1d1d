"""How far from the axis a science window saw its target, as a colour: warm is near, grey is far."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

FAR: Final = 15.0
"""Degrees; ISGRI's zero response is at 14.5 along its axes."""
_STOPS: Final = np.array([[0xF0, 0xA2, 0x02], [0xE0, 0x6C, 0x3B], [0x3F, 0x88, 0xC5], [0x8D, 0x99, 0xAE]], dtype=float)
"""Orange, then blue, then grey: told apart by colour-blind eyes, on light and on dark."""
_AT: Final = (0.0, 0.18, 0.5, 1.0)
_STEPS: Final = 64


def _table() -> NDArray[np.str_]:
    parts = np.linspace(0, 1, _STEPS)
    channels = np.rint(np.stack([np.interp(parts, _AT, _STOPS[:, i]) for i in range(3)], axis=1)).astype(int)
    return np.array([f"#{r:02x}{g:02x}{b:02x}" for r, g, b in channels])


PALETTE: Final = tuple(_table().tolist())


def off_axis_colours(degrees: NDArray[np.float64]) -> NDArray[np.str_]:
    """Colours, (n,), of angles in degrees, (n,)."""
    part = np.clip(np.nan_to_num(degrees, nan=FAR) / FAR, 0, 1)
    return np.asarray(PALETTE)[(part * (_STEPS - 1)).astype(int)]
