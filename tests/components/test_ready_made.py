"""What ISLA has ready-made: drawn apart from the run's own, marked as ISLA's, and asked for by nobody who does not look."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import holoviews as hv
import httpx
import numpy as np
import panel as pn
import pytest
from panel.pane import Bokeh
from panel.widgets import Button

from components.elements.ready_made import ready_columns
from components.header import HeaderView
from components.ready_made import NOTHING, ReadyMadeView
from components.sky import SkyView
from components.words import Words
from dashboard.archive.ready_made import ReadyLightCurve
from dashboard.identity import Identity
from dashboard.session import Session
from tests.archive.fake_isla import CRAB, SOURCE_ID, FakeIsla, standing
from tests.published import PublishedRun
from tests.runs.sky_dispatcher import plan_of
from tests.test_ready_board import settings_with
from tests.test_session import looking, no_worker  # noqa: F401
from tests.waiting import wait_until

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")


@pytest.fixture
def isla() -> FakeIsla:
    return FakeIsla()


@pytest.fixture
def session(isla: FakeIsla, tmp_path: Path) -> Iterator[Session]:
    """It looks at a run of an institute's host, in revolution 665."""
    hv.extension("bokeh")
    with standing(isla) as url:
        yield looking(PublishedRun(settings_with(tmp_path, url), plan_of(4, host_type="institute")))


def words(view: ReadyMadeView) -> str:
    return " ".join(str(text.value) for text in parts(view, Words))


def parts(view: Any, kind: type) -> list[Any]:
    return list(view.__panel__().select(kind))


def plots(view: ReadyMadeView) -> list[Any]:
    return [pane.object for pane in parts(view, Bokeh)]


def shown(session: Session, figures: int = 2) -> ReadyMadeView:
    view = ReadyMadeView(session)

    def drawn() -> bool:
        view.refresh()
        return len(plots(view)) == figures and " is asked, and has" not in words(view)

    wait_until(drawn, "ISLA's products are not drawn")
    return view


def test_light_curve_and_spectrum_are_drawn_and_marked(session: Session) -> None:
    curve, spectrum = plots(view := shown(session))
    assert curve.yaxis[0].axis_label == "ISLA counts/s"
    assert spectrum.yaxis[0].axis_label == "ISLA counts/s/keV"
    points = curve.renderers[1].data_source.data
    assert points["x"].tolist() == [54544.25, 54554.5, 54644.75]
    assert points["y"].tolist() == [10.0, 11.0, 12.0]
    (band,) = (each for each in curve.center if type(each).__name__ == "BoxAnnotation" and each.visible)
    assert (band.left, band.right) == pytest.approx((53144.12, 53144.23), abs=1e-6)
    told = words(view)
    for part in ("NOT THIS RUN'S", SOURCE_ID, "ISGRI 28–40 keV: 3 points, counts/s, times to 21 s, osa_2022", "asked 20", "OSA11.2"):
        assert part in told


def test_the_epoch_of_the_run_is_chosen_and_its_mosaics_are_found_when_asked_for(session: Session, isla: FakeIsla) -> None:
    view = shown(session)
    assert "mosaics" not in isla.asked
    (button,) = (each for each in parts(view, Button) if each.label == "28–40 keV")
    button.clicks += 1

    def found() -> bool:
        view.refresh()
        return "mosaic_oid=5" in words(view)

    wait_until(found, "the mosaic is not found")
    assert '<a href="http://127.0.0.1:' in words(view)
    assert 'rel="noopener noreferrer">ISGRI_0665_28_40_mosaic.tar</a>' in words(view)
    assert "file of a mosaic" not in isla.asked


def test_names_from_outside_are_escaped(session: Session, isla: FakeIsla) -> None:
    isla.sources = [{"name": "<img src=x>", "ra": CRAB[0], "dec": CRAB[1], "source_id": SOURCE_ID}]
    told = words(shown(session))
    assert "&lt;img src=x&gt;" in told
    assert "<img" not in told


def test_what_fails_leaves_the_rest(session: Session, isla: FakeIsla) -> None:
    isla.broken["spectra"] = lambda _: httpx.Response(404, text="gone")
    view = shown(session, figures=1)
    assert "HTTP status 404" in words(view)
    assert "ISGRI 28–40 keV: 3 points" in words(view)


def test_nothing_there_is_told(session: Session, isla: FakeIsla) -> None:
    isla.spectra = []
    assert "ISLA has no spectrum of this epoch." in words(shown(session, figures=1))


def test_another_target_leaves_nothing_of_the_last_one(session: Session) -> None:
    view = shown(session)
    session.leave_run()
    session.request.host_type = "institute"
    session.ahead.param.update(target=None)
    view.refresh()
    assert plots(view) == []
    assert NOTHING in words(view)
    assert SOURCE_ID not in words(view)


def test_the_header_offers_it_for_real_hosts_alone_and_asks_nobody_before_it_is_opened(session: Session, isla: FakeIsla) -> None:
    def buttons(view: HeaderView) -> list[str]:
        return [each.label for each in parts(view, Button) if each.visible and each.label == "ISLA"]

    header = HeaderView(session, SkyView(session))
    assert buttons(header) == ["ISLA"]
    assert isla.asked == []
    (door,) = (each for each in parts(header, Button) if each.label == "ISLA")
    door.clicks += 1
    wait_until(lambda: "epochs" in isla.asked, "ISLA is not asked")
    session.leave_run()
    session.request.host_type = "simulated"
    assert buttons(header) == []
    assert not any(each.visible for each in parts(header, pn.Column) if "ready" in each.css_classes)
    another = Session(session.settings, Identity())
    assert buttons(HeaderView(another, SkyView(another))) == []


def test_many_points_are_thinned_to_what_a_screen_shows() -> None:
    days = np.linspace(52000.0, 60000.0, 100_000)
    rate = np.zeros(len(days))
    rate[77_777] = 500.0
    points = ready_columns(ReadyLightCurve("isgri", None, days, rate, rate + 1, "counts/s", 1.0, "", "f"))["points"]
    assert len(points["x"]) < 5_000
    assert points["y"].max() == 500.0
