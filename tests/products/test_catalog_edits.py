"""Editing a source list: what is changed, what stays, and what is refused."""

from __future__ import annotations

import math

import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.errors import RequestError
from dashboard.products.catalog import CatalogSource, SourceCatalog
from dashboard.products.catalog_edits import added, dropped, flagged, position_name, renamed

CATALOG = SourceCatalog((CatalogSource("Crab", 83.6, 22.0, isgri_flag=1), CatalogSource("X", 1.0, 2.0), CatalogSource("X", 3.0, 4.0)))


def test_an_added_source_is_extracted() -> None:
    for instrument, isgri_flag in (("isgri", 2), ("jemx1", 0)):
        *before, new = added(CATALOG, " GX 5-1 ", 270.28, -25.08, instrument).sources
        assert tuple(before) == CATALOG.sources
        assert (new.name, new.ra, new.dec, new.flag, new.isgri_flag, new.significance) == ("GX 5-1", 270.28, -25.08, 1, isgri_flag, 0.0)
    assert added(CATALOG, "", 83.6332, -0.5, "isgri").names[-1] == "J053431.9-003000"


@pytest.mark.parametrize(
    ("name", "ra", "dec", "instrument", "sentence"),
    [
        ("crab ", 10.0, 10.0, "isgri", "holds 'crab' already"),
        ("A", 400.0, 10.0, "isgri", "RA 400, Dec 10 is no position"),
        ("A", 10.0, math.nan, "isgri", "no position"),
        ("A", math.inf, 0.0, "isgri", "no position"),
        ("NEW_07", 10.0, 10.0, "jemx2", "contains NEW"),
        ("A" * 65, 10.0, 10.0, "isgri", "1 to 64 printable"),
        ("A\nB", 10.0, 10.0, "isgri", "1 to 64 printable"),
    ],
)
def test_what_cannot_be_added_is_refused(name: str, ra: float, dec: float, instrument: str, sentence: str) -> None:
    with pytest.raises(RequestError, match=sentence):
        added(CATALOG, name, ra, dec, instrument)


def test_dropping_is_by_exact_name_or_by_row() -> None:
    assert dropped(CATALOG, ["Crab"]).names == ("X", "X")
    assert dropped(CATALOG, ["X"]).names == ("Crab",)
    assert dropped(CATALOG, [2]).positions.tolist() == [[83.6, 22.0], [1.0, 2.0]]
    for missing in ("crab", 3, -1):
        with pytest.raises(RequestError, match="has no"):
            dropped(CATALOG, [missing])


def test_flags_are_set_alone() -> None:
    crab = flagged(CATALOG, "Crab", flag=1).sources[0]
    assert (crab.flag, crab.isgri_flag) == (1, 1)
    crab = flagged(CATALOG, 0, isgri_flag=2).sources[0]
    assert (crab.flag, crab.isgri_flag) == (0, 2)
    for wrong in ({"flag": 4}, {"flag": -1}, {"isgri_flag": 3}):
        with pytest.raises(RequestError, match="whole number from 0"):
            flagged(CATALOG, "Crab", **wrong)


def test_one_entry_is_renamed() -> None:
    assert renamed(CATALOG, 2, "Y", "isgri").names == ("Crab", "X", "Y")
    assert renamed(CATALOG, "Crab", "CRAB", "isgri").names == ("CRAB", "X", "X"), "its own name does not stand in the way"
    with pytest.raises(RequestError, match="holds 'X' 2 times"):
        renamed(CATALOG, "X", "Y", "isgri")
    with pytest.raises(RequestError, match="already"):
        renamed(CATALOG, 0, "x", "isgri")


@settings(deadline=None)
@given(st.floats(0, 360), st.floats(-90, 90))
def test_a_position_name_leads_back_to_the_position(ra: float, dec: float) -> None:
    name = position_name(ra, dec)
    text = f"{name[1:3]} {name[3:5]} {name[5:9]} {name[9:12]} {name[12:14]} {name[14:]}"
    assert SkyCoord(text, unit=("hourangle", "deg")).separation(SkyCoord(ra, dec, unit="deg")).arcsec < 1.9
