"""Times mean what INTEGRAL's conventions say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.errors import RequestError
from dashboard.request.request import Request
from dashboard.request.times import TimePoint, parse_spans


def test_ijd_zero_is_the_start_of_2000_in_terrestrial_time() -> None:
    # TT - UTC was 64.184 s in 2000, 66.184 s in 2009
    assert TimePoint.parse(0).isot == "1999-12-31T23:58:55.816"
    assert TimePoint.parse("2009-02-15T00:00:00").ijd == pytest.approx(3333 + 66.184 / 86400, abs=1e-9)


def test_a_bare_number_is_ijd_below_10000_and_mjd_above() -> None:
    assert TimePoint.parse(3333.25).kind == "ijd"
    assert TimePoint.parse("54877.25").kind == "mjd"
    assert TimePoint.parse(3333.25).isot == TimePoint.parse(54877.25).isot == "2009-02-15T05:58:53.816"


@given(st.floats(1, 9999))
@settings(max_examples=50)
def test_conversion_to_utc_and_back_keeps_the_millisecond(ijd: float) -> None:
    assert TimePoint.parse(TimePoint("ijd", ijd).isot).ijd * 86400 == pytest.approx(ijd * 86400, abs=0.6e-3, rel=0)


@pytest.mark.parametrize("text", ["2009-02-15", "2009-02-15 00:00", "2009-02-15T00:00:00Z", " 2009-02-15T00:00:00.000 "])
def test_iso_forms_are_the_same_moment(text: str) -> None:
    assert TimePoint.parse(text).isot == "2009-02-15T00:00:00.000"


def test_a_leap_second_is_a_time() -> None:
    assert TimePoint.parse("2008-12-31T23:59:60").isot == "2008-12-31T23:59:60.000"


def test_revolutions_wait_for_the_archive() -> None:
    point = TimePoint.parse("rev:1554")
    assert (point.kind, point.value) == ("rev", 1554)
    with pytest.raises(RequestError, match="archive"):
        _ = point.isot


@pytest.mark.parametrize(
    "wrong",
    ["", "yesterday", "2009-02-30", "15/02/2009", "rev:", "2150-01-01", "2027-12-31", -1, 1e5, 10**400, True, None, {}, "nan", "1e999"],
)
def test_what_is_no_time_is_refused_by_name(wrong: Any) -> None:
    with pytest.raises(RequestError) as caught:
        TimePoint.parse(wrong, "T2")
    assert caught.value.field == "T2"
    assert caught.value.sentence.startswith("T2 = ")


def test_lists_give_several_spans_and_must_fit() -> None:
    spans = Request(T1=["2009-02-15", "rev:900"], T2=["2009-02-16", "rev:901"]).times
    assert [span.start.kind for span in spans] == ["utc", "rev"]
    for t1, t2 in (([1.0], 2.0), ([1.0], [2.0, 3.0]), ([], [])):
        with pytest.raises(RequestError, match="list"):
            parse_spans(t1, t2)


@pytest.mark.parametrize(
    ("t1", "t2", "expected"),
    [("2009-02-15", "2009-02-14", True), (3333, 54877, True), (3333, 54878, False), ("rev:9", "rev:8", True), ("rev:9", "rev:9", False)],
)
def test_reversed_spans_are_seen_across_notations(t1: Any, t2: Any, expected: bool) -> None:
    assert parse_spans(t1, t2)[0].reversed is expected
