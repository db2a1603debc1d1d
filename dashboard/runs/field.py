"""The sky a run's mosaic covers: decided by its pointings, before any batch is asked."""

from __future__ import annotations

import numpy as np

from dashboard.archive.pointings import Pointings
from dashboard.combine.grid import Grid, output_grid
from dashboard.plan.plan import Plan
from dashboard.products.instrument import instrument_of


def run_grid(pointings: Pointings, instrument: str = "isgri") -> Grid:
    """The grid that holds an instrument's fields of view of these pointings; both units of JEM-X have the same.

    Where the archive does not tell the roll, the circle around a square field of view is kept.

    Raises
    ------
    ProductError
        When they are too far apart for one mosaic, or the instrument is unknown.
    """
    field = instrument_of(instrument)
    rolled = bool(np.isfinite(pointings.ra_scz).all() and np.isfinite(pointings.dec_scz).all())
    z = (pointings.ra_scz, pointings.dec_scz) if rolled else (pointings.ra_scx, np.full(len(pointings), 90.0) + pointings.dec_scx)
    half_field = field.half_field if rolled else field.reach
    return output_grid(pointings.ra_scx, pointings.dec_scx, *z, half_field=half_field, pixel=field.pixel, circle=field.round_field)


def refuse_too_wide(plan: Plan) -> None:
    """Raise ProductError when the science windows of a mosaic do not fit into one."""
    for job in plan.jobs:
        if job.product == "mosaic":
            run_grid(plan.pointings_of(job), job.instrument)
