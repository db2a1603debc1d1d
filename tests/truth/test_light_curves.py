"""Light curves hold what was injected: an orbit, a steady source, an outburst."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.timeseries import BoxLeastSquares, LombScargle

from dashboard.combine.light_curve_sum import LightCurveSum
from dashboard.observatory import orbit
from dashboard.observatory.orbit import ijd_of_text
from dashboard.products.light_curve import LightCurve
from tests.truth.query import ask, batches, listed, named, pointings, windows

VELA_PERIOD, VELA_ECLIPSE = 8.964357, 52974.227 - 51544.0
"""Days, and IJD of a middle of eclipse."""


def point_a_window(name: str, parts: list[list[str]], *others: str) -> LightCurve:
    """The curve of a source in 20-40 keV, all batches joined."""
    total, sky = LightCurveSum(), listed(name, *others)
    for number, scw in enumerate(parts):
        total.add(ask("isgri_lc", scw, sky).light_curves, f"batch {number}")
    curve = total.result().of(name)
    assert curve is not None
    return curve


@pytest.fixture(scope="module")
def vela() -> LightCurve:
    """One in four of the revolutions that looked within 10 degrees of it: 79 of them, in 22 years."""
    source = named("Vela X-1")
    parts = batches(windows(source.ra, source.dec, 3, 2885, 10.0))
    revolutions = sorted({part[0][:4] for part in parts})[::4]
    curve = point_a_window("Vela X-1", [part for part in parts if part[0][:4] in revolutions])
    assert len(revolutions) >= 60
    assert len(curve) >= 1500
    return curve


@pytest.mark.slow
def test_the_orbit_of_vela_x_1_is_found(vela: LightCurve) -> None:
    frequency = np.arange(1 / 20.0, 1 / 4.0, 0.05 / np.ptp(vela.time))
    power = LombScargle(vela.time, vela.rate, vela.error).power(frequency)
    best = 1 / frequency[np.argmax(power)]
    assert best == pytest.approx(VELA_PERIOD, abs=0.003)


@pytest.mark.slow
def test_the_eclipse_of_vela_x_1_is_found_in_its_place(vela: LightCurve) -> None:
    period = 1 / np.arange(1 / 9.3, 1 / 8.6, 0.02 / np.ptp(vela.time))
    found = BoxLeastSquares(vela.time, vela.rate, vela.error).power(period, 1.7)
    best = int(np.argmax(found.power))
    assert found.period[best] == pytest.approx(VELA_PERIOD, abs=0.003)
    cycles = (found.transit_time[best] - VELA_ECLIPSE) / VELA_PERIOD
    assert abs(cycles - np.rint(cycles)) < 0.03
    phase = (vela.time - VELA_ECLIPSE) / VELA_PERIOD
    dark = np.abs(phase - np.rint(phase)) < 0.09
    pulls = vela.rate[dark] / vela.error[dark]
    assert pulls.mean() == pytest.approx(0.0, abs=3.5 / np.sqrt(len(pulls)))
    assert pulls.std() == pytest.approx(1.0, abs=3.5 / np.sqrt(2 * len(pulls)))


@pytest.mark.parametrize("year", range(2003, 2025))
def test_the_crab_has_its_injected_rate_every_year(year: int) -> None:
    crab = named("Crab")
    start, stop = (ijd_of_text(f"{y}-01-01T00:00:00") for y in (year, year + 1))
    scw = windows(crab.ra, crab.dec, int(orbit.revolution_at(start)), int(orbit.revolution_at(stop)), 5.0)
    curve = point_a_window("Crab", batches([swid for swid in scw if start < ijd_of(swid) < stop][:6]), "1A 0535+262")
    truth = crab.rate(20.0, 40.0, curve.time)
    weight = curve.half_width
    assert weight @ curve.rate == pytest.approx(weight @ truth, rel=0.01)


def ijd_of(swid: str) -> float:
    """Start of a science window."""
    return float(pointings([swid]).tstart[0])


@pytest.mark.slow
def test_v404_cyg_bursts_in_its_time() -> None:
    """Peaks of 34, 42 and 44 Crab at MJD 57194.11, 57194.31 and 57195.43; nothing before the outburst."""
    v404, level = named("V404 Cyg"), named("Crab").rate(20.0, 40.0, np.array([5650.0]))[0]
    curve = point_a_window("V404 Cyg", batches(windows(v404.ra, v404.dec, 1535, 1580, 10.0)), "Cyg X-1", "Cyg X-3", "EXO 2030+375")
    outburst, before = (curve.mjd > 57190.5) & (curve.mjd < 57200.0), curve.mjd < 57180.0
    assert outburst.sum() > 100
    assert before.sum() > 20
    peak = int(np.argmax(curve.rate))
    assert min(abs(curve.mjd[peak] - at) for at in (57194.11, 57194.31, 57195.43)) < 0.05
    assert curve.rate[peak] > 20 * level
    within = np.linspace(-1, 1, 65)
    truth = np.array([v404.rate(20.0, 40.0, t + w * within).mean() for t, w in zip(curve.time, curve.half_width, strict=True)])
    pulls = (curve.rate - truth) / np.hypot(curve.error, 0.01 * truth)
    assert abs(pulls.mean()) < 3.5 / np.sqrt(len(pulls))
    assert pulls.std() < 1 + 3.5 / np.sqrt(2 * len(pulls))
    assert abs(pulls).max() < 5
    assert abs((curve.rate / curve.error)[before].mean()) < 3.5 / np.sqrt(before.sum())
