"""The strips of the mission: what stands where, in which colour, and how pale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import holoviews as hv
import numpy as np
import pytest
from bokeh.models import Range1d
from hypothesis import given
from hypothesis import strategies as st

from components.coverage import CoverageStrips, mission_edges
from components.elements.coverage import (
    BATCHES,
    LEAST_DAYS,
    WAITING,
    batch_columns,
    mission_columns,
    mission_picture,
    observed,
    scw_columns,
    span_columns,
    strip_picture,
    year_ticks,
)
from components.elements.off_axis import FAR, PALETTE, off_axis_colours
from dashboard.identity import Identity
from dashboard.plan.coverage import Coverage, Strip
from dashboard.request.times import IJD_0_MJD, TimePoint
from dashboard.runs.run_state import BatchState
from dashboard.session import Session
from tests.mission import FIRST_DAY, coverage, sightings
from tests.runs.sky_dispatcher import settings_in

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")

EDGES = ("left", "right", "bottom", "top")
RIGHTS = np.array([1, 0, -1, 1, 0, 1], dtype=np.int8)
"""Public, private, not told, ..."""
SEEN = coverage([0.0, 3.0, 6.0, 9.0, 12.0, 20.0], public=RIGHTS)
EVERY = np.ones(6, dtype=bool)


def timeline(columns: int = 1000, start: float = FIRST_DAY, stop: float = FIRST_DAY + 1.0) -> Strip:
    return SEEN.timeline(EVERY, start, stop, columns)


@given(st.floats(0, 30), st.floats(0, 30))
def test_the_farther_from_the_axis_the_later_in_the_palette(one: float, other: float) -> None:
    near, far = (PALETTE.index(colour) for colour in off_axis_colours(np.array(sorted((one, other)))))
    assert near <= far
    assert far > near or abs(one - other) < 2 * FAR / len(PALETTE) or min(one, other) > 0.9 * FAR


def test_on_axis_is_warm_and_beyond_the_field_is_grey() -> None:
    on_axis, edge, beyond, unknown = off_axis_colours(np.array([0.0, FAR, 90.0, np.nan]))
    assert on_axis == "#f0a202"
    assert edge == beyond == unknown == PALETTE[-1] == "#8d99ae"
    assert len(off_axis_colours(np.empty(0))) == 0


@pytest.mark.parametrize("strip", [timeline(), timeline(2), SEEN.mission(EVERY), timeline(1000, 2000.0, 2001.0), Strip.nothing()])
def test_columns_are_equally_long_and_in_mjd(strip: Strip) -> None:
    columns = scw_columns(strip)
    assert {len(column) for column in columns.values()} == {len(strip)}
    np.testing.assert_allclose(columns["left"], strip.tstart + 51544.0)
    assert (columns["right"] - columns["left"] >= LEAST_DAYS - 1e-9).all()
    assert (columns["right"] >= strip.tstop + 51544.0).all()
    assert (columns["bottom"] < columns["top"]).all()


def test_a_science_window_tells_its_name_rights_and_utc() -> None:
    columns = scw_columns(timeline())
    assert columns["name"].tolist() == list(SEEN.swid)
    assert columns["rights"].tolist() == ["public", "private", "rights unknown", "public", "private", "public"]
    assert columns["alpha"].tolist() == [1.0, 0.4, 1.0, 1.0, 0.4, 1.0], "pale what is private alone"
    assert columns["coded"].tolist() == ["fully coded"] * 2 + ["partly coded"] * 4
    assert columns["revolution"].tolist() == ["665"] * 6
    np.testing.assert_allclose(columns["ks"], 3.0)
    np.testing.assert_allclose(columns["off_axis"], SEEN.off_axis)
    told = np.datetime64("1970-01-01") + np.timedelta64(int(columns["utc"][0]), "ms")
    assert str(told)[:19] == TimePoint("ijd", FIRST_DAY).isot[:19]


def test_merged_columns_tell_how_many_they_hold() -> None:
    columns = scw_columns(timeline(2, FIRST_DAY, FIRST_DAY + 0.3))
    assert columns["name"].tolist() == ["3 ScW", "3 ScW"]
    assert columns["rights"].tolist() == ["partly private", "partly private"], "one of two, and two of three, of what is told"
    assert columns["alpha"].tolist() == [1.0, 1.0]
    assert columns["coded"].tolist() == ["partly and fully coded", "partly coded"]
    assert columns["colour"].tolist() == off_axis_colours(np.array([0.0, 9.0])).tolist(), "of the best"
    np.testing.assert_allclose(columns["ks"], 9.0)


def test_a_column_over_several_revolutions_names_the_first_and_the_last() -> None:
    columns = scw_columns(coverage([1.0] * 130).timeline(np.ones(130, dtype=bool), FIRST_DAY, FIRST_DAY + 7, 1))
    assert columns["revolution"].tolist() == ["665–667"]


def batch(batch_id: str, state: str, start: float = 1600.0, **values: Any) -> BatchState:
    return BatchState(batch_id, state, ("066500010010.001",) * 3, tstart=start, tstop=start + 0.5, **values)


def test_batches_have_the_colour_of_their_state() -> None:
    states = ("planned", "queued", "submitted", "running", "downloading", "done", "reused", "failed", "cancelled")
    columns = batch_columns([batch(state, state) for state in states])
    colour = dict(zip(states, columns["colour"], strict=True))
    assert colour["done"] == colour["reused"]
    assert colour["submitted"] == colour["running"] == colour["downloading"]
    assert colour["planned"] == colour["queued"] == colour["cancelled"] == WAITING
    assert len({colour["done"], colour["running"], colour["failed"], WAITING}) == 4
    red, green, blue = (int(colour["failed"][i : i + 2], 16) for i in (1, 3, 5))
    assert red > 2 * max(green, blue)
    assert set(columns["alpha"]) == {1.0}
    assert {len(column) for column in columns.values()} == {len(states)}


def test_batches_that_are_left_out_are_not_drawn_and_those_outside_the_range_are_pale() -> None:
    batches = [batch("a", "done", 1600.0), batch("b", "excluded", 1601.0), batch("c", "failed", 1602.0, reason="no backend")]
    columns = batch_columns([*batches, batch("d", "queued", np.nan)], frozenset({"a"}))
    np.testing.assert_allclose(columns["left"], [53144.0, 53146.0])
    np.testing.assert_allclose(columns["right"], [53144.5, 53146.5])
    assert columns["alpha"] == [1.0, 0.3]
    assert columns["state"] == ["done", "failed: no backend"]
    assert columns["colour"][1] == BATCHES["failed"]
    assert columns["scw"] == [3, 3]
    assert {len(column) for column in batch_columns([]).values()} == {0}


def test_a_batch_fills_the_time_of_its_science_windows_and_leaves_gaps_open() -> None:
    windows = sightings([0.0] * 100).pointings
    rows = [0, 1, 2, 30, 31, 90]
    wanted = BatchState("a", "done", tuple(f"{windows.swid[row]}.001" for row in reversed(rows)), tstart=1600.0, tstop=1605.0)
    strangers = BatchState("b", "queued", ("000100010010.001",), tstart=1610.0, tstop=1611.0)
    stretches = observed(windows, [wanted, strangers])
    edges = [(windows.tstart[first], windows.tstop[last]) for first, last in ((0, 2), (30, 31), (90, 90))]
    assert stretches == {"a": tuple(edges)}
    columns = batch_columns([wanted, strangers], frozenset({"a"}), stretches)
    np.testing.assert_allclose(columns["left"] - IJD_0_MJD, [*(start for start, _ in edges), 1610.0])
    np.testing.assert_allclose(columns["right"] - IJD_0_MJD, [*(stop for _, stop in edges), 1611.0])
    assert columns["alpha"] == [1.0, 1.0, 1.0, 0.3]
    assert columns["scw"] == [6, 6, 6, 1], "of the batch"
    assert {len(column) for column in columns.values()} == {4}


def test_intervals_and_the_mission_in_mjd() -> None:
    spans = span_columns([(1600.0, 1601.0), (1700.0, 1800.0)])
    assert spans["left"].tolist() == [53144.0, 53244.0]
    assert spans["right"].tolist() == [53145.0, 53344.0]
    assert [len(span_columns([])[name]) for name in EDGES] == [0] * 4
    seen = coverage([4.0, 1.0] * 60)
    columns = mission_columns(seen.mission(np.ones(120, dtype=bool)))
    np.testing.assert_allclose(columns["top"], [180.0, 180.0], err_msg="ks of 60 science windows")
    assert set(columns["colour"]) == set(off_axis_colours(np.array([1.0])).tolist()), "of the best"
    assert (columns["right"] - columns["left"] >= 4.0 - 1e-9).all(), "wide enough to be seen"


def test_years_begin_on_the_first_of_january() -> None:
    ticks = year_ticks()
    assert list(ticks.values()) == [str(year) for year in range(2003, 2026)]
    for mjd, year in ticks.items():
        assert TimePoint("mjd", mjd).isot == f"{year}-01-01T00:00:00.000"
    first, last = mission_edges()
    assert all(first < mjd - IJD_0_MJD < last for mjd in ticks)


def test_pictures_keep_the_order_their_sources_are_found_in() -> None:
    hv.extension("bokeh")
    spans, scw, batches = span_columns([(1600.0, 1601.0)]), scw_columns(timeline()), batch_columns([batch("a", "done"), batch("b", "done")])
    strip, mission = hv.render(strip_picture(scw, batches, spans)), hv.render(mission_picture(mission_columns(SEEN.mission(EVERY)), spans))
    for plot, lengths in ((strip, [1, 6, 2]), (mission, [1, 1])):
        assert [len(renderer.data_source.data["left"]) for renderer in plot.renderers] == lengths
        assert all(set(EDGES) <= set(renderer.data_source.data) for renderer in plot.renderers)


@pytest.fixture
def strips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CoverageStrips:
    """Over the first days of the mission of `tests.mission`; of the target is known what a test says."""
    hv.extension("bokeh")
    monkeypatch.setattr(Session, "look_ahead", lambda *_: None)
    x_range = Range1d(start=FIRST_DAY + IJD_0_MJD, end=FIRST_DAY + 4 + IJD_0_MJD)
    return CoverageStrips(Session(settings_in(tmp_path), Identity()), x_range)


def know(strips: CoverageStrips, seen: Coverage, *spans: tuple[float, float]) -> Session:
    session = strips._session
    session.ahead.param.update(coverage=seen, spans=spans)
    strips.refresh()
    return session


def test_strips_show_what_is_seen_of_the_target_in_view(strips: CoverageStrips) -> None:
    strips.refresh()
    assert len(strips._scw.data["left"]) == 0, "nothing is known"
    session = know(strips, coverage([0.0, 5.0, 12.0] * 30), (FIRST_DAY, FIRST_DAY + 1))
    assert len(strips._scw.data["left"]) == 54, "within 10.5 degrees, during four days"
    assert len(strips._revolutions.data["left"]) == 2
    assert strips._intervals.data["right"].tolist() == [FIRST_DAY + 1 + IJD_0_MJD]
    session.request.radius = 3.0
    strips.refresh()
    assert len(strips._scw.data["left"]) == 27
    know(strips, coverage([5.0, 0.0, 0.0]))
    assert len(strips._scw.data["left"]) == 2, "another target"
    assert len(strips._intervals.data["left"]) == 0


def test_what_is_dragged_is_asked_added_or_looked_at(strips: CoverageStrips) -> None:
    session, day = know(strips, coverage([0.0] * 60)), FIRST_DAY + IJD_0_MJD

    def drag(start: float, stop: float) -> None:
        strips._dragged(start, stop)
        session.ahead.spans = tuple((span.start.ijd, span.stop.ijd) for span in session.request.times)

    drag(day, day + 1)
    assert (session.request.T1, session.request.T2) == ("2004-05-18T23:58:55", "2004-05-19T23:58:55"), "UTC, 64.184 s before TT"
    strips.drag = "add"
    drag(day + 2, day + 3)
    drag(day + 0.5, day + 1.5)
    np.testing.assert_allclose(session.ahead.spans, [(FIRST_DAY, FIRST_DAY + 1.5), (FIRST_DAY + 2, FIRST_DAY + 3)], atol=2 / 86400)
    assert session.selection.time_range is None
    before = session.request.to_dict()
    strips.drag = "look"
    drag(day + 1, day + 2)
    assert session.selection.time_range == pytest.approx((FIRST_DAY + 1, FIRST_DAY + 2))
    assert session.request.to_dict() == before
    strips.drag = "ask"
    drag(-1e6, 1e6)
    (span,) = session.request.times
    np.testing.assert_allclose((span.start.ijd, span.stop.ijd), mission_edges(), atol=1 / 86400)
    drag(mission_edges()[1] + IJD_0_MJD + 1, 1e6)
    assert session.request.times == (span,), "after the mission nothing can be asked"
    assert session.faults == {}


def test_a_target_that_was_never_seen_has_empty_strips(strips: CoverageStrips) -> None:
    know(strips, coverage([20.0, 21.0]))
    assert len(strips._scw.data["left"]) == len(strips._revolutions.data["left"]) == 0
    assert strips.mission.y_range.end > 0
    know(strips, coverage([]))
    assert len(strips._scw.data["left"]) == 0


def test_what_was_seen_of_another_sky_does_not_stay(strips: CoverageStrips) -> None:
    session = know(strips, coverage([0.0, 5.0] * 30), (FIRST_DAY, FIRST_DAY + 1))
    session.ahead.param.update(coverage=None, spans=())
    strips.refresh()
    assert len(strips._scw.data["left"]) > 0, "while the next target is looked up"
    session.ahead.param.update(lost=True)
    strips.refresh()
    for source in (strips._scw, strips._revolutions, strips._intervals, strips._chosen):
        assert {len(column) for column in source.data.values()} == {0}
    session.ahead.param.update(lost=False)
    know(strips, coverage([0.0] * 60), (FIRST_DAY, FIRST_DAY + 1))
    assert len(strips._scw.data["left"]) > 0
    assert len(strips._intervals.data["left"]) == 1
