"""An incomplete catalogue biases what is extracted, as declared."""

from __future__ import annotations

import numpy as np
import pytest

from dashboard.observatory import bias, isgri, jemx, sky, spectrum
from dashboard.observatory.camera import Isgri, Jemx
from dashboard.observatory.extraction import Extraction
from dashboard.observatory.sources import SOURCES
from dashboard.observatory.view import View
from tests.observatory.conftest import crab
from tests.observatory.test_spectra import catalogue

ALL = list(range(len(SOURCES)))
NEAR = ("Near", 83.6, 21.0)
ELSEWHERE = isgri.unit_vectors(np.array([86.0]), np.array([20.0]))


def leak(scw: list[str], present: list[int], directions: np.ndarray, seed: int = 1) -> tuple[list[str], np.ndarray]:
    view = View.of(Isgri(), scw)
    absent, rho = bias.leak(view.swids, view.axes, view.middle, present, directions, seed=seed)
    return [SOURCES[i].name for i in absent], rho


def test_nothing_leaks_when_the_catalogue_is_complete() -> None:
    names, rho = leak(crab(5), ALL, sky.DIRECTIONS)
    assert names == []
    assert rho.shape == (5, 0, len(ALL))


def test_what_leaks_is_what_is_missing_bright_and_in_the_field() -> None:
    assert leak(crab(5), ALL[1:], sky.DIRECTIONS[1:])[0] == ["Crab"]
    names, _ = leak(crab(5), [], sky.DIRECTIONS[:0])
    assert "Crab" in names
    assert not {"Cyg X-1", "PKS 0528+134", "IGR J06074+2205"} & set(names)


def test_rho_has_mean_zero_and_the_declared_width() -> None:
    far = [isgri.unit_vectors(80.0 + 0.5 * i, 24.0) for i in range(12)]
    _, rho = leak(crab(60), [-1] * 12, np.array(far))
    drawn = rho[:, 0].ravel()  # of the Crab
    assert np.abs(drawn.mean()) < 4 * 0.02 / np.sqrt(len(drawn))
    assert drawn.std() == pytest.approx(0.02, rel=0.12)
    assert np.abs(np.corrcoef(rho[:, 0, 0], rho[:, 0, 1])[0, 1]) < 0.5


def test_near_ghosts_it_is_five_times_as_wide() -> None:
    axes = np.eye(3)[None]

    def at(y: float, z: float) -> np.ndarray:
        return np.array([[1.0, np.tan(np.deg2rad(y)), np.tan(np.deg2rad(z))]])

    source = at(-5.0, -4.0)
    for y, z in ((5.7, -4.0), (-5.0, 6.7), (5.7, 6.7), (5.3, -4.2)):
        assert bias.widths(axes, source, at(y, z)) == pytest.approx(0.1)
        assert bias.widths(axes, source, at(y, z), "jemx") == pytest.approx(0.02)
    for y, z in ((4.0, -4.0), (0.0, 0.0), (-5.0, -4.0), (5.7, 5.5)):
        assert bias.widths(axes, source, at(y, z)) == pytest.approx(0.02)


def test_rho_belongs_to_the_science_window() -> None:
    scw = crab(6)
    _, whole = leak(scw, [-1], ELSEWHERE)
    assert np.array_equal(whole[2:4], leak(scw[2:4], [-1], ELSEWHERE)[1])
    assert np.array_equal(whole, leak(scw[::-1], [-1], ELSEWHERE)[1])
    assert not np.array_equal(whole, leak(scw, [-1], ELSEWHERE, seed=2)[1])


@pytest.mark.parametrize("camera", [Isgri(), Jemx(1)])
def test_a_missing_crab_biases_its_neighbours_with_its_own_spectrum(camera: Isgri | Jemx) -> None:
    scw = crab(1)
    view = View.of(camera, scw)
    found = {}
    for name, missing in (("complete", ()), ("without", ("Crab",))):
        extraction = Extraction.of(view, {"selected_catalog": catalogue(*missing, also=[NEAR])}, 1)
        found[name] = {s.entry.name: s for s in spectrum.spectra(view, extraction, 1)}
    assert np.all(found["complete"]["Near"].expected == 0)
    crab_rate = found["complete"]["Crab"].expected
    added = found["without"]["Near"].rate - found["complete"]["Near"].rate
    ratio = added / crab_rate
    assert np.allclose(ratio, ratio[0], rtol=1e-6)
    assert 0 < abs(ratio[0]) < 0.5
    assert np.array_equal(found["without"]["Near"].error, found["complete"]["Near"].error)


def test_the_field_of_jemx() -> None:
    angles = np.deg2rad([0.0, 2.3, 3.75, 5.175, 6.59, 6.7, 90.0])
    directions = np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    assert jemx.coding_towards(np.eye(3)[None], directions)[0] == pytest.approx([1, 1, 0.5, 0.25, 0.0018, 0, 0], abs=1e-3)
    assert 1000 * np.sqrt(jemx.variance_density(3.0, 35.0)) / jemx.rate(SOURCES[0].spectrum, 1000.0, 3.0, 35.0) == pytest.approx(
        200, rel=0.02
    )
