"""The plan in words: what is asked, how deep it goes, and which roles it takes."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.plan_card import ANYONE, INVITATION, extension_lines, forecast_lines, plan_card, plan_lines
from dashboard.account import Standing
from dashboard.errors import ArchiveUnavailable
from dashboard.identity import Identity
from dashboard.plan.forecast import Forecast, forecast, spans_of
from dashboard.plan.roles import LARGE
from dashboard.plan.screening import poor_windows, spared
from dashboard.request.request import Request
from dashboard.session import Session
from tests.mission import coverage
from tests.runs.sky_dispatcher import CRAB, plan_of, settings_in
from tests.signed import signed

SEEN = coverage([0.0, 2.0, 4.0] * 40)
ANONYMOUS = Standing()


def ahead(**values: Any) -> Forecast:
    """Of a request for the whole mission of `tests.mission`, or a part of it."""
    request = Request(RA=CRAB[0], DEC=CRAB[1], **{"T1": "2004-05-18", "T2": "2004-06-18", **values})
    return forecast(SEEN, request, spans_of(request, SEEN))


def privileged(*roles: str) -> Standing:
    return Standing(signed(*roles), "given here")


def limits(html: str) -> list[float]:
    """The numbers before "mCrab"."""
    return [float(number) for number in re.findall(r"([\d.e+-]+) mCrab", html)]


def test_a_forecast_tells_figures_time_and_depth() -> None:
    told = ahead(bands=[[28, 40], [40, 80]])
    html = forecast_lines(told, ANONYMOUS)
    assert f"120 ScW · 360.0 ks · {told.n_batches} batches" in html
    assert told.time_text in html
    assert "ISGRI 28–40 keV: " in html
    assert limits(html) == [pytest.approx(5 * each.error, rel=0.06) for each in told.sensitivities]
    assert len(limits(html)) == 2
    assert ANYONE in html
    assert INVITATION in html
    assert "warn" not in html


def test_a_forecast_tells_the_roles_that_are_lacking_and_only_those() -> None:
    told = ahead(s_max=100)
    assert told.roles_needed == (LARGE,)
    lacking = forecast_lines(told, ANONYMOUS)
    assert f"▲ needs the role {LARGE}, or a smaller s_max" in lacking
    assert ANYONE not in lacking
    both = forecast_lines(ahead(s_max=100, upload_to_gallery=True), privileged(LARGE))
    assert "▲ needs the role gallery contributor" in both
    assert LARGE not in both


def test_who_has_the_roles_is_not_told_that_nobody_needs_them() -> None:
    assert ANYONE not in forecast_lines(ahead(s_max=100), privileged(LARGE))


def test_no_science_window_is_told_with_what_to_do() -> None:
    html = forecast_lines(ahead(T1="2010-01-01", T2="2010-02-01"), ANONYMOUS)
    assert "No science window" in html
    assert "widen the interval or the radius" in html
    assert "batch" not in html


def test_listed_science_windows_that_are_not_there_are_counted() -> None:
    html = forecast_lines(ahead(scw_list=[SEEN.swid[0], SEEN.swid[1], "000100010010"]), ANONYMOUS)
    assert "2 ScW" in html
    assert "1 listed ScW are not within reach" in html
    assert "not within reach" not in forecast_lines(ahead(scw_list=[SEEN.swid[0]]), ANONYMOUS)


def test_a_band_without_a_limit_is_left_out() -> None:
    told = ahead(bands=[[28, 40], [40, 80]])
    first, second = told.sensitivities
    for unknown in (math.nan, math.inf):
        html = forecast_lines(replace(told, sensitivities=(replace(first, error=unknown), second)), ANONYMOUS)
        assert limits(html) == [pytest.approx(5 * second.error, rel=0.06)]
    assert "limit" not in forecast_lines(replace(told, sensitivities=(replace(first, error=math.nan),)), ANONYMOUS)


def test_a_plan_tells_five_times_its_errors_and_how_much_is_there() -> None:
    plan = plan_of(6, bands=[[28, 40], [40, 80]])
    html = plan_lines(plan, 2, ANONYMOUS)
    assert limits(html) == [pytest.approx(5 * error, rel=0.06) for _, _, error in plan.sensitivities()]
    assert len(limits(html)) == 2
    assert f"6 ScW · {plan.exposure / 1e3:.1f} ks · 6 batches" in html
    assert "2 already computed" in html
    assert plan.time_text(4) in html
    assert "SIMULATED" in html
    assert "already computed" not in plan_lines(plan, 0, ANONYMOUS)
    assert "1 batch<" in plan_lines(plan_of(2), 0, ANONYMOUS)
    assert "SIMULATED" not in plan_lines(plan_of(2, host_type="production"), 0, ANONYMOUS)


def test_a_plan_tells_how_its_user_stands() -> None:
    small, large = plan_of(6), plan_of(120, s_max=100)
    assert ANYONE in plan_lines(small, 0, ANONYMOUS)
    assert f"▲ without a token you lack the role {LARGE}; set s_max to 50" in plan_lines(large, 0, ANONYMOUS)
    assert "your roles allow 500 ScW a batch" in plan_lines(small, 0, privileged(LARGE))
    assert "✓ your token has the roles it needs" in plan_lines(plan_of(120, s_max=500), 0, privileged(LARGE))


def test_names_and_notices_are_text() -> None:
    plan = replace(plan_of(2), notices=("<b>beware</b>",), target=replace(plan_of(2).target, name="<Crab>", origin="<me>"))
    html = plan_lines(plan, 0, ANONYMOUS)
    assert not any(mark in html for mark in ("<Crab>", "<me>", "<b>beware"))
    assert "&lt;Crab&gt;" in html


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setattr(Session, "look_ahead", lambda *_: None)
    return Session(settings_in(tmp_path), Identity())


def test_the_card_shows_what_matters_most(session: Session) -> None:
    """Each stands before the one that came before it."""
    assert INVITATION in plan_card(session)
    told = ahead()
    session.ahead.forecast = told
    assert plan_card(session) == forecast_lines(told, session.standing)
    plan = plan_of(2)
    session.accept(plan, 1)
    assert plan_card(session) == plan_lines(plan, 1, session.account.at(plan.host))
    session.busy = "looking up <it>"
    assert "looking up &lt;it&gt; …" in plan_card(session)
    session.refuse(ArchiveUnavailable("No <answer>."))
    assert 'role="alert">No &lt;answer&gt;.' in plan_card(session)
    session.request.param.update(E1_keV=900.0, osa_version="OSA9")
    assert session.plan is None, "a plan of an older request is no plan"
    assert "✗ 2 values to correct" in plan_card(session)
    session.request.param.update(E1_keV=None)
    assert "✗ 1 value to correct" in plan_card(session)


def test_science_windows_of_little_good_time_are_suggested_and_those_left_out_are_told() -> None:
    whole = plan_of(6)
    listed = replace(whole.pointings, good={"isgri": np.array([1700.0, 600.0, 1700.0, 1700.0, 700.0, 1700.0])})
    plan = replace(whole, pointings=listed)
    poor = poor_windows(plan)
    html = plan_lines(plan, 0, ANONYMOUS, poor)
    assert "▲ 2 of 6 ScW of isgri have less than 50% good time: 1.3 ks good of 3.5 ks." in html
    assert "left out" not in html
    without = spared(plan, poor)
    html = plan_lines(without, 0, ANONYMOUS, poor_windows(without))
    assert "good time" not in html
    assert "2 ScW left out; Plan takes them back" in html
    assert "4 ScW · " in html


def test_an_extension_tells_what_it_asks_and_what_is_new_to_know() -> None:
    html = extension_lines(plan_of(6), plan_of(10), ["Beware of <this>."])
    assert "2 batches to ask for. It is not yet." in html
    assert "10 ScW · " in html
    assert "▲ Beware of &lt;this&gt;." in html
    assert "1 batch to ask for" in extension_lines(plan_of(6), plan_of(8), [])
