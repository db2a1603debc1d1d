"""Both units of JEM-X in one mosaic or light curve, in units of the Crab, when a run holds both."""

from __future__ import annotations

from collections.abc import Iterator

from dashboard.combine.mosaic_units import add_units
from dashboard.combine.units import add_light_curves
from dashboard.errors import NotCombinable
from dashboard.plan.plan import Plan
from dashboard.products.catalog import SourceTable
from dashboard.products.crab import crab_rate
from dashboard.products.light_curve import LightCurve, LightCurveSet
from dashboard.products.mosaic import Mosaic
from dashboard.runs.run_sources import run_sources

Band = tuple[float, float]


def unit_pairs(plan: Plan) -> Iterator[tuple[int, int]]:
    """Numbers of the jobs of JEM-X 1 and 2 that are the same product in the same band; spectra stay apart."""
    place = {(job.instrument, job.product, job.band): number for number, job in enumerate(plan.jobs)}
    for (instrument, product, band), number in place.items():
        other = place.get(("jemx2", product, band))
        if instrument == "jemx1" and product != "spectrum" and other is not None:
            yield number, other


def both_mosaics(plan: Plan, band: Band, jemx1: Mosaic, jemx2: Mosaic) -> tuple[Mosaic, SourceTable]:
    """The mean mosaic in mCrab with its sources.

    Raises
    ------
    NotCombinable
        When they cannot be averaged, for instance because the Crab's rate in the band is not known.
    """
    crabs = (crab_rate(band, mosaic.instrument, "mosaic", mosaic.unit) for mosaic in (jemx1, jemx2))
    mosaic = add_units(jemx1, jemx2, *crabs)
    return mosaic, run_sources(plan, mosaic)


def both_light_curves(band: Band, jemx1: LightCurveSet, jemx2: LightCurveSet) -> LightCurveSet:
    """The mean light curve, in Crab, of every source that both units saw at the same times; empty when there is none."""
    crabs = tuple(crab_rate(band, unit, "lightcurve") for unit in ("jemx1", "jemx2"))

    def means() -> Iterator[LightCurve]:
        for curve in jemx1.curves:
            other = jemx2.of(curve.source)
            if other is None:
                continue
            try:
                yield add_light_curves(curve, other, *crabs)
            except NotCombinable:
                continue  # no common bin: each unit's own curve tells all there is

    return LightCurveSet(tuple(means()))
