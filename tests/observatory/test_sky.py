"""The sky: levels, names, variability."""

from __future__ import annotations

import numpy as np
import pytest

from dashboard.observatory import calibration, isgri, sky, spectra
from dashboard.observatory.sources import SOURCES
from dashboard.observatory.variability import Flares, Outburst, Wave, Window

BY_NAME = {s.name: s for s in SOURCES}


@pytest.mark.parametrize(
    ("band", "rate"), [((20, 40), 209.8), ((40, 60), 76.3), ((60, 100), 52.6), ((28, 40), 101.0), ((40, 80), 112.0), ((30, 60), 156.0)]
)
def test_the_crab_has_its_osa11_rates(band: tuple[float, float], rate: float) -> None:
    assert spectra.counts(spectra.CRAB, *band) == pytest.approx(rate, rel=0.04)


@pytest.mark.parametrize(("band", "old", "new"), [((20, 40), 136.3, 209.8), ((40, 60), 37.3, 76.3), ((60, 100), 32.8, 52.6)])
def test_the_crab_has_its_osa10_rates_and_the_same_significance(band: tuple[float, float], old: float, new: float) -> None:
    ratio = spectra.counts(spectra.CRAB, *band, "OSA10.2") / spectra.counts(spectra.CRAB, *band)
    assert ratio == pytest.approx(old / new, rel=0.002)
    assert spectra.counts(spectra.CRAB, *band, "OSA10.2") == pytest.approx(old, rel=0.04)
    assert np.sqrt(isgri.variance_density(*band, "OSA10.2") / isgri.variance_density(*band)) == pytest.approx(ratio, rel=0.03)
    assert spectra.counts(spectra.CRAB, *band, "OSA11.2-dev210827") == spectra.counts(spectra.CRAB, *band)


def test_the_unit_of_osa10_changes_smoothly_with_energy() -> None:
    energy = np.geomspace(15, 800, 400)
    values = calibration.factor(energy, "OSA10.2")
    assert 0.45 < values.min() < values.max() < 0.72
    assert np.abs(np.diff(values)).max() < 0.01
    np.testing.assert_array_equal(calibration.factor(energy, "OSA11.2"), 1.0)


def test_rates_add_over_bands() -> None:
    for source in SOURCES:
        whole = spectra.rate(source.spectrum, source.mcrab, 20, 80)
        parts = spectra.rate(source.spectrum, source.mcrab, 20, 35) + spectra.rate(source.spectrum, source.mcrab, 35, 80)
        assert whole == pytest.approx(parts, rel=1e-3), source.name
        assert spectra.rate(source.spectrum, source.mcrab, 15, 800) > whole > 0


def test_mcrab_is_a_thousandth_of_the_crab() -> None:
    for source in SOURCES:
        assert spectra.rate(source.spectrum, source.mcrab, 20, 40) == pytest.approx(source.mcrab * 0.2105, rel=1e-3), source.name


def test_sensitivity_of_18_ks_is_that_of_the_telegrams() -> None:
    crab = spectra.counts(spectra.CRAB, 20, 40)
    assert 1000 * np.sqrt(isgri.variance_density(20, 40) / 18000) / crab == pytest.approx(0.82, rel=0.05)


def test_names_are_found_whatever_their_case_and_blanks_but_not_the_uncatalogued() -> None:
    for name in ("Crab", "crab nebula", "NGC1952", "Sgr A*", "galactic CENTRE", "1a0535+262", "V404 Cyg"):
        assert sky.resolve(name) is not None, name
    assert sky.resolve("SIM J0555+238") is None
    assert sky.resolve("no such source") is None


def test_no_two_sources_share_a_name_or_a_pixel_cluster() -> None:
    names = [n.casefold() for s in SOURCES for n in (s.name, *s.aliases)]
    assert len(set(names)) == len(names)
    unknown = [i for i, s in enumerate(SOURCES) if not s.catalogued]
    cosines = sky.DIRECTIONS[unknown] @ sky.DIRECTIONS.T
    cosines[np.arange(len(unknown)), unknown] = -1
    assert np.rad2deg(np.arccos(cosines.max())) > 1.0


def test_v404_cyg_reached_44_crab_and_only_in_outburst() -> None:
    time = np.arange(5643.0, 5656.0, 0.01)
    rates = BY_NAME["V404 Cyg"].rate(20, 40, time) / 210.5
    assert 40 < rates.max() < 65
    assert np.all(BY_NAME["V404 Cyg"].rate(20, 40, np.array([3000.0, 5000.0, 7000.0])) < 1e-3)


def test_vela_x1_is_eclipsed_at_its_period() -> None:
    eclipses = 52974.227 - 51544.0 + 8.964357 * np.arange(0.0, 500.0, dtype=np.float64)
    vela = BY_NAME["Vela X-1"]
    assert np.all(vela.rate(20, 40, eclipses) == 0)
    assert np.all(vela.rate(20, 40, eclipses + 8.964357 / 2) > 0)


def test_flares_keep_their_mean_and_repeat() -> None:
    time = np.linspace(1000.0, 9000.0, 200_000)
    flares = Flares("x", 0.5, 8.0)(time)
    assert flares.mean() == pytest.approx(1.0, abs=0.03)
    assert np.log(flares).std() == pytest.approx(0.5, rel=0.1)
    np.testing.assert_array_equal(flares[::100], Flares("x", 0.5, 8.0)(time[::100]))
    assert np.abs(np.corrcoef(flares, Flares("y", 0.5, 8.0)(time))[0, 1]) < 0.1


def test_forms_do_what_they_say() -> None:
    mjd = np.array([0.0, 1.0, 2.5, 5.0])
    np.testing.assert_allclose(Wave(10.0, 51544.0, 0.5)(mjd), [1.5, 1 + 0.5 * np.cos(0.2 * np.pi), 1.0, 0.5], atol=1e-12)
    np.testing.assert_allclose(Window(51545.0, 51546.0)(mjd), [0, 1, 0, 0])
    np.testing.assert_allclose(Outburst(51544.0, 3.0, 1.0, 5.0)(mjd), 3 * np.exp(-mjd / 5))
