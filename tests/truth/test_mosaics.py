"""Mosaics hold what was injected: the Crab in every year, a transient, an outburst and what it does to its neighbours."""

from __future__ import annotations

import numpy as np
import pytest

from dashboard.analysis.sources import find_sources
from dashboard.archive.default_catalog import default_catalog
from dashboard.observatory import orbit
from dashboard.observatory.camera import Isgri
from dashboard.observatory.truth import fluxes
from dashboard.products.catalog import CatalogSource, MeasuredSource, SourceCatalog, SourceTable
from tests.truth.query import SIMULATED_HOST, batches, named, pointings, summed_mosaic, windows

CODING = 0.0007
"""Of the brightest source's flux: the declared width of coding noise."""


def table_of(parts: list[list[str]], *positions: CatalogSource, target: str = "Crab") -> SourceTable:
    """What is found and measured on the mosaic of batches in 20-40 keV, with the shipped catalogue."""
    source = named(target)
    near = [
        entry
        for entry in default_catalog(SIMULATED_HOST).sources
        if np.hypot((entry.ra - source.ra) * np.cos(np.deg2rad(source.dec)), entry.dec - source.dec) < 12.0
    ]
    return find_sources(summed_mosaic("isgri_image", parts), SourceCatalog((*near, *positions)))


def measured(table: SourceTable, name: str) -> MeasuredSource:
    return next(source for source in table.sources if source.name == name)


def truth_of(parts: list[list[str]]) -> dict[str, float]:
    """Mean rates with the mosaic's weights."""
    return {row["name"]: row["flux"] for row in fluxes([scw for part in parts for scw in part], 20.0, 40.0, 1, Isgri())}


@pytest.mark.slow
@pytest.mark.parametrize("year", range(2003, 2025))
def test_the_crab_has_its_injected_flux_every_year(year: int) -> None:
    crab = named("Crab")
    edges = [orbit.ijd_of_text(f"{y}-01-01T00:00:00") for y in (year, year + 1)]
    scw = windows(crab.ra, crab.dec, int(orbit.revolution_at(edges[0])), int(orbit.revolution_at(edges[1])), 5.0)
    inside = [swid for swid, start in zip(scw, pointings(scw).tstart, strict=True) if edges[0] < start < edges[1]]
    parts = [part[:2] for part in batches(inside)][:6]
    found = measured(table_of(parts), "Crab")
    assert found.flux == pytest.approx(truth_of(parts)["Crab"], rel=0.01)
    assert found.offset < 0.3


def test_the_crab_stared_at_has_its_injected_flux() -> None:
    """Six windows of one pointing: they share the lattice of the sum, nothing is interpolated and nothing must be given back."""
    parts = batches(windows(83.633, 22.0145, 40, 40, 5.0)[:6], most=3)
    assert len(set(np.round(pointings([scw for part in parts for scw in part]).dec_scx, 6))) == 1
    found = measured(table_of(parts), "Crab")
    assert found.flux == pytest.approx(truth_of(parts)["Crab"], rel=0.01)


@pytest.mark.slow
def test_an_outburst_and_its_neighbours() -> None:
    """Counting noise does not explain the neighbours of V404 Cyg, the declared coding noise does."""
    v404 = named("V404 Cyg")
    parts = batches(windows(v404.ra, v404.dec, 1554, 1556, 6.0), most=25)[:4]
    rng = np.random.default_rng(1)
    empty = [CatalogSource(f"Nothing {i}", v404.ra + dra, v404.dec + ddec) for i, (dra, ddec) in enumerate(rng.uniform(-6, 6, (40, 2)))]
    known = [named(name) for name in truth_of(parts)]
    empty = [e for e in empty if min(np.hypot((e.ra - s.ra) * 0.83, e.dec - s.dec) for s in known) > 1.0]
    table, truth = table_of(parts, *empty, target="V404 Cyg"), truth_of(parts)
    coding = CODING * truth["V404 Cyg"]
    assert measured(table, "V404 Cyg").flux == pytest.approx(truth["V404 Cyg"], rel=0.01)
    pulls, clean = [], []
    for name in ("Cyg X-1", "Cyg X-3", "EXO 2030+375", *(entry.name for entry in empty)):
        if name not in [source.name for source in table.sources]:
            continue
        found = measured(table, name)
        off = found.flux - truth.get(name, 0.0)
        pulls.append(off / np.hypot(found.flux_error, coding))
        clean.append(off / found.flux_error)
    assert len(pulls) >= 20
    assert abs(np.mean(pulls)) < 3.5 / np.sqrt(len(pulls))
    assert np.std(pulls) == pytest.approx(1.0, abs=3.5 / np.sqrt(2 * len(pulls)))
    assert np.std(clean) > 2.0
