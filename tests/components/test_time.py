"""The time pane: what was observed when stands below the light curves, and one range is seen in all of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import holoviews as hv
import param
import pytest

from components import time
from components.part_slider import PartSlider, told
from components.time import LEAST_DAYS, TimeView
from components.words import Words
from dashboard.archive.resolver import Target
from dashboard.identity import Identity
from dashboard.part_board import part_board
from dashboard.request.times import IJD_0_MJD
from dashboard.session import Session
from tests.mission import FIRST_DAY, coverage
from tests.runs.sky_dispatcher import CRAB, settings_in
from tests.runs.stored_run import StoredRun
from tests.test_part_board import held_up
from tests.test_range_look import BATCHES, plan_of_three, stored_run_of_three
from tests.test_session import no_worker  # noqa: F401

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the target is known what a test says."""
    hv.extension("bokeh")
    monkeypatch.setattr(Session, "look_ahead", lambda *_: None)


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(settings_in(tmp_path), Identity())


@pytest.fixture
def run(tmp_path: Path) -> StoredRun:
    """A mosaic, spectra and light curves, within a quarter of a day."""
    return stored_run_of_three(tmp_path)


def words(view: TimeView) -> str:
    return " ".join(text.value for text in view.__panel__().select(Words) if isinstance(text, Words))


def view_range(view: TimeView) -> tuple[float, float]:
    """IJD."""
    return view._x.start - IJD_0_MJD, view._x.end - IJD_0_MJD


def seen(session: Session, *spans: tuple[float, float]) -> None:
    session.ahead.param.update(target=Target("Crab", *CRAB, "given"), coverage=coverage([0.0, 5.0, 12.0] * 20), spans=spans)


def test_before_a_run_the_mission_is_shown_and_what_was_seen_is_counted(session: Session) -> None:
    view = TimeView(session)
    assert time.LOOKING in words(view)
    seen(session, (FIRST_DAY, FIRST_DAY + 1))
    assert time.LOOKING not in words(view)
    assert len(view._column.children) == 2, "science windows and the mission"
    assert "Crab: 40 ScW within 10.5°" in words(view)
    start, stop = view_range(view)
    assert start < FIRST_DAY
    assert stop > FIRST_DAY + 1
    assert stop - start < 10, "what is asked, not the mission"
    session.request.radius = 3.0
    assert "Crab: 20 ScW within 3°" in words(view)


def test_why_nothing_is_known_is_told(session: Session) -> None:
    view = TimeView(session)
    session.ahead.problem = "The <timesystem> is silent."
    assert "The &lt;timesystem&gt; is silent." in words(view)
    assert time.LOOKING not in words(view)


def test_the_view_stands_still_under_a_drag_and_follows_what_is_typed(session: Session) -> None:
    view = TimeView(session)
    seen(session, (FIRST_DAY, FIRST_DAY + 2))
    before = view_range(view)
    strips = view._strips
    assert strips is not None
    strips.dragged = inside = ((FIRST_DAY + 0.5, FIRST_DAY + 1),)
    session.ahead.spans = inside
    assert view_range(view) == before
    session.ahead.spans = ((FIRST_DAY + 0.5, FIRST_DAY + 1.5),)
    assert view_range(view) == (FIRST_DAY + 0.5 - LEAST_DAYS, FIRST_DAY + 1.5 + LEAST_DAYS)
    session.ahead.spans = ((FIRST_DAY + 0.5, FIRST_DAY + 1), (FIRST_DAY + 900, FIRST_DAY + 901))
    assert view_range(view)[1] > FIRST_DAY + 901


def test_a_run_is_framed_once_and_its_figures_stand_below_each_other(run: StoredRun) -> None:
    session = Session(run.settings, Identity())
    view = TimeView(session)
    seen(session, (FIRST_DAY, FIRST_DAY + 1))
    session.watch_run(run.run_id)
    assert len(view._column.children) == 3
    curves, strip, _ = view._column.children
    assert curves.x_range is strip.x_range
    start, stop = view_range(view)
    windows = run.plan.pointings
    assert start < windows.tstart[0] < windows.tstop[-1] < stop
    view._x.update(start=start + 1 + IJD_0_MJD, end=stop - 1 + IJD_0_MJD)
    session.refresh()
    session.product_version += 1
    assert view_range(view) == pytest.approx((start + 1, stop - 1)), "zoom stays"
    assert (view._x.reset_start, view._x.reset_end) == (start + IJD_0_MJD, stop + IJD_0_MJD)
    session.leave_run()
    assert len(view._column.children) == 2


