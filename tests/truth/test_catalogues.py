"""What stands in the catalogue is extracted, and what is missing from it shows in its neighbours by the declared law."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dashboard.analysis.sources import find_sources
from dashboard.archive.default_catalog import default_catalog
from dashboard.combine.light_curve_sum import LightCurveSum
from dashboard.combine.spectrum_sum import SpectrumSum
from dashboard.observatory import bias
from dashboard.products.extraction_list import from_detections
from dashboard.products.light_curve import LightCurve, LightCurveSet
from tests.truth.query import SIMULATED_HOST, ask, batches, listed, named, pointings, summed_mosaic, windows

TRANSIENT = named("SIM J0547+171")
ON, OFF = 54882.0, 54902.0
"""MJD: the transient is on in between."""


def curves_of(parts: list[list[str]], *sources: str) -> LightCurveSum:
    total, sky = LightCurveSum(), listed(*sources)
    for number, scw in enumerate(parts):
        total.add(ask("isgri_lc", scw, sky).light_curves, f"batch {number}")
    return total


def curve_of(total: LightCurveSum, name: str) -> LightCurve:
    curve = total.result().of(name)
    assert curve is not None
    return curve


def test_a_missing_bright_source_biases_its_neighbour_as_declared_and_a_listed_one_does_not() -> None:
    v404, exo = named("V404 Cyg"), named("EXO 2030+375")
    parts = batches(windows(v404.ra, v404.dec, 1554, 1556, 5.0))
    others = ("EXO 2030+375", "Cyg X-1", "Cyg X-3")
    whole, without = curve_of(curves_of(parts, *others, "V404 Cyg"), exo.name), curve_of(curves_of(parts, *others), exo.name)
    np.testing.assert_array_equal(whole.time, without.time)
    within = np.linspace(-1, 1, 65)

    def truth(name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.array([named(name).rate(20.0, 40.0, t + w * within).mean() for t, w in zip(whole.time, whole.half_width, strict=True)])

    pulls = (whole.rate - truth(exo.name)) / whole.error
    assert abs(pulls.mean()) < 3.5 / np.sqrt(len(pulls))
    assert pulls.std() == pytest.approx(1.0, abs=3.5 / np.sqrt(2 * len(pulls)))
    bright = truth("V404 Cyg") > 100.0  # cts/s, half the Crab
    rho = ((without.rate - whole.rate) / truth("V404 Cyg"))[bright]
    assert bright.sum() > 50
    assert abs(rho.mean()) < 3.5 * bias.WIDTH / np.sqrt(len(rho))
    assert rho.std() == pytest.approx(bias.WIDTH, rel=3.5 / np.sqrt(2 * len(rho)))
    assert ((without.rate - truth(exo.name)) / without.error)[bright].std() > 3


@pytest.fixture(scope="module")
def season() -> list[list[str]]:
    """The Crab in the first months of 2009: before, while and after the transient is on."""
    return [part[:12] for part in batches(windows(83.633, 22.0145, 770, 790, 4.0))]


def test_a_transient_is_found_in_the_image_and_extracted_with_its_own_curve(season: list[list[str]]) -> None:
    during = [part for part in season if _on(part)]
    assert 0 < len(during) < len(season)
    catalog = default_catalog(SIMULATED_HOST)
    table = find_sources(summed_mosaic("isgri_image", during[:3]), catalog)
    sky = from_detections(table, "isgri", 7.0, include_new=True, known=catalog)
    own = [s for s in sky.sources if np.hypot((s.ra - TRANSIENT.ra) * 0.956, s.dec - TRANSIENT.dec) < 3 / 60]
    assert [s.name for s in own if s.name.startswith("NEW")] == [s.name for s in own]
    assert len(own) == 1
    elsewhere = batches(windows(299.59, 35.2, 628, 628, 5.0))[0][:5]
    curves, spectra = LightCurveSum(), SpectrumSum()
    for number, scw in enumerate([elsewhere, *season]):
        curves.add(ask("isgri_lc", scw, sky if scw is not elsewhere else listed("Cyg X-1")).light_curves, f"batch {number}")
    for number, scw in enumerate(during):
        spectra.add(ask("isgri_spectrum", scw, sky).spectra, f"batch {number}")
    curve = curve_of(curves, own[0].name)
    assert curve.batch_ids == tuple(f"batch {number}" for number in range(1, len(season) + 1))
    assert "Cyg X-1" in curves.result().sources
    on = (curve.mjd > ON) & (curve.mjd < OFF)
    pulls = (curve.rate - np.where(on, TRANSIENT.rate(20.0, 40.0, curve.time), 0.0)) / curve.error
    assert min(on.sum(), (~on).sum()) > 20
    assert abs(pulls.mean()) < 3.5 / np.sqrt(len(pulls))
    assert pulls.std() == pytest.approx(1.0, abs=3.5 / np.sqrt(2 * len(pulls)))
    assert np.hypot.reduce((curve.rate / curve.error)[on]) > 20
    spectrum = spectra.result().of(own[0].name)[0]
    assert len(spectrum.batch_ids) == len(during)
    inside = spectrum.good & (spectrum.energy > 20) & (spectrum.energy < 40)
    assert spectrum.rate[inside].sum() > 20 * np.hypot.reduce(spectrum.stat_err[inside])


@pytest.mark.slow
def test_without_a_catalogue_the_backend_extracts_the_transient_only_while_it_is_on(season: list[list[str]]) -> None:
    """Its own imaging decides; the union of all batches keeps the transient and every batch of the Crab."""
    total, seen = LightCurveSum(), set()
    for number, scw in enumerate(season):
        answer = ask("isgri_lc", scw).light_curves
        of_transient = [c for c in answer.curves if np.hypot((c.ra - TRANSIENT.ra) * 0.956, c.dec - TRANSIENT.dec) < 1 / 60]
        kept = [replace(c, source="transient") for c in of_transient] + [c for c in answer.curves if not c.source.startswith("NEW")]
        total.add(LightCurveSet(tuple(kept)), f"batch {number}")
        seen |= {f"batch {number}"} if of_transient else set()
    assert seen == {f"batch {number}" for number, scw in enumerate(season) if _on(scw)}
    assert set(curve_of(total, "transient").batch_ids) == seen
    assert len(curve_of(total, "Crab").batch_ids) == len(season)


def _on(scw: list[str]) -> bool:
    """Whether the transient is on while these science windows last."""
    found = pointings(scw)
    mjd = (found.tstart + found.tstop) / 2 + 51544.0
    return bool(np.any((mjd > ON) & (mjd < OFF)))
