"""How the pixels of a batch's map lie on the grid of the sum.

Either both share a lattice and differ by whole pixels, or positions are converted with astropy at nodes 16 pixels apart
and interpolated between them by cubics: within 1e-3 pixel of the full conversion, at a hundredth of its cost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.wcs import WCS
from numpy.typing import NDArray

from dashboard.combine.grid import Grid
from dashboard.combine.resample import STEP

SAME_PLACE = 2e-3
"""Pixels within which two lattices count as one: a grid's centre is rounded by up to so much of a JEM-X pixel."""


def lattice_offset(wcs: WCS, grid: WCS, shape: tuple[int, int]) -> tuple[int, int] | None:
    """Pixels (dy, dx) from a map's index to the grid's, None when they share no lattice.

    Parameters
    ----------
    wcs, grid
        Of the map and of the grid.
    shape
        (ny, nx) of the map: a difference of the CD matrices counts by what it makes at the far corner.
    """
    a, b = wcs.wcs, grid.wcs
    if list(a.ctype) != list(b.ctype) or a.lonpole != b.lonpole:
        return None
    scale = b.cdelt[1] if not b.has_cd() else abs(b.cd[1, 1])
    apart = (a.crval - b.crval + 180.0) % 360.0 - 180.0
    twist = np.abs(wcs.pixel_scale_matrix - grid.pixel_scale_matrix).max() * max(shape)
    dx, dy = b.crpix - a.crpix
    miss = max(abs(dx - round(dx)), abs(dy - round(dy)), np.abs(apart).max() / scale, twist / scale)
    return (round(dy), round(dx)) if miss <= SAME_PLACE else None


@dataclass(frozen=True)
class Placement:
    """Where grid pixels fall in a map.

    Attributes
    ----------
    x, y
        (my, mx); the map's pixel coordinates, from 0, of the nodes. Node (i, j) is grid pixel ((i - 1) STEP, (j - 1) STEP).
    touched
        (my - 3, mx - 3); True for the cells that can hold pixels of the map. Cell (i, j) begins at grid pixel (i STEP, j STEP).
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    touched: NDArray[np.bool_]


class Nodes:
    """Sky positions of the nodes of a grid; converted once, used for every batch."""

    def __init__(self, grid: Grid) -> None:
        rows, columns = (STEP * (np.arange(-(-side // STEP) + 3) - 1.0) for side in grid.shape)
        x, y = np.meshgrid(columns, rows)
        self.shape = x.shape
        self.sky = np.stack(grid.wcs.wcs_pix2world(x.ravel(), y.ravel(), 0), axis=1)

    def place(self, wcs: WCS, shape: tuple[int, int]) -> Placement:
        """Place the nodes in a map with this WCS and (ny, nx). Nodes behind the map's projection are NaN."""
        x, y = (side.reshape(self.shape) for side in wcs.wcs_world2pix(self.sky, 0).T)
        touched = np.ones((self.shape[0] - 3, self.shape[1] - 3), dtype=bool)
        with np.errstate(invalid="ignore"):
            for side, size in ((x, shape[1]), (y, shape[0])):
                corners = np.stack([side[1:-2, 1:-2], side[2:-1, 1:-2], side[1:-2, 2:-1], side[2:-1, 2:-1]])
                # Sides of a cell are nearly straight; two pixels make up for what they bulge.
                touched &= (corners.min(axis=0) < size + 2) & (corners.max(axis=0) > -3)
        return Placement(x, y, touched)
