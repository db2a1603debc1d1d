"""The expected error agrees with published figures and with the geometry of the mask."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from dashboard.archive.pointings import Pointings
from dashboard.archive.resolver import Target
from dashboard.plan.sensitivity import (
    CODING_NOISE,
    JEMX_SKY_WIDTH,
    LIVE_FRACTION,
    SKY_WIDTH,
    background_variance,
    coded_fraction,
    crab_rate,
    expected_error,
    expected_mcrab,
    vignetting,
)

TARGET = Target("t", 0.0, 0.0, "given")


def pointings(ra: float, dec: float, count: int = 1, telapse: float = 2000.0) -> Pointings:
    """Pointings near the equator whose Z axis is the pole, so that Y and Z are RA and Dec."""
    column = np.ones(count)
    return Pointings(("",) * count, ra * column, dec * column, ra * column, column * (90 + dec), column, column, telapse * column)


@pytest.mark.parametrize(
    ("ra", "dec", "fraction"), [(0, 0, 1), (4.4, 0, 1), (9.5, 0, 0.5), (0, -9.5, 0.5), (14.6, 0, 0), (0, 20, 0), (180, 0, 0)]
)
def test_the_coded_fraction_falls_along_each_axis(ra: float, dec: float, fraction: float) -> None:
    assert coded_fraction(pointings(ra, dec), TARGET)[0] == pytest.approx(fraction, abs=1e-9)


def test_roll_matters_off_axis() -> None:
    straight = pointings(9.5, 0.0)
    rolled = Pointings(
        ("",), straight.ra_scx, straight.dec_scx, np.array([99.5]), np.array([45.0]), *(straight.tstart,) * 2, straight.telapse
    )
    assert coded_fraction(rolled, TARGET)[0] > coded_fraction(straight, TARGET)[0] + 0.05


def test_error_on_axis_is_the_published_one() -> None:
    # 22.5 / sqrt(t) cts/s in 20-40 keV: 0.8 mCrab in 18 ks of effective time (ATel 8458)
    assert np.sqrt(background_variance((20, 40))) == pytest.approx(22.5, rel=0.03)
    live = 18e3 / LIVE_FRACTION
    error = expected_error(pointings(0, 0, 1, live), TARGET, (20, 40)) / SKY_WIDTH
    assert 1000 * error / crab_rate((20, 40)) == pytest.approx(0.8, rel=0.05)


def test_error_falls_as_the_root_of_time_down_to_the_coding_noise() -> None:
    one, hundred = (expected_error(pointings(0, 0, n), TARGET, (28, 40)) for n in (1, 100))
    assert one == pytest.approx(10 * hundred)
    assert expected_error(pointings(0, 0), TARGET, (28, 40), brightest=1000) == pytest.approx(one + 1000 * CODING_NOISE)
    assert expected_error(pointings(30, 0), TARGET, (28, 40)) == np.inf


@pytest.mark.parametrize(("band", "rate"), [((20, 40), 209.8), ((40, 60), 76.3), ((60, 100), 52.6)])
def test_the_crab_has_its_published_rate(band: tuple[float, float], rate: float) -> None:
    assert crab_rate(band) == pytest.approx(rate, rel=0.04)


@pytest.mark.parametrize("unit", ["jemx1", "jemx2"])
def test_jemx_on_axis_has_200_mcrab_over_the_root_of_the_time_and_the_width_of_its_sky(unit: str) -> None:
    one = expected_mcrab(pointings(0, 0, 1, 1.0), TARGET, (3.04, 34.88), unit)
    assert one == pytest.approx(200 * JEMX_SKY_WIDTH, rel=0.05)
    assert expected_mcrab(pointings(0, 0, 50, 2000.0), TARGET, (3.04, 34.88), unit) == pytest.approx(one / np.sqrt(1e5))
    # A band with fewer of the Crab's counts shows it less well, in proportion to the root of their share.
    assert expected_mcrab(pointings(0, 0), TARGET, (10, 20), unit) > 2 * expected_mcrab(pointings(0, 0), TARGET, (3, 20), unit)
    error = expected_error(pointings(0, 0), TARGET, (3, 20), instrument=unit)
    assert error == pytest.approx(expected_mcrab(pointings(0, 0), TARGET, (3, 20), unit) / 1000 * crab_rate((3, 20), unit))
    assert expected_error(pointings(0, 0), TARGET, (3, 20), 0.2, unit) == pytest.approx(error + 0.2 * CODING_NOISE)


def test_jemx_off_axis() -> None:
    away = [vignetting(pointings(ra, 0), TARGET)[0] for ra in (0, 1, 2, 3, 4, 5, 6, 180)]
    assert away[0] == 1
    assert away == sorted(away, reverse=True)
    assert away[-2:] == [0, 0]
    assert vignetting(pointings(2, 2), TARGET)[0] == pytest.approx(vignetting(pointings(np.sqrt(8), 0), TARGET)[0], abs=1e-3)
    unrolled = pointings(2, 0)
    unrolled.ra_scz[:] = unrolled.dec_scz[:] = np.nan
    on_axis, off_axis = (expected_error(p, TARGET, (3, 20), instrument="jemx1") for p in (pointings(0, 0), unrolled))
    assert off_axis == pytest.approx(on_axis / away[2])
    assert expected_error(pointings(6, 0), TARGET, (3, 20), instrument="jemx1") == np.inf
    assert np.isnan(expected_error(pointings(0, 0), TARGET, (20, 60), instrument="jemx1"))


def test_the_vignetting_and_the_noise_are_those_of_a_real_mosaic(shared_data: Path) -> None:
    """EXPOSURE / OBS_TIME about the mean pointing, and variance x time, of a JEM-X 1 mosaic of many dithers."""
    with fits.open(shared_data / "integral/jemx1_mosaic_crab_3-35.fits.gz") as hdus:
        maps = {hdu.header["IMATYPE"]: hdu.data for hdu in hdus[2:]}
    share = maps["EXPOSURE"] / maps["OBS_TIME"]
    y, x = np.indices(share.shape)
    radius = np.hypot(x - 207.5, y - 207.5) * 0.026
    for at in (2.25, 2.75, 3.25):
        measured = np.mean(share[np.abs(radius - at) < 0.25])
        assert vignetting(pointings(at, 0), TARGET)[0] == pytest.approx(measured, abs=0.03)
    crabs = np.sqrt(maps["VARIANCE"] * maps["OBS_TIME"]) / 0.164 * share
    assert np.nanmedian(crabs[share > 0.4]) == pytest.approx(0.18, abs=0.01)