def test_a_selected_range_is_seen_in_every_figure_and_can_be_taken_back(run: StoredRun) -> None:
    session = Session(run.settings, Identity())
    view: Any = TimeView(session)
    seen(session)
    session.watch_run(run.run_id)
    batches = run.plan.batches
    assert not view._clear.visible
    with held_up(part_board(run.settings)):
        view._selected(batches[1].tstart + IJD_0_MJD, batches[2].tstop + IJD_0_MJD)
    assert session.selection.time_range == pytest.approx((batches[1].tstart, batches[2].tstop), abs=1e-9)
    assert view._clear.visible
    assert view._strips._batches.data["alpha"] == [0.3, 1.0, 1.0, 0.3]
    bands = [figure.select({"type": type(view._strips._band._box)}) for figure in view._column.children[:2]]
    chosen = [box for some in bands for box in some if box.visible and box.left is not None and box.level == "underlay"]
    assert [box.left for box in chosen] == pytest.approx([batches[1].tstart + IJD_0_MJD] * 2)
    view._clear.clicks += 1
    assert session.selection.time_range is None
    assert not view._clear.visible
    assert view._strips._batches.data["alpha"] == [1.0] * BATCHES
    assert not any(box.visible for box in chosen)


def let_go(slider: Any, first: int, last: int) -> None:
    """As the browser tells it when the mouse button is up: what has not changed is no event."""
    with param.edit_constant(slider):
        slider.param.update(value=(first, last), value_throttled=(first, last))


def test_the_slider_takes_whole_batches_and_follows_the_range(run: StoredRun) -> None:
    session = Session(run.settings, Identity())
    slider: Any = PartSlider(session)
    assert not slider.__panel__().visible
    session.watch_run(run.run_id)
    assert slider.__panel__().visible
    widget, batches = slider._slider, run.plan.batches_of(run.plan.jobs[0])
    assert (widget.end, widget.value) == (BATCHES - 1, (0, BATCHES - 1))
    assert slider._words.value.endswith("(all)")
    with held_up(part_board(run.settings)):
        let_go(widget, 1, 2)
        assert session.selection.time_range == (batches[1].tstart, batches[2].tstop)
        assert slider._words.value == told(batches, 1, 2)
        answer = session.range.answer(0)
        assert answer is not None
        assert answer.batch_ids == tuple(batch.batch_id for batch in batches[1:3]), "what it says is what is added up"
        session.selection.time_range = (batches[2].tstart, batches[3].tstop)
        assert widget.value == (2, 3)
        session.selection.time_range = (batches[0].tstart, batches[0].tstart + 1e-4)
        assert widget.value == (2, 3), "a range between the middles of batches moves no handle"
    let_go(widget, 0, BATCHES - 1)
    assert session.selection.time_range is None, "all of them is no range"


def test_the_same_stretch_can_be_chosen_again(run: StoredRun) -> None:
    session = Session(run.settings, Identity())
    session.watch_run(run.run_id)
    slider: Any = PartSlider(session)
    with held_up(part_board(run.settings)):
        let_go(slider._slider, 1, 2)
        session.selection.time_range = None
        assert slider._slider.value == (0, BATCHES - 1)
        let_go(slider._slider, 1, 2)
    assert session.selection.time_range is not None


def test_a_stretch_of_batches_in_words() -> None:
    plan = plan_of_three()
    batches = plan.batches_of(plan.jobs[0])
    start, stop = batches[1].tstart + IJD_0_MJD, batches[2].tstop + IJD_0_MJD
    assert told(batches, 1, 2) == f"rev 665 · MJD {start:.1f}–{stop:.1f}"
