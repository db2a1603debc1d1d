"""The science windows of a query that lists none: those of its interval and circle, as many as it allows."""

from __future__ import annotations

import numpy as np

from dashboard.observatory import chance, orbit
from dashboard.observatory.isgri import unit_vectors
from dashboard.observatory.pointings import SCIENCE_MODE, history

MIN_GOOD_SECONDS = 500.0


def chosen(t1: str, t2: str, ra: float, dec: float, radius: float, max_pointings: int) -> list[str]:
    """Pointings in science mode that overlap an interval and whose axis is within `radius` of a direction.

    Where the real dispatcher picks `max_pointings` of them at random, here a hash of each id decides: the same query has always the
    same windows, and a larger number keeps those of a smaller one.

    Parameters
    ----------
    t1, t2
        ISO UTC, or a number of days (IJD below 10000, else MJD).
    ra, dec, radius
        Degrees.

    Returns
    -------
    list of str
        Ids with version, in time order; empty when there are none.
    """
    past = history()
    keep = (past.tstart < orbit.ijd_of_text(t2)) & (past.tstop > orbit.ijd_of_text(t1)) & ~past.slew
    keep &= (past.telapse > MIN_GOOD_SECONDS) & (past.ibis_mode == SCIENCE_MODE)
    keep &= past.axis @ unit_vectors(ra, dec) > np.cos(np.deg2rad(min(radius, 180.0)))
    found = past.swid[keep]
    drawn = np.argsort(chance.uniform(found, "max_pointings"))[: max(max_pointings, 0)]
    return [f"{swid:012d}.001" for swid in np.sort(found[drawn]).tolist()]
