"""JEM-X: both units as one, spectra that fold to their truth, units that were off."""

from __future__ import annotations

import numpy as np
import pytest

from dashboard.analysis.sources import find_sources
from dashboard.combine.light_curve_sum import LightCurveSum
from dashboard.combine.mosaic_units import add_units, total_error
from dashboard.combine.spectrum_sum import SpectrumSum
from dashboard.combine.units import UNIT_SYSTEMATIC, add_light_curves
from dashboard.dispatcher.answer import Answer
from dashboard.errors import EmptyProduct
from dashboard.observatory.camera import Jemx
from dashboard.observatory.truth import fluxes, photon_spectrum
from dashboard.products.catalog import CatalogSource, SourceCatalog
from dashboard.products.light_curve import TOTAL_ERROR, LightCurve
from tests.truth.query import ask, batches, listed, named, summed_mosaic, windows

CRAB = named("Crab")
UNITS = (1, 2)


@pytest.fixture(scope="module")
def both_on() -> list[list[str]]:
    """Revolutions in which both units are on, the Crab within 3 degrees of the axis."""
    return [part[:8] for part in batches(windows(CRAB.ra, CRAB.dec, 1019, 1030, 3.0))][:2]


def true_rate(parts: list[list[str]], unit: int, e1: float = 3.04, e2: float = 34.88) -> float:
    """Counts/s of the Crab with the mosaic's weights."""
    rows = fluxes([scw for part in parts for scw in part], e1, e2, 1, Jemx(unit))
    return next(float(row["flux"]) for row in rows if row["name"] == "Crab")


def test_the_crab_in_the_mosaic_of_both_units_is_one_crab(both_on: list[list[str]]) -> None:
    one, two = (summed_mosaic("jemx_image", both_on, jemx_num=unit) for unit in UNITS)
    catalog = SourceCatalog((CatalogSource("Crab", CRAB.ra, CRAB.dec),))
    alone = [find_sources(mosaic, catalog).sources[0] for mosaic in (one, two)]
    truth = [true_rate(both_on, unit) / 745.0 for unit in UNITS]
    for found, flux in zip(alone, truth, strict=True):
        assert found.flux == pytest.approx(flux, rel=UNIT_SYSTEMATIC)
    crab = find_sources(add_units(one, two, *truth), catalog).sources[0]
    error = total_error(np.array([crab.flux]), np.array([crab.flux_error]))[0]
    assert abs(crab.flux - 1000) < 3 * error
    assert crab.flux == pytest.approx(1000, rel=UNIT_SYSTEMATIC)
    assert crab.flux_error < min(found.flux_error / flux for found, flux in zip(alone, truth, strict=True)) * 1000


def test_the_crab_in_the_light_curve_of_both_units_is_one_crab(both_on: list[list[str]]) -> None:
    one, two = (curve_of(both_on, unit) for unit in UNITS)
    joint = add_light_curves(one, two, true_rate(both_on, 1), true_rate(both_on, 2))
    pulls = (joint.rate - 1) / joint.error
    assert len(joint) > 20
    assert joint.rate.mean() == pytest.approx(1.0, abs=0.01)
    assert pulls.std(ddof=1) == pytest.approx(1.0, abs=3.5 / np.sqrt(2 * len(pulls)))
    assert np.all(np.abs(joint.rate - 1) < 5 * joint.columns[TOTAL_ERROR])


def curve_of(parts: list[list[str]], unit: int) -> LightCurve:
    total = LightCurveSum()
    for number, scw in enumerate(parts):
        total.add(ask("jemx_lc", scw, listed("Crab", "1A 0535+262"), jemx_num=unit, time_bin=600.0).light_curves, f"batch {number}")
    curve = total.result().of("Crab")
    assert curve is not None
    return curve


@pytest.mark.parametrize("unit", UNITS)
def test_the_summed_spectrum_of_the_crab_is_its_truth_folded(both_on: list[list[str]], unit: int) -> None:
    total = SpectrumSum()
    for number, scw in enumerate(both_on):
        total.add(ask("jemx_spectrum", scw, listed("Crab", "1A 0535+262"), jemx_num=unit).spectra, f"batch {number}")
    crab = total.result().of("Crab")[0]
    rmf = crab.redistribution
    edges = np.append(rmf.energ_lo, rmf.energ_hi[-1]).astype(float)
    truth = photon_spectrum([scw for part in both_on for scw in part], "Crab", 1, Jemx(unit), edges)
    flux = np.array(truth["photons"])
    photons = np.sqrt(flux[1:] * flux[:-1]) * np.diff(edges)
    folded = (photons * crab.area) @ rmf.matrix
    pulls = ((crab.rate - folded) / crab.stat_err)[crab.good]
    assert len(pulls) == 16
    assert abs(pulls.mean()) < 3.5 / np.sqrt(len(pulls))
    assert (pulls**2).sum() < 16 + 3.5 * np.sqrt(2 * 16)
    assert crab.rate.sum() == pytest.approx(folded.sum(), rel=0.01)


@pytest.mark.parametrize("product", ["jemx_image", "jemx_spectrum", "jemx_lc"])
def test_a_unit_that_was_off_has_no_result(product: str) -> None:
    """The backend sends a 100 x 100 map of zeros, or nothing; neither is a product."""
    off = windows(CRAB.ra, CRAB.dec, 665, 666, 3.0)[:2]

    def answer() -> Answer:
        return ask(product, off, None if product == "jemx_image" else listed("Crab"), jemx_num=2)

    with pytest.raises(EmptyProduct, match="without a result"):
        answer()
