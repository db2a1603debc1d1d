"""Naming detections by a catalogue."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.coordinates import SkyCoord, angular_separation
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.analysis.match import match_catalog, separation, unit_vectors
from dashboard.products.catalog import CatalogSource, SourceCatalog

ARCMIN = 1 / 60


def catalog(*places: tuple[float, float], err_rad: float = 0.0) -> SourceCatalog:
    return SourceCatalog(tuple(CatalogSource(f"S{i}", ra, dec, err_rad=err_rad) for i, (ra, dec) in enumerate(places)))


def test_one_inside_is_known_none_is_new_several_are_ambiguous() -> None:
    sources = catalog((10.0, 0.0), (20.0, 0.0), (20.0, 2.5 * ARCMIN))
    known, new, ambiguous = match_catalog(
        np.array([(10.0, 1 * ARCMIN), (10.0, 3.1 * ARCMIN), (20.0, 1 * ARCMIN)]), np.array([0.3, 0.3, 0.3]), sources
    )
    assert (known.kind, known.index, known.candidates) == ("known", 0, (0,))
    assert known.offset == pytest.approx(1)
    assert (new.kind, new.index, new.candidates) == ("new", -1, ())
    assert (ambiguous.kind, ambiguous.index, ambiguous.candidates) == ("ambiguous", 1, (1, 2))


def test_the_radius_is_the_larger_of_3_arcmin_and_both_errors() -> None:
    place = np.array([(10.0, 5 * ARCMIN)])
    assert match_catalog(place, np.array([1.0]), catalog((10.0, 0.0)))[0].kind == "new"
    assert match_catalog(place, np.array([5.01]), catalog((10.0, 0.0)))[0].kind == "known"
    assert match_catalog(place, np.array([2.0]), catalog((10.0, 0.0), err_rad=3.01 * ARCMIN))[0].kind == "known"
    # Each source has its own ERR_RAD: a poor neighbour does not widen the circle of a good one.
    mixed = SourceCatalog((CatalogSource("poor", 10.0, 10 * ARCMIN, err_rad=0.1), CatalogSource("good", 10.0, 0.0, err_rad=0.0)))
    assert match_catalog(place, np.array([1.0]), mixed)[0].candidates == (0,)


def test_a_source_names_the_nearest_detection_only() -> None:
    places = np.array([(10.0, 2 * ARCMIN), (10.0, 1 * ARCMIN)])
    far, near = match_catalog(places, np.array([0.3, 0.3]), catalog((10.0, 0.0)))
    assert (near.kind, near.index) == ("known", 0)
    assert (far.kind, far.candidates) == ("new", (0,))
    far, near = match_catalog(places, np.array([0.3, 0.3]), catalog((10.0, 0.0), (10.0, 4.5 * ARCMIN)))
    assert (near.kind, near.index) == ("known", 0)
    assert (far.kind, far.index, far.candidates) == ("ambiguous", 1, (0, 1))


def test_matching_works_at_the_pole_and_across_zero() -> None:
    across = match_catalog(np.array([(359.99, 0.0), (180.0, 89.99)]), np.array([0.3, 0.3]), catalog((0.01, 0.0), (0.0, 89.99)))
    assert [m.index for m in across] == [0, 1]
    assert [m.offset for m in across] == pytest.approx([1.2, 1.2])


def test_no_catalog_no_detections_no_position() -> None:
    assert match_catalog(np.array([(1.0, 2.0)]), np.array([0.3]), SourceCatalog())[0].kind == "new"
    assert match_catalog(np.empty((0, 2)), np.empty(0), catalog((1.0, 2.0))) == []
    assert match_catalog(np.array([(1.0, 2.0)]), np.array([0.3]), catalog((float("nan"), 2.0)))[0].kind == "new"


degrees = st.tuples(st.floats(10, 10.3), st.floats(-60.2, -60.0))


@settings(max_examples=100, deadline=None)
@given(st.lists(degrees, max_size=12), st.lists(degrees, max_size=12), st.floats(0, 6))
def test_matches_keep_the_rules(detections: list[tuple[float, float]], sources: list[tuple[float, float]], error: float) -> None:
    matches = match_catalog(np.array(detections).reshape(-1, 2), np.full(len(detections), error), catalog(*sources))
    given_away = [match.index for match in matches if match.index >= 0]
    assert len(given_away) == len(set(given_away))
    radius = max(3.0, error)
    for (ra, dec), match in zip(detections, matches, strict=True):
        apart = [np.degrees(angular_separation(*np.radians([ra, dec, *s]))) * 60 for s in sources]
        inside = {i for i, d in enumerate(apart) if d <= radius * (1 - 1e-6)}
        assert inside <= set(match.candidates) <= {i for i, d in enumerate(apart) if d <= radius * (1 + 1e-6)}
        if match.index >= 0:
            assert match.index in match.candidates
            assert match.offset == pytest.approx(apart[match.index], abs=1e-6)
        else:
            assert set(match.candidates) <= set(given_away)


def test_separation_is_that_of_astropy() -> None:
    rng = np.random.default_rng(1)
    a, b = (np.column_stack([rng.uniform(0, 360, 50), np.degrees(np.arcsin(rng.uniform(-1, 1, 50)))]) for _ in range(2))
    expected = SkyCoord(*a.T, unit="deg").separation(SkyCoord(*b.T, unit="deg")).arcmin
    assert separation(unit_vectors(a), unit_vectors(b)) == pytest.approx(expected)
