"""The extraction list: what stands in it, where the target is, and what is said against it."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from astropy.coordinates import angular_separation
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.errors import RequestError
from dashboard.products.catalog import CatalogSource, MeasuredSource, SourceCatalog, SourceTable
from dashboard.products.extraction_list import clipped, from_detections, too_close, warnings, with_target
from dashboard.products.instrument import ISGRI, JEMX

ARCMIN = 1 / 60
INSTRUMENTS = st.sampled_from(("isgri", "jemx1", "jemx2"))


def measured(name: str, scaled: float, kind: str = "known", ra: float = 83.6, dec: float = 22.0) -> MeasuredSource:
    return MeasuredSource(name, ra, dec, scaled, 1.0, 1.3 * scaled, scaled, position_error=1.2, kind=kind)


TABLE = SourceTable(
    (
        measured("Crab", 290.0),
        measured("GX 5-1", 20.0, "ambiguous", 270.28, -25.08),
        measured("NEW_01", 9.0, "new", 83.6332, 22.5),
        measured("NEW_02", 8.0, "new", 83.6332, 22.5),
        measured("weak", 6.9, ra=90.0),
        measured("unknown width", float("nan"), ra=91.0),
        measured("absent", 8.5, "forced", 95.0),
    )
)


def test_sources_at_and_above_the_threshold_are_taken_and_forced_ones_are_not() -> None:
    assert from_detections(TABLE, "isgri", 7.0, include_new=False).names == ("Crab", "GX 5-1")
    assert from_detections(TABLE, "isgri", 6.9, include_new=True).names == ("Crab", "GX 5-1", "NEW_01", "NEW_02", "weak")
    assert from_detections(TABLE, "isgri", 290.0, include_new=True).names == ("Crab",), "the scaled significance counts, at its bound too"


def test_every_isgri_entry_is_fitted_and_new_ones_stay_recognisable() -> None:
    known = SourceCatalog(
        (CatalogSource("Crab", 83.6332, 22.0145, isgri_flag=2, err_rad=0.0003), CatalogSource("GX 5-1", 270.2842, -25.0792))
    )
    crab, gx, new, _ = from_detections(TABLE, "isgri", 7.0, True, known).sources
    assert (crab.isgri_flag, gx.isgri_flag, new.isgri_flag, new.new_source) == (2, 1, 2, 1)
    assert all(s.flag == 1 for s in (crab, gx, new))
    assert (crab.ra, crab.dec, crab.err_rad, crab.significance) == (83.6332, 22.0145, 0.0003, 290.0), "at the catalogue's position"
    assert (new.ra, new.dec, new.err_rad) == (83.6332, 22.5, 1.2 / 60)


def test_new_sources_of_jemx_are_extractable_under_names_of_their_own() -> None:
    catalog = from_detections(TABLE, "jemx1", 7.0, include_new=True)
    assert catalog.names == ("Crab", "GX 5-1", "J053431.9+223000", "J053431.9+223000 2")
    assert all(s.flag == 1 and s.isgri_flag == 0 for s in catalog.sources)
    assert warnings(SourceCatalog(catalog.sources[:3]), "jemx1") == ()


def crab(name: str = "Crab", ra: float = 83.6332, dec: float = 22.0145, **more: int) -> CatalogSource:
    return CatalogSource(name, ra, dec, **more)


@pytest.mark.parametrize(("instrument", "isgri_flag"), [("isgri", 2), ("jemx2", 0)])
def test_an_absent_target_is_appended(instrument: str, isgri_flag: int) -> None:
    catalog, notes = with_target(SourceCatalog((crab(),)), "Mine", 83.6332, 22.0145 + 1.02 * ARCMIN, instrument)
    assert catalog.names == ("Crab", "Mine")
    assert (catalog.sources[1].flag, catalog.sources[1].isgri_flag) == (1, isgri_flag)
    assert notes == ()
    assert with_target(SourceCatalog(), "Mine", 1.0, 2.0, instrument)[0].names == ("Mine",)


def test_the_target_is_flagged_under_its_own_name() -> None:
    catalog, notes = with_target(SourceCatalog((crab(isgri_flag=1),)), "crab", 83.63, 22.01, "isgri")
    assert catalog.sources == (crab(isgri_flag=2, flag=1),)
    assert notes == ()


def test_a_namesake_elsewhere_is_flagged_and_told() -> None:
    catalog, notes = with_target(SourceCatalog((crab(),)), "Crab", 83.6332, 22.0145 + 5 * ARCMIN, "isgri")
    assert len(catalog) == 1
    assert "5.0' from the target's position" in notes[0]


def test_a_known_source_near_the_target_keeps_its_name() -> None:
    catalog, notes = with_target(SourceCatalog((crab(),)), "PSR B0531+21", 83.6332 + 0.9 * ARCMIN, 22.0145, "isgri")
    assert catalog.names == ("Crab",)
    assert catalog.sources[0].isgri_flag == 2
    assert "stand for the target" in notes[0]


def test_the_distance_is_a_great_circle() -> None:
    polar = SourceCatalog((crab(dec=80.0),))
    inside, outside = 0.99 * ARCMIN / np.cos(np.radians(80)), 1.01 * ARCMIN / np.cos(np.radians(80))
    assert len(with_target(polar, "T", 83.6332 + inside, 80.0, "isgri")[0]) == 1
    assert len(with_target(polar, "T", 83.6332 + outside, 80.0, "isgri")[0]) == 2
    assert len(with_target(SourceCatalog((crab(ra=359.999),)), "T", 0.001, 22.0145, "isgri")[0]) == 1, "across RA 0"


def test_a_new_source_near_the_target_takes_its_name_once() -> None:
    new = SourceCatalog((crab("NEW_03", new_source=1),))
    catalog, notes = with_target(new, "Mine", 83.633, 22.0145, "isgri")
    assert catalog.names == ("Mine",)
    assert "NEW_03" in notes[0]
    again, _ = with_target(catalog, "Another", 83.633, 22.0145, "isgri")
    assert again.names == ("Mine",), "it is no new source any more"
    assert with_target(SourceCatalog((crab("J053431.9+220052", new_source=1),)), "Mine", 83.633, 22.0145, "jemx1")[0].names == ("Mine",)


def test_of_several_near_ones_the_nearest_is_taken_and_the_others_stay() -> None:
    two = SourceCatalog((crab("far", dec=22.0145 + 0.8 * ARCMIN), crab("near", dec=22.0145 + 0.3 * ARCMIN)))
    catalog, notes = with_target(two, "T", 83.6332, 22.0145, "isgri")
    assert catalog.names == ("far", "near")
    assert [s.flag for s in catalog.sources] == [0, 1]
    assert "near lies 0.3'" in notes[0]
    assert "far" in notes[1]


def test_a_jemx_target_is_never_called_new() -> None:
    catalog, notes = with_target(SourceCatalog(), "NEW_01", 83.6332, 22.0145, "jemx1")
    assert catalog.names == ("J053431.9+220052",)
    assert "NEW" in notes[0]


@pytest.mark.parametrize("position", [(float("nan"), 0.0), (0.0, 91.0), (-1.0, 0.0)])
def test_a_target_needs_a_position(position: tuple[float, float]) -> None:
    with pytest.raises(RequestError, match="no position"):
        with_target(SourceCatalog(), "T", *position, "isgri")


near_the_target = st.floats(-2.5, 2.5).map(lambda arcmin: arcmin * ARCMIN)
names = st.sampled_from(("Crab", "Target", "t arget", "NEW_01", "NEW_02", "NEW SOURCE", "GX 5-1", "J053431.9+220052"))
entries = st.builds(
    CatalogSource,
    names,
    near_the_target.map(lambda d: 83.6332 + d),
    near_the_target.map(lambda d: 22.0145 + d) | st.just(float("nan")),
    isgri_flag=st.integers(0, 2),
    flag=st.integers(0, 1),
    new_source=st.sampled_from((-32768, 0, 1)),
)


@settings(deadline=None)
@given(st.lists(entries, max_size=6).map(tuple), st.sampled_from(("Target", "NEW_01", " ", "Crab")), INSTRUMENTS)
def test_adding_the_target_is_idempotent_and_loses_nothing(sources: tuple[CatalogSource, ...], name: str, instrument: str) -> None:
    before = SourceCatalog(sources)
    once, _ = with_target(before, name, 83.6332, 22.0145, instrument)
    assert str(with_target(once, name, 83.6332, 22.0145, instrument)[0]) == str(once)
    assert len(before) <= len(once) <= len(before) + 1
    changed = [(a, b) for a, b in zip(before.sources, once.sources, strict=False) if str(a) != str(b)]
    assert len(changed) <= 1
    for a, b in changed:
        assert str(replace(a, name=b.name, flag=1, isgri_flag=b.isgri_flag, new_source=b.new_source)) == str(b), "moved"
        assert a.name == b.name or a.new_source == 1 or a.name.startswith("NEW"), "a known source was renamed"


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 360), st.floats(-90, 90)), max_size=30), st.floats(0, 360), st.floats(-90, 90), st.floats(0, 5))
def test_what_is_in_some_field_of_view_is_kept(sky: list[tuple[float, float]], ra: float, dec: float, margin: float) -> None:
    catalog = SourceCatalog(tuple(CatalogSource(str(i), *position) for i, position in enumerate(sky)))
    kept = set(clipped(catalog, [ra, 0.0], [dec, 0.0], JEMX.reach, margin).names)
    for source in catalog.sources:
        apart = min(angular_separation(*np.radians([source.ra, source.dec, *axis])) for axis in ((ra, dec), (0.0, 0.0)))
        outside = np.degrees(apart) - JEMX.reach - margin
        if abs(outside) > 0.01:
            assert (source.name in kept) == (outside < 0)


def test_clipping_keeps_what_is_named_and_the_order() -> None:
    catalog = SourceCatalog((crab("a"), crab("b", ra=200.0), crab("c", ra=201.0), crab("d")))
    assert clipped(catalog, np.array([83.0]), np.array([22.0]), 14.5, 1.0, keep=("c",)).names == ("a", "c", "d")
    assert clipped(catalog, [], [], 14.5, 1.0).names == ()


def test_the_corner_of_the_square_field_is_inside_the_circle() -> None:
    corner = SourceCatalog((crab(ra=14.4, dec=14.4),))
    assert len(clipped(corner, [0.0], [0.0], ISGRI.reach, 0.0)) == 1


def test_pairs_too_close_are_found_closest_first() -> None:
    catalog = SourceCatalog((crab("a"), crab("b", dec=22.0145 + 11.9 * ARCMIN), crab("c", dec=22.0145 - 2.9 * ARCMIN), crab("d", dec=30.0)))
    assert [(one, other, round(apart, 2)) for one, other, apart in too_close(catalog, "isgri")] == [("a", "c", 2.9), ("a", "b", 11.9)]
    assert [pair[:2] for pair in too_close(catalog, "jemx1")] == [("a", "c")]


def test_in_a_long_list_every_pair_is_found_once() -> None:
    sky = np.random.default_rng(5).uniform((0.0, -20.0), (40.0, 20.0), (1100, 2))
    catalog = SourceCatalog(tuple(CatalogSource(str(i), *position) for i, position in enumerate(sky)))
    ra, dec = np.radians(sky).T
    apart = np.degrees(angular_separation(ra[:, None], dec[:, None], ra, dec)) * 60
    expected = {(str(i), str(j)) for i, j in np.argwhere(np.triu(apart < 12.0, k=1))}
    found = too_close(catalog, "isgri")
    assert {pair[:2] for pair in found} == expected
    assert len(found) == len(expected) > 10


def test_a_sound_catalogue_is_not_warned_about() -> None:
    assert warnings(SourceCatalog((crab(isgri_flag=1, flag=1),)), "isgri") == ()
    assert warnings(SourceCatalog((crab(flag=1),)), "jemx1") == ()


@pytest.mark.parametrize(
    ("sources", "instrument", "sentence"),
    [
        ((), "isgri", "empty"),
        (tuple(crab(str(i), ra=i, dec=0.0, isgri_flag=1) for i in range(201)), "isgri", "201 sources, more than the 200"),
        ((crab(isgri_flag=2), crab("x", isgri_flag=1)), "isgri", r"Crab and x \(0.0'\)"),
        ((crab(),), "jemx1", "No source has FLAG 1"),
        ((crab(flag=1),), "isgri", "No source has an ISGRI_FLAG"),
        ((crab("NEW SOURCE", flag=1),), "jemx2", "rename NEW SOURCE"),
        ((crab(flag=1), crab(ra=1.0)), "jemx1", "called Crab"),
        ((crab(isgri_flag=1), crab("lost", ra=float("nan"))), "isgri", "Without a position, and of no use: lost"),
    ],
)
def test_what_is_wrong_is_said_once(sources: tuple[CatalogSource, ...], instrument: str, sentence: str) -> None:
    (said,) = warnings(SourceCatalog(sources), instrument)
    assert re.search(sentence, said)


def test_many_pairs_are_counted_rather_than_listed() -> None:
    crowd = SourceCatalog(tuple(crab(str(i), isgri_flag=1) for i in range(5)))
    (said,) = warnings(crowd, "isgri")
    assert "and 5 more pairs" in said
