"""The history of pointings: orbit, order, seasons."""

from __future__ import annotations

import numpy as np
import pytest

from dashboard.observatory import orbit
from dashboard.observatory.isgri import unit_vectors
from dashboard.observatory.pointings import history, sun


def test_the_history_is_as_long_as_the_mission() -> None:
    past = history()
    pointings = ~past.slew
    assert 1.1e5 < pointings.sum() < 1.6e5
    assert 2.7 < past.tstart[0] / 365.25 + 0.0 < 3.0
    assert 9180 < past.tstop[-1] < 9191
    assert len(np.unique(past.swid)) == len(past)
    assert np.all(np.diff(past.swid) > 0)
    assert np.all(np.diff(past.tstart) > 0)
    assert np.all(past.tstart[1:] > past.tstop[:-1] - 1e-9)
    assert np.all(past.telapse > 50)


def test_pointings_lie_in_their_revolution() -> None:
    past = history()
    revolution = past.swid // 10**8
    np.testing.assert_array_equal(orbit.revolution_at(past.tstart), revolution)
    np.testing.assert_array_equal(orbit.revolution_at(past.tstop), revolution)


def test_axes_are_orthogonal_and_the_sun_stays_on_the_z_side() -> None:
    past = history()
    np.testing.assert_allclose(np.sum(past.axis * past.z, axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(past.z, axis=1), 1)
    towards = sun(past.tstart)
    assert np.all(np.sum(past.z * towards, axis=1) > 0)
    angle = np.rad2deg(np.arccos(np.sum(past.axis * towards, axis=1)))[~past.slew]
    assert np.mean((angle > 40) & (angle < 140)) > 0.97


def test_ibis_was_in_science_mode_nearly_always() -> None:
    assert 0.95 < np.mean(history().ibis_mode == 41) < 0.99


@pytest.mark.parametrize(("revolution", "ijd"), [(1554, 5646.28), (1626, 5837.80), (2028, 6907.0760), (2231, 7446.8770), (2735, 8787.6223)])
def test_revolutions_begin_when_the_reports_say(revolution: int, ijd: float) -> None:
    assert orbit.start_of(revolution) == pytest.approx(ijd, abs=0.006)
    assert orbit.revolution_at(orbit.start_of(revolution) + 1e-6) == revolution


def test_the_orbit_took_three_days_before_2015() -> None:
    assert orbit.start_of(1000) - orbit.start_of(999) == pytest.approx(2.9915)
    assert orbit.iso_of_ijd(float(orbit.start_of(1268)))[:10] in ("2013-03-01", "2013-03-02")


def test_leap_seconds() -> None:
    assert orbit.ijd_of_text("2000-01-01T00:00:00") * 86400 == pytest.approx(64.184, abs=1e-4)
    assert orbit.ijd_of_text("2015-12-26T02:03:13") == pytest.approx(5838.08636, abs=1e-5)
    assert orbit.iso_of_ijd(orbit.ijd_of_text("2017-03-06T13:26:48.250")) == "2017-03-06T13:26:48.250"
    assert orbit.ijd_of_text("5646.5") == 5646.5
    assert orbit.ijd_of_text("57190.5") == 5646.5


def test_many_science_windows_on_the_crab_in_spring_2009() -> None:
    past = history()
    start, stop = orbit.ijd_of_text("2009-02-15T00:00:00"), orbit.ijd_of_text("2009-03-30T00:00:00")
    near = past.axis @ unit_vectors(83.63, 22.01) > np.cos(np.deg2rad(10.5))
    chosen = near & ~past.slew & (past.tstart < stop) & (past.tstop > start)
    assert 200 < chosen.sum() < 700
    assert len(np.unique(past.swid[chosen] // 10**8)) >= 4


@pytest.mark.parametrize(("ra", "dec", "low", "high"), [(83.63, 22.01, 3e3, 2e4), (266.4, -29.0, 1e4, 3e4), (135.5, -40.5, 3e3, 2e4)])
def test_bright_fields_were_observed_for_years(ra: float, dec: float, low: float, high: float) -> None:
    past = history()
    near = (past.axis @ unit_vectors(ra, dec) > np.cos(np.deg2rad(10.5))) & ~past.slew
    assert low < near.sum() < high
    assert len(np.unique(past.tstart[near] // 365.25)) > 20
    assert len(np.unique(past.swid[(past.axis @ unit_vectors(306.0, 33.87) > 0.99) & ~past.slew] // 10**8)) > 5
