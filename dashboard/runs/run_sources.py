"""The sources of a run's mosaic, searched as its request says."""

from __future__ import annotations

from dashboard.analysis.sources import find_sources
from dashboard.plan.plan import Plan
from dashboard.products.catalog import CatalogSource, SourceTable
from dashboard.products.mosaic import Mosaic


def run_sources(plan: Plan, mosaic: Mosaic) -> SourceTable:
    """Detect and measure, with the names of the run's catalogue; its target is measured in any case."""
    return find_sources(
        mosaic,
        plan.catalog,
        target=CatalogSource(plan.target.name, plan.target.ra, plan.target.dec),
        threshold=float(plan.request["detection_threshold"]),
        include_new=bool(plan.request["include_new_sources"]),
    )
