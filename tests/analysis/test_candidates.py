"""Warnings of sources and the rank of the new ones, against skies and tables of known truth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.analysis.candidates import credibility, false_share, is_variable, judged, ranked, with_strip_warning
from dashboard.analysis.sources import find_sources
from dashboard.combine.grid import Grid
from dashboard.combine.mosaic_sum import MosaicSum
from dashboard.products.catalog import CatalogSource, MeasuredSource, SourceCatalog, SourceTable
from dashboard.products.instrument import ISGRI, JEMX, Instrument
from tests.combine.skies import Sky, batch, tan_wcs

RA, DEC = 83.63, 22.01
WARNINGS = ("ghost of Crab?", "blend with Crab", "near Crab (18')", "edge", "one batch only", "variable", "or A?")


def source(name: str, sigma: float, arcmin: float = 0.0, kind: str = "new", **values: object) -> MeasuredSource:
    """So far north of the reference, with S/N as scaled significance."""
    return replace(MeasuredSource(name, RA, DEC + arcmin / 60, sigma, 1, sigma, sigma, 0.2, kind=kind), **values)  # type: ignore[arg-type]


def warned(instrument: Instrument, *sources: MeasuredSource, batches: int = 0) -> dict[str, tuple[str, ...]]:
    return {s.name: s.warnings for s in judged(sources, instrument, batches)}


CRAB = source("Crab", 1000, kind="known")


@pytest.mark.parametrize(
    ("instrument", "arcmin", "warnings"),
    [
        (ISGRI, 8.0, ("blend with Crab",)),
        (ISGRI, 18.0, ("near Crab (18')",)),
        (ISGRI, 23.4, ("near Crab (23')",)),
        (ISGRI, 24.5, ()),
        (ISGRI, 10.3 * 60, ()),
        (ISGRI, 10.75 * 60, ("ghost of Crab?",)),
        (ISGRI, 11.3 * 60, ()),
        (JEMX, 2.5, ("blend with Crab",)),
        (JEMX, 4.3, ("near Crab (4.3')",)),
        (JEMX, 6.5, ()),
        (JEMX, 10.75 * 60, ()),
    ],
)
def test_a_new_source_is_judged_by_its_distance_from_a_brighter_one(instrument: Instrument, arcmin: float, warnings: Sequence[str]) -> None:
    told = warned(instrument, CRAB, source("NEW_01", 9, arcmin))
    assert told == {"Crab": (), "NEW_01": warnings}


def test_fainter_and_undetected_sources_cast_no_shadow() -> None:
    others = (source("faint", 8, 18, "known"), source("forced", 30, -18, "forced"), source("ghost?", 8.5, 10.75 * 60, "known"))
    assert warned(ISGRI, source("NEW_01", 9), *others)["NEW_01"] == ()
    assert warned(ISGRI, source("dim", 40, kind="known"), source("NEW_01", 9, 10.75 * 60))["NEW_01"] == (), "no ghosts below 50 sigma"


def test_known_sources_are_told_what_disturbs_them_but_doubted_by_no_one() -> None:
    told = warned(ISGRI, CRAB, source("A", 9, 18, "known"), source("B", 2, 8, "forced"), source("C", 9, 10.75 * 60, "known"))
    assert told == {"Crab": (), "A": (), "B": ("blend with Crab",), "C": ()}


def test_the_brightest_source_is_the_one_whose_ghost_it_may_be() -> None:
    told = warned(ISGRI, source("A", 80, kind="known"), source("B", 300, 1, "known"), source("NEW_01", 9, 10.75 * 60))
    assert told["NEW_01"] == ("ghost of B?",)


def test_one_batch_of_several_and_what_else_it_may_be() -> None:
    seen_once = source("NEW_01", 9, n_batches=1)
    assert warned(ISGRI, seen_once, batches=3)["NEW_01"] == ("one batch only",)
    assert warned(ISGRI, seen_once, batches=1)["NEW_01"] == ()
    assert warned(ISGRI, source("NEW_01", 9), batches=3)["NEW_01"] == (), "not known to be one"
    assert warned(ISGRI, source("A", 9, kind="ambiguous", candidates=("A", "B", "C")))["A"] == ("or B, C?",)
    assert warned(ISGRI, source("A", 9, near_edge=True))["A"] == ("edge",)
    assert judged((), ISGRI) == ()


@pytest.mark.parametrize(("chi2", "variable"), [(27.8, False), (28.0, True), (math.nan, False)])
def test_variable_is_what_a_constant_source_is_once_in_a_thousand(chi2: float, variable: bool) -> None:
    """27.88 for 9 degrees of freedom."""
    assert is_variable(source("A", 9, chi2=chi2, dof=9)) is variable
    assert ("variable" in warned(ISGRI, source("A", 9, chi2=chi2, dof=9))["A"]) is variable
    assert not is_variable(source("A", 9, chi2=1e4, dof=0))


def test_what_varies_beside_a_bright_source_may_be_that_one() -> None:
    assert warned(ISGRI, CRAB, source("A", 9, 8, "known", chi2=100.0, dof=9))["A"] == ("blend with Crab",)


def test_strips_add_their_warning_once() -> None:
    clean = source("NEW_01", 9, warnings=("edge",))
    assert with_strip_warning(clean, False) == clean
    once = with_strip_warning(clean, True)
    assert once.warnings == ("edge", "one batch only")
    assert with_strip_warning(once, True) == once


@given(st.lists(st.tuples(st.floats(7, 500), st.sets(st.sampled_from(WARNINGS)), st.sampled_from(["new", "known", "forced"])), max_size=12))
def test_candidates_rank_by_significance_halved_for_each_warning(found: list[tuple[float, set[str], str]]) -> None:
    sources = [source(f"S{i}", sigma, kind=kind, warnings=tuple(told)) for i, (sigma, told, kind) in enumerate(found)]
    best = ranked(SourceTable(tuple(sources)))
    assert {s.name for s in best} == {s.name for s in sources if s.kind == "new"}
    expected = [s.scaled_significance * 0.5 ** len(set(s.warnings) - {"variable"}) for s in best]
    assert [credibility(s) for s in best] == pytest.approx(expected)
    assert expected == sorted(expected, reverse=True)


def test_share_of_noise_among_the_new_is_that_of_the_holes() -> None:
    new = tuple(source(f"NEW_{i:02d}", 9) for i in range(4))
    assert false_share(SourceTable((CRAB, *new), negative_peaks=1)) == 0.25
    assert false_share(SourceTable(new, negative_peaks=9)) == 1
    assert math.isnan(false_share(SourceTable((CRAB,), negative_peaks=3)))


def summed(instrument: Instrument, width: float, seed: int, parts: Sequence[Sky]) -> MosaicSum:
    """Batches of any roll near the reference, each with its sky, and noise `width` times what their variance says."""
    name, rng = "isgri" if instrument is ISGRI else "jemx1", np.random.default_rng(seed)
    total = MosaicSum(Grid("TAN", (RA, DEC), instrument.pixel, (300, 300), (150.0, 150.0)))
    for number, sky in enumerate(parts):
        ra, dec = (RA, DEC) + 36 * instrument.pixel * rng.uniform(-1, 1, 2)
        wcs = tan_wcs(ra, dec, rng.uniform(0, 360), pixel=instrument.pixel)
        mosaic = batch(wcs, sky, seed=100 * seed + number, psf=instrument.psf_sigma / 60, instrument=name)
        assert mosaic.variance is not None
        claimed = replace(mosaic, variance=mosaic.variance / width**2, significance=mosaic.significance * width)
        total.add(claimed, str(number))
    return total


@pytest.mark.parametrize(("instrument", "width"), [(ISGRI, 1.0), (ISGRI, 1.6), (JEMX, 2.1)])
def test_a_flare_is_variable_and_neither_constant_sources_nor_empty_sky_are(instrument: Instrument, width: float) -> None:
    """One source is 800 sigma bright: what resampling does to its peak is no variation."""
    pixel = instrument.pixel
    bright, faint, flare = (RA, DEC, 300.0), (RA + 30 * pixel, DEC + 20 * pixel, 20.0), (RA - 30 * pixel, DEC - 20 * pixel, 60.0)
    total = summed(instrument, width, 1, [[bright, faint, flare] if number == 3 else [bright, faint] for number in range(8)])
    empty = np.random.default_rng(2).uniform(60, 240, (200, 2))
    world = np.column_stack(total.grid.wcs.pixel_to_world_values(*empty.T)).tolist()
    entries = [CatalogSource(name, *place[:2]) for name, place in (("bright", bright), ("faint", faint), ("flare", flare))]
    entries += [CatalogSource(f"empty {i}", *place) for i, place in enumerate(world)]
    table = find_sources(total.result(), SourceCatalog(tuple(entries)), total=total)
    found = {s.name: s for s in table.sources}
    assert {s.name for s in table.detected} == {"bright", "faint", "flare"}
    assert [name for name in ("bright", "faint", "flare") if "variable" in found[name].warnings] == ["flare"]
    sky = [s for name, s in found.items() if name.startswith("empty") and not any("blend" in told for told in s.warnings)]
    assert sum("variable" in s.warnings for s in sky) <= 2
    assert np.mean([s.chi2 / s.dof for s in sky]) == pytest.approx(1, abs=0.15)
    chi2, dof = total.chi2()
    for one in sky:
        column, row = np.rint(total.grid.wcs.world_to_pixel_values(one.ra, one.dec)).astype(int)
        assert (one.n_batches, one.dof) == (total.number[row, column], dof[row, column])
        assert one.chi2 == pytest.approx(chi2[row, column] * (one.scaled_significance / one.significance) ** 2, rel=0.02)


def test_what_one_of_several_batches_sees_is_told() -> None:
    total = MosaicSum(Grid("TAN", (RA, DEC), ISGRI.pixel, (300, 500), (250.0, 150.0)))
    sky = [(RA - 8, DEC, 60.0), (RA + 10, DEC, 60.0)]
    for number, ra in enumerate((RA - 8, RA + 7, RA + 12)):
        total.add(batch(tan_wcs(ra, DEC), sky, seed=number), str(number))
    mosaic = total.result()
    told = {s.n_batches: s for s in find_sources(mosaic, SourceCatalog(), total=total).sources}
    assert "one batch only" in told[1].warnings
    assert "one batch only" not in told[2].warnings
    assert (told[1].dof, told[2].dof) == (0, 1)
    unknown = find_sources(mosaic, SourceCatalog()).sources
    assert {(s.n_batches, s.dof, s.warnings) for s in unknown} == {(0, 0, ())}
