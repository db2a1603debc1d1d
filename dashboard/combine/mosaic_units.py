"""The two units of JEM-X in one mosaic.

Their maps are in counts of their own: each unit has its efficiency, and loses anodes at its own pace. In units of the Crab
as the same unit saw it in the same epoch they can be averaged. What that comparison leaves, 3 % of every flux, does not
average down with exposure; it is common to all pixels and therefore stays out of the variance: the card SYSFRAC carries it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from dashboard.combine.alignment import lattice_offset
from dashboard.combine.contributions import Contribution, interval, merged
from dashboard.combine.units import UNIT_SYSTEMATIC
from dashboard.errors import NotCombinable
from dashboard.products.mosaic import Mosaic

SAME_EDGE_KEV = 0.5
"""keV; requests come in steps of this size, channel edges differ by less from unit to unit."""


def add_units(jemx1: Mosaic, jemx2: Mosaic, crab1: float, crab2: float) -> Mosaic:
    """Inverse-variance mean of the mosaics of both units, in mCrab.

    Where one unit alone has looked, its values stand.

    Parameters
    ----------
    jemx1, jemx2
        Sums of one run on the same grid, (ny, nx).
    crab1, crab2
        Rate of the Crab in the band, in the unit of each mosaic, as that unit saw it in the epoch.

    Returns
    -------
    Mosaic
        Instrument "jemx", unit "mCrab", exposure summed over units; variance without the systematic 3 %, which
        `total_error` adds and the card SYSFRAC tells.

    Raises
    ------
    NotCombinable
        When the two are not one mosaic of each unit, differ in grid, band, OSA version or in being simulated, hold significance
        alone, or the Crab's rate is not known.
    """
    for mosaic, crab, name in ((jemx1, crab1, "jemx1"), (jemx2, crab2, "jemx2")):
        _check(mosaic, crab, name)
    _check_alike(jemx1, jemx2)
    weight, weight_flux, exposure = (np.zeros(jemx1.shape) for _ in range(3))
    for mosaic, crab in ((jemx1, crab1), (jemx2, crab2)):
        flux, variance, seconds = (np.asarray(image, dtype=float) for image in (mosaic.flux, mosaic.variance, mosaic.exposure))
        valid = np.isfinite(flux) & (variance > 0)
        root = crab / 1000
        weight[valid] += root**2 / variance[valid]
        weight_flux[valid] += root * flux[valid] / variance[valid]
        exposure[valid] += seconds[valid]
    mean, variance, significance = (np.full(jemx1.shape, np.nan, dtype=np.float32) for _ in range(3))
    seen = weight > 0
    mean[seen], variance[seen] = weight_flux[seen] / weight[seen], 1 / weight[seen]
    significance[seen] = weight_flux[seen] / np.sqrt(weight[seen])
    contributions = [Contribution.of(mosaic.instrument, mosaic) for mosaic in (jemx1, jemx2)]
    tstart, tstop = interval(contributions)
    shared = {key: value for key, value in jemx1.keywords.items() if jemx2.keywords.get(key) == value}
    return Mosaic(
        mean,
        variance,
        significance,
        exposure.astype(np.float32),
        jemx1.wcs,
        band=_outer([mosaic.band for mosaic in (jemx1, jemx2)]),
        instrument="jemx",
        unit="mCrab",
        tstart=tstart,
        tstop=tstop,
        ontime=jemx1.ontime + jemx2.ontime,
        provenance=merged(contributions, jemx1.provenance.batches_asked + jemx2.provenance.batches_asked),
        keywords=MappingProxyType(shared | {"SYSFRAC": UNIT_SYSTEMATIC}),
    )


def total_error(flux: NDArray[np.float64], error: NDArray[np.float64], fraction: float = UNIT_SYSTEMATIC) -> NDArray[np.float64]:
    """(n,) errors with the systematic fraction of the flux added in quadrature."""
    return np.hypot(error, fraction * np.asarray(flux))


def _check(mosaic: Mosaic, crab: float, name: str) -> None:
    if mosaic.instrument != name:
        raise NotCombinable(
            f"{mosaic.instrument or 'An unknown instrument'} stands in the place of {name}: give a mosaic of jemx1, then one of jemx2."
        )
    if mosaic.significance_only:
        raise NotCombinable(f"The map of {name} holds significance alone; without flux, variance and exposure units cannot be added.")
    if not (math.isfinite(crab) and crab > 0):
        raise NotCombinable(f"The Crab's rate in {name} is not known for this band and epoch: give it, or look at the units one by one.")


def _check_alike(jemx1: Mosaic, jemx2: Mosaic) -> None:
    if jemx1.shape != jemx2.shape or lattice_offset(jemx1.wcs, jemx2.wcs, jemx1.shape) != (0, 0):
        raise NotCombinable("The mosaics of the two units lie on different grids; make both sums from one run.")
    one, two = jemx1.provenance, jemx2.provenance
    if one.simulated != two.simulated:
        raise NotCombinable("One unit's mosaic is simulated, the other's observed: they are never added.")
    if one.osa_version != two.osa_version:
        raise NotCombinable(
            f"The units were analysed with OSA versions {one.osa_version!r} and {two.osa_version!r}: ask both for the same."
        )
    if (jemx1.band is None) != (jemx2.band is None) or not np.allclose(jemx1.band or 0, jemx2.band or 0, rtol=0, atol=SAME_EDGE_KEV):
        raise NotCombinable(f"The mosaics of the two units have the bands {jemx1.band} and {jemx2.band} keV: ask both for the same.")


def _outer(bands: Sequence[tuple[float, float] | None]) -> tuple[float, float] | None:
    """The band that holds the known ones."""
    known = [band for band in bands if band is not None]
    return (min(low for low, _ in known), max(high for _, high in known)) if known else None
