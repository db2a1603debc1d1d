"""Fluxes from batch to batch are those injected, and say whether a source is there in one batch only."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard.analysis.photometry import NoiseMap, fit_sources
from dashboard.analysis.psf import Psf, nominal_sigma
from dashboard.analysis.sources import find_sources
from dashboard.errors import ProductError
from dashboard.products.catalog import CatalogSource, SourceCatalog
from dashboard.products.mosaic import Mosaic
from dashboard.products.mosaic_fits import read_mosaic
from dashboard.runs.products import batch_file
from dashboard.runs.results import load_mosaic
from dashboard.runs.strips import Place, Strip, strip
from tests.runs.sky_dispatcher import CRAB, plan_of
from tests.runs.stored_run import StoredRun, mosaic

BATCHES = 8
CONSTANT, FLARING, FLASH, EMPTY = ((CRAB[0] + a, CRAB[1] + d) for a, d in ((0.0, 0.0), (1.2, 0.4), (-0.9, -0.8), (0.6, -1.1)))


def run_of(folder: Path, maps: list[Mosaic]) -> StoredRun:
    run = StoredRun(folder, plan_of(2 * len(maps)))
    run.arrive(dict(zip(run.ids, maps, strict=True)))
    return run


def strips_of(run: StoredRun, *places: Place, **more: Any) -> tuple[Strip, ...]:
    return strip(run.settings, run.plan, run.state, 0, places, **more)


def lattice(half: float = 1.4, count: int = 7) -> list[Place]:
    """Places that are some PSFs apart."""
    steps = np.linspace(-half, half, count)
    return [(CRAB[0] + float(a), CRAB[1] + float(d)) for a in steps for d in steps]


def test_without_noise_fluxes_are_those_injected(tmp_path: Path) -> None:
    flux = [20.0 + 10 * number for number in range(BATCHES)]
    run = run_of(tmp_path, [mosaic(number, [(*CONSTANT, 50.0), (*FLARING, flux[number])], noise=False) for number in range(BATCHES)])
    constant, flaring = strips_of(run, CONSTANT, FLARING)
    np.testing.assert_allclose(constant.flux, 50.0, rtol=0.01)
    np.testing.assert_allclose(flaring.flux, flux, rtol=0.01)
    assert constant.batch_ids == run.ids
    assert list(constant.tstart) == [batch.tstart for batch in run.plan.batches]
    assert list(constant.tstop) == [batch.tstop for batch in run.plan.batches]


def test_a_cutout_gives_what_the_whole_map_gives(tmp_path: Path) -> None:
    """At every place alike, in the middle, at the rim of the field, outside it, and off the map."""
    run = run_of(tmp_path, [mosaic(number, [(*CONSTANT, 30.0)], away=away) for number, away in enumerate((0.0, 2.0))])
    places = lattice(half=4.4)
    strips, seen = strips_of(run, *places), 0
    for number, batch_id in enumerate(run.ids):
        whole = run.products.read(batch_file(batch_id), read_mosaic)
        assert whole.variance is not None
        assert whole.exposure is not None
        image = NoiseMap(whole.significance, np.sqrt(whole.variance))
        for place, measured in zip(places, strips, strict=True):
            x, y = whole.wcs.world_to_pixel_values(*place)
            on_map = -0.5 < x < whole.shape[1] - 0.5 and -0.5 < y < whole.shape[0] - 0.5
            if not on_map or not whole.valid[round(float(y)), round(float(x))]:
                assert np.isnan([measured.flux[number], measured.error[number], measured.significance[number]]).all()
                assert measured.exposure[number] == 0
                continue
            fit = fit_sources(image, np.array([[x, y]]), Psf(nominal_sigma(whole), whole.wcs), free=False)
            assert measured.flux[number] == pytest.approx(fit.flux[0], rel=1e-6, nan_ok=True)
            if np.isfinite(fit.flux[0]):
                seen += 1
                assert measured.error[number] == pytest.approx(fit.error[0], rel=1e-6)
                assert measured.exposure[number] == whole.exposure[round(float(y)), round(float(x))]
    assert 30 < seen < 2 * len(places) - 20


def test_the_other_side_of_the_sky_is_not_seen(tmp_path: Path) -> None:
    """A gnomonic projection folds it back onto the map."""
    run = run_of(tmp_path, [mosaic(0, [(*CRAB, 100.0)])])
    (away,) = strips_of(run, ((CRAB[0] + 180) % 360, -CRAB[1]))
    assert not away.seen.any()
    assert (away.dof, away.chi2, away.one_batch_only) == (0, 0.0, False)
    assert np.isnan(away.mean()).all()


@pytest.mark.parametrize("widened", [1.0, 1.6])
def test_noise_alone_is_constant(tmp_path: Path, widened: float) -> None:
    """Also where coding noise widens empty sky, since that is measured."""

    def noisier(made: Mosaic) -> Mosaic:
        assert made.flux is not None
        return replace(made, flux=made.flux * np.float32(widened), significance=made.significance * np.float32(widened))

    run = run_of(tmp_path, [noisier(mosaic(number)) for number in range(BATCHES)])
    strips = strips_of(run, *lattice())
    assert all(one.dof == BATCHES - 1 for one in strips)
    width = np.concatenate([one.width for one in strips])
    assert width.mean() == pytest.approx(widened, rel=0.03)
    assert width.std() < 0.08 * widened
    freedom = sum(one.dof for one in strips)
    assert sum(one.chi2 for one in strips) / freedom == pytest.approx(1.0, abs=4 * np.sqrt(2 / freedom))
    assert np.concatenate([one.significance for one in strips]).std() == pytest.approx(widened, rel=0.12)
    assert not any(one.one_batch_only for one in strips)


def test_a_source_in_one_batch_only_is_flagged(tmp_path: Path) -> None:
    """Errors are about 1: the constant source has 10 sigma in a batch, the flash 40 in one."""
    run = run_of(tmp_path, [mosaic(number, [(*CONSTANT, 10.0), (*FLASH, 40.0 * (number == 5))]) for number in range(BATCHES)])
    constant, flash, empty = strips_of(run, CONSTANT, FLASH, EMPTY)
    assert flash.one_batch_only
    assert np.argmax(flash.significance) == 5
    assert flash.chi2 > 100 * flash.dof
    assert not constant.one_batch_only
    assert constant.chi2 < 3 * constant.dof
    assert not empty.one_batch_only


def test_a_bright_source_is_constant_within_what_the_instrument_can_tell(tmp_path: Path) -> None:
    """At 2000 sigma a batch, 1 % from batch to batch is 20 sigma, and no news; 10 % is."""
    scatter = np.random.default_rng(1).standard_normal(BATCHES)
    scatter = (scatter - scatter.mean()) / scatter.std(ddof=1)
    maps = [mosaic(n, [(*CONSTANT, 2000 * (1 + 0.01 * part)), (*FLARING, 2000 * (1 + 0.1 * part))]) for n, part in enumerate(scatter)]
    constant, flaring = strips_of(run_of(tmp_path, maps), CONSTANT, FLARING)
    assert np.sum(((constant.flux - constant.mean()[0]) / constant.error) ** 2) > 100 * constant.dof
    assert constant.chi2 == pytest.approx(constant.dof, rel=0.2)
    assert flaring.chi2 > 50 * flaring.dof


def test_the_mean_of_the_strip_is_the_flux_of_the_sum(tmp_path: Path) -> None:
    """The noise is the same in both, and the resampling of the sum changes the fit by a fraction of the error."""
    run = run_of(tmp_path, [mosaic(number, [(*CONSTANT, 20.0), (*FLARING, 6.0 + 4 * number)]) for number in range(BATCHES)])
    run.publish()
    summed = load_mosaic(run.settings, run.state)
    places = [CONSTANT, FLARING, EMPTY, *lattice(count=4)]
    catalog = SourceCatalog(tuple(CatalogSource(f"place {i}", *place) for i, place in enumerate(places)))
    table = find_sources(summed, catalog, threshold=1e6, psf_sigma=nominal_sigma(summed) / 60 / 0.0822862539155913)
    measured = {source.name: source for source in table.sources}
    pulls = []
    for number, one in enumerate(strips_of(run, *places)):
        source, (flux, error) = measured[f"place {number}"], one.mean()
        assert error == pytest.approx(source.flux_error, rel=0.03)
        assert np.sum(one.exposure) == pytest.approx(source.exposure, rel=0.05)
        pulls.append((flux - source.flux) / error)
    assert np.abs(pulls).max() < 1.0
    assert np.std(pulls) < 0.4


def test_exposure_weights_count_a_flare_as_long_as_it_was(tmp_path: Path) -> None:
    """A bright flare has more noise: inverse variance counts it less."""
    flare = mosaic(3, [(*CONSTANT, 100.0)], noise=False, sigma=4.0)
    run = run_of(tmp_path, [*(mosaic(number, [(*CONSTANT, 10.0)], noise=False) for number in range(3)), flare])
    (one,) = strips_of(run, CONSTANT)
    true = float(np.average([10.0, 10.0, 10.0, 100.0], weights=one.exposure))
    assert one.mean("exposure")[0] == pytest.approx(true, rel=0.01)
    assert one.mean()[0] == pytest.approx(float(np.average([10.0, 10.0, 10.0, 100.0], weights=one.error**-2)), rel=0.01)
    assert one.mean()[0] < 0.5 * true
    assert one.mean("exposure")[1] > one.mean()[1]


def test_a_bright_neighbour_is_fitted_along(tmp_path: Path) -> None:
    """At 1.6 times the full width; the neighbour itself may be among the neighbours, and one far away changes nothing."""
    bright = (CONSTANT[0], CONSTANT[1] + 15 / 60)
    run = run_of(tmp_path, [mosaic(number, [(*CONSTANT, 10.0), (*bright, 500.0)], noise=False) for number in range(3)])
    (alone,), (together, _) = strips_of(run, CONSTANT), strips_of(run, CONSTANT, bright, neighbours=[bright, CONSTANT])
    assert np.abs(alone.flux - 10.0).min() > 3.0
    np.testing.assert_allclose(together.flux, 10.0, atol=1.0)
    assert (together.error > alone.error).all()
    (with_far,) = strips_of(run, CONSTANT, neighbours=[EMPTY])
    assert with_far.flux.tolist() == alone.flux.tolist()


def test_what_was_measured_is_kept(tmp_path: Path) -> None:
    run = run_of(tmp_path, [mosaic(number, [(*CONSTANT, 10.0)]) for number in range(3)])
    first = strips_of(run, CONSTANT, EMPTY)
    run.lose(*run.ids[:2])
    again = strips_of(run, EMPTY, CONSTANT)
    assert [one.flux.tolist() for one in again] == [one.flux.tolist() for one in reversed(first)]
    with pytest.raises(ProductError, match=batch_file(run.ids[0])):
        strips_of(run, CONSTANT, FLASH)


def test_batches_that_are_not_in_the_sum_have_no_column(tmp_path: Path) -> None:
    run = StoredRun(tmp_path, plan_of(8))
    assert [one.flux.size for one in strips_of(run, CONSTANT, EMPTY)] == [0, 0]
    run.arrive({run.ids[number]: mosaic(number) for number in (3, 0, 2)})
    run.store.exclude(run.run_id, [run.ids[2]])
    (one,) = strips_of(run, CONSTANT)
    assert one.batch_ids == (run.ids[0], run.ids[3])
    assert strips_of(run) == ()
