"""What is known before anything is submitted follows the request, and costs nothing while nothing changes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.ahead import Ahead, interval_values, joined
from dashboard.plan.forecast import forecast, spans_of
from dashboard.request.checks import problems
from dashboard.request.request import Request
from dashboard.request.times import MISSION, TimePoint
from tests.dispatcher.replay import Server, answer, serving
from tests.mission import FIRST_DAY, SILENT, coverage, document, questions, reply, settings_at
from tests.runs.sky_dispatcher import CRAB
from tests.waiting import wait_until

SECOND = 1 / 86400
FIRST, LAST = (TimePoint.parse(edge).ijd for edge in MISSION)
SPAN = st.tuples(st.floats(FIRST, LAST - 1), st.floats(2 * SECOND, 400.0)).map(lambda pair: (pair[0], min(pair[0] + pair[1], LAST)))
SPANS = st.lists(SPAN, min_size=1, max_size=6)
STEPS = st.tuples(st.integers(0, 40), st.integers(1, 12)).map(lambda pair: (float(pair[0]), float(sum(pair))))
ALL = {"T1": "2004-05-19T00:00:00", "T2": "2004-05-23T00:00:00"}
"""The science windows of `tests.mission`."""


@given(SPANS)
def test_intervals_are_read_back_within_a_second_and_then_stay(spans: list[tuple[float, float]]) -> None:
    values = interval_values(spans)
    request = Request(**values)
    assert problems(request) == []
    read = spans_of(request, coverage([]))
    np.testing.assert_allclose(read, sorted(spans), rtol=0, atol=SECOND)
    again = interval_values(read)
    assert set(_pairs(again)) == set(_pairs(values)), "they do not creep, however often they are joined"
    assert (again["scw_list"], again["revolutions"]) == ([], []), "else these would select"


def _pairs(values: dict[str, Any]) -> list[tuple[str, str]]:
    starts, stops = (value if isinstance(value, list) else [value] for value in (values["T1"], values["T2"]))
    return list(zip(starts, stops, strict=True))


@given(st.lists(STEPS, max_size=8), STEPS)
def test_joined_intervals_hold_what_any_of_them_holds(spans: list[tuple[float, float]], added: tuple[float, float]) -> None:
    together = joined(spans, added)
    assert all(start < stop for start, stop in together)
    assert all(before[1] < after[0] for before, after in pairwise(together))
    for moment in np.arange(-1, 54, 0.5).tolist():
        before, after = (any(start <= moment <= stop for start, stop in some) for some in ((*spans, added), together))
        assert after == before, moment


def asked(**values: Any) -> Request:
    return Request(RA=CRAB[0], DEC=CRAB[1], **{**ALL, **values})


@pytest.fixture
def server() -> Iterator[Server]:
    with serving([reply()]) as server:
        yield server


@pytest.fixture
def ahead(tmp_path: Path, server: Server) -> Ahead:
    return Ahead(settings_at(tmp_path, server))


def until_known(ahead: Ahead, request: Request) -> None:
    def known() -> bool:
        ahead.refresh(request)
        return ahead.forecast is not None or bool(ahead.problem)

    wait_until(known, "nothing becomes known of the target")


def test_a_known_target_tells_each_change_of_the_request_at_once(ahead: Ahead, server: Server) -> None:
    until_known(ahead, asked())
    assert ahead.forecast.n_scw == 60
    assert ahead.target.ra == CRAB[0]
    assert len(ahead.spans) == 1
    shorter = asked(**interval_values([(FIRST_DAY, FIRST_DAY + 0.99)]))
    ahead.refresh(shorter)
    assert ahead.forecast.n_scw == 20
    assert ahead.forecast == forecast(ahead.coverage, shorter, spans_of(shorter, ahead.coverage))
    ahead.refresh(asked(radius=3.0))
    assert ahead.forecast.n_scw == 40
    assert len(questions(server)) == 1


def test_nothing_is_done_while_nothing_changes(ahead: Ahead, server: Server) -> None:
    request = asked()
    until_known(ahead, request)
    told: list[Any] = []
    ahead.param.watch(told.append, list(ahead.param), onlychanged=False)
    before = (ahead.forecast, ahead.spans, ahead.coverage)
    for _ in range(100):
        ahead.refresh(request)
    assert told == []
    assert all(now is then for now, then in zip((ahead.forecast, ahead.spans, ahead.coverage), before, strict=True))
    assert len(server.requests) == 1


def test_what_cannot_be_read_has_no_forecast_and_what_is_read_again_has(ahead: Ahead, server: Server) -> None:
    request = asked()
    until_known(ahead, request)
    known = ahead.coverage
    ahead.refresh(None)
    assert not ahead.forecast
    assert ahead.coverage is known, "the figures stand while somebody types"
    ahead.refresh(request)
    assert ahead.forecast.n_scw == 60
    assert len(server.requests) == 1


def test_what_stands_in_the_way_of_a_forecast_is_its_problem_until_it_is_mended(ahead: Ahead) -> None:
    until_known(ahead, asked())
    ahead.refresh(asked(product="spectrum", make_image=True))
    assert not ahead.forecast
    assert "use_default_catalog and make_image are both on" in ahead.problem
    assert ahead.coverage is not None
    ahead.refresh(asked(product="spectrum"))
    assert ahead.problem == ""
    assert ahead.forecast.n_scw == 60


def test_an_archive_that_does_not_answer_says_so_and_is_asked_again_on_demand(tmp_path: Path) -> None:
    with serving([SILENT, reply()]) as server:
        ahead, request = Ahead(settings_at(tmp_path, server)), asked()
        until_known(ahead, request)
        assert (bool(ahead.forecast), ahead.lost) == (False, True)
        assert "The timesystem" in ahead.problem
        ahead.refresh(request)
        assert len(questions(server)) == 1, "not by itself"
        ahead.refresh(request, again=True)
        assert ahead.problem == ""
        until_known(ahead, request)
        assert (ahead.forecast.n_scw, ahead.lost) == (60, False)
        ahead.refresh(request, again=True)
        assert ahead.forecast.n_scw == 60
        assert len(questions(server)) == 2, "what is known is not asked again"


def test_until_the_archive_answers_there_is_neither_a_forecast_nor_a_problem(tmp_path: Path) -> None:
    gate = threading.Event()
    with serving(lambda _: reply() if gate.wait(30) else SILENT) as server:
        ahead, request = Ahead(settings_at(tmp_path, server)), asked()
        ahead.refresh(request)

        def placed() -> bool:
            ahead.refresh(request)
            return ahead.target is not None

        wait_until(placed, "the given position is not known")
        assert (ahead.forecast, ahead.coverage, ahead.problem) == (None, None, "")
        gate.set()
        until_known(ahead, request)
        assert ahead.forecast.n_scw == 60


def test_a_name_that_nobody_knows_is_told(tmp_path: Path) -> None:
    unknown = answer({**document([0.0]), "message": "Krab could not be resolved"})
    with serving([unknown]) as server:
        ahead = Ahead(settings_at(tmp_path, server))
        until_known(ahead, Request(src_name="Krab", **ALL))
        assert (ahead.target, ahead.coverage, ahead.forecast) == (None, None, None)
        assert "'Krab'" in ahead.problem
        assert questions(server) == [], "nowhere is nothing to be looked for"
