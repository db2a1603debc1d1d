"""The page of a shared run: it says what it is, and what a browser makes of it by force does nothing."""

from __future__ import annotations

from pathlib import Path

import holoviews as hv
import panel as pn
import pytest

from components.shared_header import SharedHeader
from components.sky import SkyView
from components.sources import SourcesView
from components.time import TimeView
from components.truth import TruthView
from components.words import Words
from dashboard.identity import Identity
from dashboard.runs.store import RunStore
from dashboard.session import Session
from dashboard.view import View
from dashboard.visit import Visit
from tests.published import PublishedRun
from tests.runs.sky_dispatcher import plan_of, settings_in

pytestmark = [pytest.mark.sqlite, pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")]


@pytest.fixture
def run(tmp_path: Path) -> PublishedRun:
    hv.extension("bokeh")
    made = PublishedRun(settings_in(tmp_path / "data"), plan_of(4, bands=[[28, 40], [40, 80]]))
    made.publish(0, 1.0)
    made.publish(1, 2.0)
    return made


@pytest.fixture
def shared(run: PublishedRun) -> tuple[Session, Visit]:
    visit = Visit(link=RunStore(run.settings).share(run.run_id))
    session = visit.session(run.settings, None)
    session.open(visit.look(session)[0])
    run.seen(session)
    return session, visit


def words(view: pn.viewable.Viewer) -> str:
    return " ".join(text.value for text in view.__panel__().select(Words) if isinstance(text, Words))


def labels(view: pn.viewable.Viewer) -> list[str]:
    return [str(getattr(button, "label", "")) for button in view.__panel__().select(pn.widgets.Button)]


def test_no_button_of_the_page_changes_anything(shared: tuple[Session, Visit]) -> None:
    session, visit = shared
    sky = SkyView(session)
    views = (SharedHeader(session, visit.copied), TruthView(session), sky, SourcesView(session, sky), TimeView(session))
    told = [label for view in views for label in labels(view)]
    assert told, "looking has its buttons"
    for name in ("Run", "Plan", "Publish", "Batches", "Retry failed", "Cancel", "Share", "Gallery", "Runs"):
        assert name not in told


def test_the_header_says_what_it_is_and_leads_to_a_copy(shared: tuple[Session, Visit]) -> None:
    session, visit = shared
    header = words(SharedHeader(session, visit.copied))
    assert "shared by link, read-only" in header
    assert f'href="?copy={visit.link}"' in header
    assert "ticket=link%3A" in header


def test_a_browser_that_ticks_boxes_it_was_not_given_gets_no_buttons(run: PublishedRun, shared: tuple[Session, Visit]) -> None:
    owner = Session(run.settings, Identity())
    owner.watch_run(run.run_id)
    run.seen(owner)
    for session, offered in ((shared[0], False), (owner, True)):
        view = SourcesView(session, SkyView(session))
        view._table.selection = [0]
        assert bool(view._acts) == offered


def test_an_ended_link_is_told_where_the_run_was(run: PublishedRun, shared: tuple[Session, Visit]) -> None:
    session, _ = shared
    truth = TruthView(session)
    assert "of 4 batches" in words(truth)
    session.leave_run()
    session.problem = "This link was <b>revoked</b>."
    assert "This link was &lt;b&gt;revoked" in words(truth)
    assert "of 4 batches" not in words(truth)


def test_a_view_goes_from_one_page_to_another(run: PublishedRun, shared: tuple[Session, Visit]) -> None:
    owner = Session(run.settings, Identity())
    owner.watch_run(run.run_id)
    run.seen(owner)
    mine, other = SkyView(owner), SkyView(shared[0])
    owner.show(1)
    mine.look.param.update(plane="flux", stretch="linear", grid="none")
    owner.selection.source = "Crab"
    mine.centre(83.6, 22.0, 0.3)
    other.take_view(View.of_json(mine.view.to_json()))
    assert other.view == mine.view
    assert mine.view.zoom == pytest.approx((83.6, 22.0, 0.3), abs=2e-3)
    assert (shared[0].shown, other.look.plane, other.look.grid) == (1, "flux", "none")


def test_a_view_of_what_the_run_does_not_have_leaves_it_as_it_is(shared: tuple[Session, Visit]) -> None:
    session, _ = shared
    sky = SkyView(session)
    sky.take_view(View(shown=7, source="Nobody"))
    assert session.shown == 0
    assert session.mosaic is not None
