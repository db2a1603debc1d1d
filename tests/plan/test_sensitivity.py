"""The expected error agrees with published figures and with the geometry of the mask."""

from __future__ import annotations

import numpy as np
import pytest

from dashboard.archive.pointings import Pointings
from dashboard.archive.resolver import Target
from dashboard.plan.sensitivity import (
    CODING_NOISE,
    LIVE_FRACTION,
    SKY_WIDTH,
    background_variance,
    coded_fraction,
    crab_rate,
    expected_error,
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
