"""Rates in mCrab: the Crab has 1000, and what has no reference has none."""

from __future__ import annotations

import math

import numpy as np
import pytest
from astropy.wcs import WCS

from dashboard.products.catalog import MeasuredSource, SourceTable
from dashboard.products.crab import crab_rate
from dashboard.products.mcrab import CrabReference, mcrab
from dashboard.products.mosaic import Mosaic, Provenance

ISGRI = CrabReference((20.0, 40.0), "isgri", "counts/sec", osa_version="OSA11.2")
JEMX = CrabReference((3.04, 34.88), "jemx1", "counts/cm2/s")


@pytest.mark.parametrize(("reference", "crab"), [(ISGRI, 209.8), (JEMX, 0.164)])
def test_the_crab_has_a_thousand(reference: CrabReference, crab: float) -> None:
    assert mcrab(crab, reference) == pytest.approx(1000, rel=0.01)
    assert mcrab(-crab / 100, reference) == pytest.approx(-10, rel=0.01)


def test_the_product_decides_what_is_counted() -> None:
    curve = CrabReference((3.04, 34.88), "jemx1", "counts/s", "lightcurve")
    assert mcrab(122.0, curve) == pytest.approx(1000, rel=0.01)
    assert mcrab(12.2, CrabReference((20.0, 40.0), "jemx", "mCrab")) == pytest.approx(12.2)
    assert mcrab(0.5, CrabReference((3.0, 20.0), "jemx", "Crab", "lightcurve")) == pytest.approx(500)


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        (CrabReference((3.0, 10.0), "isgri", "counts/sec"), "in 3-10 keV is not known for isgri mosaic in counts/sec"),
        (CrabReference(None, "isgri", "counts/sec"), "an unknown band"),
        (CrabReference((20.0, 40.0), "", "counts/sec"), "for this instrument"),
        (CrabReference((20.0, 40.0), "isgri", "counts/cm2/s"), "counts/cm2/s"),
        (CrabReference((20.0, 40.0), "isgri", "counts/sec", osa_version="OSA10.2"), "isgri OSA10.2 mosaic"),
    ],
)
def test_without_a_reference_there_is_no_number_but_a_reason(reference: CrabReference, why: str) -> None:
    assert math.isnan(mcrab(1.0, reference))
    assert reference.sentence.startswith("No mCrab: ")
    assert why in reference.sentence


def test_a_reference_says_where_it_comes_from() -> None:
    assert ISGRI.sentence == (
        f"1 mCrab is a thousandth of the Crab's rate in 20-40 keV, {crab_rate((20.0, 40.0)):.4g} counts/sec: "
        "rates of OSA 11 in 2016, good to 4%; the Crab itself varies by 5%."
    )
    assert "JEM-X 1" in CrabReference((3.0, 20.0), "jemx2", "counts/cm2/s").sentence
    assert "20%" in CrabReference((3.0, 20.0), "jemx2", "counts/cm2/s").sentence
    assert "varies by 5%" in CrabReference((3.0, 20.0), "jemx", "mCrab").sentence


def test_a_mosaic_and_its_sources_have_the_same_reference() -> None:
    plane = np.ones((2, 2), "f4")
    mosaic = Mosaic(
        plane, plane, plane, plane, WCS(naxis=2), (20.0, 40.0), "isgri", "counts/sec", provenance=Provenance(osa_version="OSA11.2")
    )
    source = MeasuredSource("A", 83.0, 22.0, 21.0, 0.5, 42.0, 21.0, 0.2)
    table = SourceTable((source,), "counts/sec", instrument="isgri", band=(20.0, 40.0), osa_version="OSA11.2")
    assert CrabReference.of(mosaic) == table.crab
    rows = table.to_table()
    assert rows["mcrab"][0] == mcrab(21.0, mosaic) == pytest.approx(100, rel=0.01)
    assert rows["mcrab_error"][0] == mcrab(1.0, mosaic), "the error holds the width of empty sky"
    assert rows.meta["mcrab"] == table.crab.sentence
    assert np.isnan(SourceTable((source,)).to_table()["mcrab"][0])
