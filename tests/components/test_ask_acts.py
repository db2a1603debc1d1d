"""What the form offers beside Plan and Run: to leave poor science windows out, and to extend a run knowing what that means."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import panel as pn
import pytest

from components.ask import AskView
from components.plan_card import plan_card
from dashboard.errors import ArchiveUnavailable
from dashboard.identity import Identity
from dashboard.request.request import Request
from dashboard.road import prepare
from dashboard.runs.store import RunStore
from dashboard.session import Session
from tests.dispatcher.replay import Server, serving
from tests.mission import reply, settings_at
from tests.runs.sky_dispatcher import CRAB, plan_of, settings_in

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")  # Bokeh's use of pandas

OLD = {"RA": CRAB[0], "DEC": CRAB[1], "src_name": "Crab", "osa_version": "OSA10.2", "T1": "2004-05-18", "T2": "2004-06-18"}
UNCALIBRATED = "OSA10.2 is not calibrated beyond revolution 1626"


def offered(view: AskView) -> list[str]:
    buttons: Any = view.__panel__().select(pn.widgets.Button)
    return [button.label for button in buttons if button.visible and "advice" in button.css_classes]


def test_poor_science_windows_are_left_out_by_a_click_and_planned_again_are_back(tmp_path: Path) -> None:
    session = Session(settings_in(tmp_path), Identity())
    view, whole = AskView(session), plan_of(6)
    plan = replace(whole, pointings=replace(whole.pointings, good={"isgri": np.array([1700.0, 600, 1700, 1700, 700, 1700])}))
    session.accept(plan, 0)
    assert offered(view) == ["Leave out 2 ScW of little good time"]
    assert session.plan is plan, "nothing is left out unasked"
    asyncio.run(view._leave_out())
    assert session.plan.n_scw == 4
    assert session.plan.n_left_out == 2
    assert offered(view) == []
    assert "2 ScW left out" in plan_card(session)
    session.accept(plan, 0)
    assert offered(view) == ["Leave out 2 ScW of little good time"]


class Watched:
    """A run of OSA10.2 on a page whose archive is the tests' own."""

    def __init__(self, folder: Path, server: Server) -> None:
        settings = settings_at(folder, server)
        self.store = RunStore(settings)
        self.run_id = self.store.start(prepare(settings, Request.from_dict(OLD), Identity()), Identity())
        self.session = Session(settings, Identity())
        self.session.open(self.run_id)
        self.view = AskView(self.session)

    @property
    def until(self) -> str:
        return str(self.store.plan(self.run_id).request["T2"])


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    for name in ("session", "run_acts"):
        monkeypatch.setattr(f"dashboard.{name}.ensure_worker", lambda _: None)
    with serving([reply()]) as server:
        yield Watched(tmp_path, server)


def test_what_a_longer_interval_is_warned_of_is_read_before_it_is_asked(watched: Watched) -> None:
    session, view = watched.session, watched.view
    session.request.T2 = "2016-03-01"
    assert offered(view) == ["Extend the run to this interval"]
    asyncio.run(view._extend())
    assert watched.until == OLD["T2"], "nothing has happened yet"
    assert offered(view) == ["Extend the run nevertheless"]
    assert UNCALIBRATED in plan_card(session)
    session.request.T2 = "2016-03-02"
    assert (session.extension, offered(view)) == (None, ["Extend the run to this interval"]), "what was read belongs to another interval"
    asyncio.run(view._extend())
    asyncio.run(view._extend())
    assert watched.until == "2016-03-02"
    assert session.extension is None
    assert any(UNCALIBRATED in notice for notice in watched.store.plan(watched.run_id).notices)


def test_what_brings_no_news_is_extended_at_once(watched: Watched) -> None:
    watched.session.request.T2 = "2004-07-18"
    asyncio.run(watched.view._extend())
    assert watched.until == "2004-07-18"


def test_an_extension_that_fails_is_no_longer_offered_as_read(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    session = watched.session
    session.request.T2 = "2016-03-01"
    asyncio.run(watched.view._extend())

    def fail(*_: Any) -> int:
        raise ArchiveUnavailable("Nobody answers.")

    monkeypatch.setattr(type(session.acts), "extend", fail)
    asyncio.run(watched.view._extend())
    assert session.problem == "Nobody answers."
    assert session.extension is None
    assert watched.until == OLD["T2"]
