"""A burst's name tells its day or its moment; a request that leaves it out is told, and nothing is changed by itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.archive.reference_catalog import reference_catalog
from dashboard.request.burst import BurstTimes, times_in_name, told_times
from dashboard.request.checks import problems
from dashboard.request.request import Request

DAY = BurstTimes("2009-06-18T00:00:00", "2009-06-19T00:00:00", "its name")


@pytest.mark.parametrize(
    "name",
    [
        *("GRB 090618", "GRB090618", "grb 090618A", " GRB 090618 ", "GRB_090618A", "GRB-090618", "GRB 20090618A", "XRF 090618"),
        *("FRB 20090618A",),
        *("GW090618", "EP090618a", "IC 090618A", "IC-090618A", "ivo://org.example/catalogue#GRB_090618A"),
        *("ivo://org.example/GRB090618",),
    ],
)  # fmt: skip
def test_a_name_tells_the_day(name: str) -> None:
    assert times_in_name(name) == DAY


@pytest.mark.parametrize(
    ("name", "t1", "t2"),
    [
        ("GRB 090618.353", "2009-06-18T07:28:19", "2009-06-18T09:28:19"),
        ("GRB090618.353", "2009-06-18T07:28:19", "2009-06-18T09:28:19"),
        ("GRB 090618.01", "2009-06-17T23:14:24", "2009-06-18T01:14:24"),
        ("ivo://nasa.gsfc.gcn/Fermi#GBM_Fin_Pos2022-08-30T17:00:17.49_683571622_0-865", "2022-08-30T16:00:17", "2022-08-30T18:00:17"),
        ("ivo://nasa.gsfc.gcn/Fermi#GBM_Flt_Pos_2017-11-26T05:38:43.71_533367528_46-276", "2017-11-26T04:38:43", "2017-11-26T06:38:43"),
    ],
)
def test_a_name_with_a_moment_tells_an_hour_on_each_side(name: str, t1: str, t2: str) -> None:
    assert times_in_name(name) == BurstTimes(t1, t2, "its name")


@pytest.mark.parametrize(
    "name",
    [
        *("Crab", "GRB", "GRB 0906", "GRB 090631", "GRB 091318", "GRB 970228", "GRB 021016", "GRB 260101", "GRB 090618 afterglow"),
        *("HD 090618",),
        *("GRS 1915+105", "IGR J17091-3624", "GX 339-4", "IC 342", "IC 4329A", "SGR 1806-20", "AGRB 090618", "GRB 0906181", "090618"),
        *("",),
        *("ivo://nasa.gsfc.gcn/SWIFT#BAT_GRB_Pos_355083-504", "ivo://nasa.gsfc.gcn/Fermi#GBM_2009-13-18T08:28:29"),
        *("2009-06-18T08:28:29",),
    ],
)  # fmt: skip
def test_other_names_and_other_times_tell_none(name: str) -> None:
    """No day of the calendar, none of the mission, or no burst."""
    assert times_in_name(name) is None


def test_the_first_and_the_last_day_of_the_mission_are_of_it() -> None:
    assert times_in_name("GRB 021017") is not None
    assert times_in_name("GRB 250228") is not None
    assert times_in_name("GRB 250301") is None


def test_no_name_of_the_catalogue_is_a_burst() -> None:
    assert [name for name in reference_catalog().names if times_in_name(name)] == []


@given(st.datetimes(min_value=datetime(2002, 10, 18), max_value=datetime(2025, 2, 27)))
def test_every_day_of_the_mission_is_told(moment: Any) -> None:
    times = times_in_name(f"GRB {moment:%y%m%d}B")
    assert times is not None
    assert times.words == f"{moment:%Y-%m-%d}"
    request = Request(**times.values)
    assert problems(request) == []
    assert times.asked_by(request)
    (span,) = request.times
    assert span.stop.ijd - span.start.ijd == pytest.approx(1.0, abs=2e-5), "a leap second at most"


def test_what_a_resolver_tells_is_read_in_every_form_of_a_time() -> None:
    known = BurstTimes("2009-06-18T00:00:00", "2009-06-19T00:00:00", "MMODA")
    assert told_times("2009-06-18", "2009-06-19T00:00:00.0", "MMODA") == known
    assert told_times("2009-06-19", "2009-06-18", "MMODA") is None
    assert told_times("2001-06-18", "2001-06-19", "MMODA") is None
    assert told_times("rev:700", "rev:701", "MMODA") is None
    assert told_times(None, float("nan"), "MMODA") is None
    assert told_times(["2009-06-18"], {}, "MMODA") is None


@pytest.mark.parametrize(
    ("values", "missed"),
    [
        ({}, True),
        ({"T1": "2009-06-18", "T2": "2009-06-19"}, False),
        ({"T1": "2009-06-18T08:00:00", "T2": "2009-06-18T09:00:00"}, False),
        ({"T1": "2009-01-01", "T2": "2010-01-01"}, False),
        ({"T1": ["2009-01-01", "2009-06-18"], "T2": ["2009-02-01", "2009-06-20"]}, False),
        ({"T1": ["2009-01-01", "2009-07-18"], "T2": ["2009-02-01", "2009-07-20"]}, True),
        ({"T1": 3456.0, "T2": 3457.0}, False),
        ({"T1": 3460.0, "T2": 3467.0}, True),
        ({"T1": "rev:100", "T2": "rev:101"}, False),
        ({"revolutions": [815]}, False),
        ({"scw_list": ["081500020010"]}, False),
        ({"observations": ["02200120001"]}, False),
    ],
)
def test_only_times_that_leave_the_burst_out_are_told(values: dict[str, Any], missed: bool) -> None:
    assert DAY.missed_by(Request(**values)) is missed


def test_the_words_name_times_and_who_says_so() -> None:
    assert DAY.note("GRB 090618") == (
        "T1 to T2 leave out the time of GRB 090618, 2009-06-18 by its name: T1 = 2009-06-18T00:00:00, T2 = 2009-06-19T00:00:00 hold it."
    )
    hour = BurstTimes("2009-06-18T07:28:19", "2009-06-18T09:28:19", "MMODA")
    assert hour.words == "2009-06-18 07:28 to 09:28"
    assert BurstTimes("2009-06-17T23:14:24", "2009-06-18T01:14:24", "MMODA").words == "2009-06-17 23:14 to 2009-06-18 01:14"
    assert BurstTimes("2009-06-18T00:00:00", "2009-06-20T00:00:00", "MMODA").words == "2009-06-18 00:00 to 2009-06-20 00:00"
    taken = Request(revolutions=[12], scw_list=[])
    taken.param.update(**hour.values)
    assert (taken.T1, taken.T2, taken.revolutions) == (hour.t1, hour.t2, [])
