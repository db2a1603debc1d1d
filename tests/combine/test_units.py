from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dashboard.combine.units import UNIT_SYSTEMATIC, add_light_curves
from dashboard.errors import NotCombinable
from dashboard.products.light_curve import TOTAL_ERROR, LightCurve
from tests.combine.curves import ORIGIN, curve

TIME = np.arange(200) * 0.05
CRAB1, CRAB2 = 130.0, 100.0


def pair(flux: np.ndarray, seed: int = 1) -> tuple[LightCurve, LightCurve]:
    """Both units look at a source of `flux` Crab; the second is three times noisier."""
    rng = np.random.default_rng(seed)
    made = []
    for instrument, crab, sigma in (("jemx1", CRAB1, 2.0), ("jemx2", CRAB2, 6.0)):
        error = np.full(len(TIME), sigma)
        made.append(curve(TIME, "Vela X-1", instrument, rate=flux * crab + sigma * rng.normal(size=len(TIME)), error=error))
    return made[0], made[1]


def test_mean_in_crab_is_that_of_the_source_with_an_error_that_holds() -> None:
    flux = 0.3 + 0.1 * np.sin(TIME)
    both = add_light_curves(*pair(flux), CRAB1, CRAB2)
    pull = (both.rate - flux) / both.error
    assert abs(pull.mean()) < 0.25
    assert 0.85 < pull.std() < 1.15
    best = 1 / np.sqrt((CRAB1 / 2) ** 2 + (CRAB2 / 6) ** 2)
    np.testing.assert_allclose(both.error, best, rtol=1e-6)
    assert (both.unit, both.instrument, both.provenance.origin) == ("Crab", "jemx1+jemx2", "SIMULATED")


def test_three_per_cent_stand_beside_the_statistical_error() -> None:
    both = add_light_curves(*pair(np.full(len(TIME), 0.5)), CRAB1, CRAB2)
    np.testing.assert_allclose(both.columns[TOTAL_ERROR] ** 2 - both.error**2, (UNIT_SYSTEMATIC * both.rate) ** 2)


def test_only_common_bins_are_added_each_once() -> None:
    one, two = pair(np.ones(len(TIME)))
    half = one.half_width[0]
    shifted = replace(two, time=two.time + np.where(np.arange(len(TIME)) % 2, 0.1, 1.2) * half)
    both = add_light_curves(one, shifted, CRAB1, CRAB2)
    assert len(both) == len(TIME) // 2
    np.testing.assert_allclose(both.half_width, 1.05 * half)
    with pytest.raises(NotCombinable, match="share no bin"):
        add_light_curves(one, replace(two, time=two.time + 1000), CRAB1, CRAB2)


def test_weight_does_not_follow_the_rate() -> None:
    """A flare has larger errors; the mean over a flare and its quiet neighbour stays unbiased."""
    one, two = pair(np.ones(len(TIME)))
    noisy = replace(one, error=np.where(np.arange(len(TIME)) % 50 == 0, 20.0, one.error), rate=np.full(len(TIME), 1.1 * CRAB1))
    both = add_light_curves(noisy, replace(two, rate=np.full(len(TIME), CRAB2)), CRAB1, CRAB2)
    assert np.ptp(both.rate) < 1e-12


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"source": "Crab"}, "one source"),
        ({"instrument": "jemx1"}, "JEM-X 1 and JEM-X 2"),
        ({"band": (3.0, 10.0)}, "band"),
        ({"provenance": replace(ORIGIN, osa_version="OSA10.2")}, "OSA version"),
        ({"provenance": replace(ORIGIN, origin="ISDC")}, "observed"),
        ({"columns": {TOTAL_ERROR: np.ones(len(TIME))}}, "already"),
    ],
)
def test_what_cannot_be_added_is_refused(change: dict[str, object], reason: str) -> None:
    one, two = pair(np.ones(len(TIME)))
    with pytest.raises(NotCombinable, match=reason):
        add_light_curves(one, replace(two, **change), CRAB1, CRAB2)  # type: ignore[arg-type]


@pytest.mark.parametrize("crab", [0.0, float("nan"), -1.0])
def test_without_a_crab_rate_nothing_is_added(crab: float) -> None:
    with pytest.raises(NotCombinable, match="Crab"):
        add_light_curves(*pair(np.ones(len(TIME))), CRAB1, crab)
