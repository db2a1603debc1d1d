"""What an incomplete catalogue does to the sources that are extracted.

Spectra and light curves come from a fit of the shadows of all sources of the catalogue. A bright source that is missing from it, but
within the field of view of a science window, adds rho F to each source of the catalogue there: F is its flux, channel by channel, and
rho a normal fixed to the science window and the two sources, of mean 0 and width 0.02. Near the missing source's ghosts the width is
five times that. ISGRI's mask repeats itself, and its ghosts lie 10.7 degrees away along one or both sides of the detector; "near" is
within 0.6 degrees of them. JEM-X's mask does not repeat itself and has none.

A source is bright where it reaches 30 mCrab in 20-40 keV in the middle of the science window.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dashboard.observatory import chance, isgri, jemx, sky
from dashboard.observatory.sources import SOURCES

Array = NDArray[np.float64]
Numbers = NDArray[np.intp]
BRIGHT: Final = 30.0  # mCrab
WIDTH: Final = 0.02
GHOST_FACTOR: Final = 5.0
GHOST: Final = 10.7  # degrees
NEAR: Final = 0.6  # degrees


def missing(present: Sequence[int], axes: Array, middle: Array, instrument: str = "isgri") -> tuple[Numbers, NDArray[np.bool_]]:
    """Sources bright and in the field of some science window, but not among the present ones.

    Parameters
    ----------
    present
        Numbers of the observatory's sources that the catalogue holds; others (-1) do not matter.
    axes
        (n, 3, 3) spacecraft axes of n science windows.
    middle
        (n,) IJD.
    instrument
        "isgri", or "jemx".

    Returns
    -------
    numbers, leaks
        (k,), and (n, k): whether each leaks in each science window.
    """
    coding = (isgri if instrument == "isgri" else jemx).coding_towards(axes, sky.DIRECTIONS)
    seen = [i for i in np.flatnonzero(np.any(coding > 0.0, axis=0)) if i not in set(present)]
    leaks = np.array([(coding[:, i] > 0.0) & (SOURCES[i].mcrab * SOURCES[i].factor(middle) >= BRIGHT) for i in seen])
    leaks = leaks.reshape(len(seen), len(axes)).T
    kept = leaks.any(axis=0)
    return np.array(seen, np.intp)[kept], leaks[:, kept]


def widths(axes: Array, absent: Array, present: Array, instrument: str = "isgri") -> Array:
    """Widths of rho, (n, k, m), for k missing and m present directions (unit vectors) in n frames."""
    if instrument != "isgri":
        return np.full((len(axes), len(absent), len(present)), WIDTH)
    apart = np.abs(_angles(axes, absent)[:, :, None] - _angles(axes, present)[:, None])  # (n, k, m, 2)
    ghosts = np.array([(GHOST, 0.0), (0.0, GHOST), (GHOST, GHOST)])
    near = np.any(np.linalg.norm(apart[..., None, :] - ghosts, axis=-1) < NEAR, axis=-1)
    return np.where(near, GHOST_FACTOR * WIDTH, WIDTH)


def _angles(axes: Array, directions: Array) -> Array:
    """Angles (n, m, 2) along the sides of the detector, degrees."""
    x, y, z = np.moveaxis(axes @ directions.T, 1, 0)
    return np.rad2deg(np.stack([np.arctan2(y, x), np.arctan2(z, x)], axis=-1))


def leak(
    swids: Sequence[str], axes: Array, middle: Array, present: Sequence[int], directions: Array, *, seed: int, instrument: str = "isgri"
) -> tuple[Numbers, Array]:
    """Which sources leak into those of the catalogue, and how much of them.

    Parameters
    ----------
    swids
        (n,) 12-digit ids.
    axes, middle
        (n, 3, 3) spacecraft axes and (n,) IJD of mid-times.
    present
        (m,) numbers of the observatory's sources in the catalogue, -1 for entries where there is nothing.
    directions
        (m, 3) unit vectors of the catalogue's entries.

    Returns
    -------
    numbers, rho
        (k,) sources that are missing, and (n, k, m): add sum over k of rho F_k to the rate of entry m in science window n. Zero where
        a source does not leak.
    """
    absent, leaks = missing(present, axes, middle, instrument)
    rho = widths(axes, sky.DIRECTIONS[absent], directions, instrument) * leaks[..., None]
    windows = np.array([int(swid) for swid in swids], np.int64)
    keys = [SOURCES[i].name if i >= 0 else " ".join(f"{c:.3f}" for c in d) for i, d in zip(present, directions, strict=True)]
    for k, number in enumerate(absent):
        for j, key in enumerate(keys):
            rho[:, k, j] *= chance.normal(windows, "leak", SOURCES[number].name, key, instrument, seed)
    return absent, rho
