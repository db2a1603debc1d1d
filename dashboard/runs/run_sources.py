"""The sources of a run's mosaic, searched as its request says."""

from __future__ import annotations

from dashboard.analysis.sky_width import SkyWidth
from dashboard.analysis.sources import find_sources
from dashboard.combine.mosaic_sum import MosaicSum
from dashboard.plan.plan import Plan
from dashboard.products.catalog import CatalogSource, SourceTable
from dashboard.products.mosaic import Mosaic


def run_sources(plan: Plan, mosaic: Mosaic, width: SkyWidth | None = None, total: MosaicSum | None = None) -> SourceTable:
    """Detect, measure and name by the run's catalogue; its target is measured in any case.

    Parameters
    ----------
    plan, mosaic
        Of the run.
    width
        Of empty sky, where known.
    total
        The running sum whose result the mosaic is, where there is one: for the number of batches and chi^2 of each source.
    """
    return find_sources(
        mosaic,
        plan.catalog,
        target=CatalogSource(plan.target.name, plan.target.ra, plan.target.dec),
        threshold=float(plan.request["detection_threshold"]),
        include_new=bool(plan.request["include_new_sources"]),
        width=width,
        total=total,
    )
