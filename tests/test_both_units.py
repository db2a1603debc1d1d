"""Both units of JEM-X together: which jobs belong together, and what is left out."""

from __future__ import annotations

import numpy as np
import pytest

from dashboard.both_units import both_light_curves, unit_pairs
from dashboard.combine.units import CRAB
from dashboard.products.crab import crab_rate
from dashboard.products.light_curve import LightCurve, LightCurveSet
from tests.plan.test_making import plan

BAND = (3.0, 20.0)


def curve(source: str, instrument: str, rate: float, first: float = 1000.0) -> LightCurve:
    n = 5
    time = np.asarray(first + np.arange(n) * 0.02, dtype=np.float64)
    rates = np.full(n, rate)
    flags, batch = np.zeros(n, np.uint8), np.zeros(n, np.int32)
    return LightCurve(source, instrument, time, np.full(n, 0.01), rates, rates * 0 + 1.0, rates * 0 + 0.8, flags, batch, ("b",), band=BAND)


def test_pairs_are_the_same_product_in_the_same_band_and_never_spectra() -> None:
    made = plan(instrument=["isgri", "jemx1", "jemx2"], product=["mosaic", "spectrum"], bands=[[15, 20], [20, 30]])
    pairs = list(unit_pairs(made))
    assert [(made.jobs[a].band, made.jobs[b].band) for a, b in pairs] == [((15.0, 20.0),) * 2, ((20.0, 30.0),) * 2]
    assert {(made.jobs[a].product, made.jobs[a].instrument, made.jobs[b].instrument) for a, b in pairs} == {("mosaic", "jemx1", "jemx2")}
    assert not list(unit_pairs(plan(instrument="jemx1")))


def test_sources_that_both_units_saw_at_once_are_averaged_in_crab() -> None:
    crab = crab_rate(BAND, "jemx1", "lightcurve")
    one = LightCurveSet((curve("Crab", "jemx1", crab), curve("Vela X-1", "jemx1", 9.0), curve("Her X-1", "jemx1", 3.0)))
    two = LightCurveSet((curve("Crab", "jemx2", crab_rate(BAND, "jemx2", "lightcurve")), curve("Her X-1", "jemx2", 3.0, first=2000.0)))
    both = both_light_curves(BAND, one, two)
    assert both.sources == ("Crab",), "one that a unit lacks, and one seen at other times, have their own curves only"
    assert both.curves[0].unit == CRAB
    assert both.curves[0].rate == pytest.approx(1.0)
