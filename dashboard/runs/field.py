"""The sky a run's mosaic covers: decided by its pointings, before any batch is asked."""

from __future__ import annotations

import math

import numpy as np

from dashboard.archive.pointings import Pointings
from dashboard.combine.grid import ISGRI_HALF_FIELD, Grid, output_grid


def run_grid(pointings: Pointings) -> Grid:
    """The grid that holds the fields of view of these pointings.

    Where the archive does not tell the roll, the circle around the square field of view is kept.

    Raises
    ------
    ProductError
        When they are too far apart for one mosaic.
    """
    rolled = bool(np.isfinite(pointings.ra_scz).all() and np.isfinite(pointings.dec_scz).all())
    if rolled:
        return output_grid(pointings.ra_scx, pointings.dec_scx, pointings.ra_scz, pointings.dec_scz)
    north = np.full(len(pointings), 90.0) + pointings.dec_scx
    return output_grid(pointings.ra_scx, pointings.dec_scx, pointings.ra_scx, north, half_field=ISGRI_HALF_FIELD * math.sqrt(2))
