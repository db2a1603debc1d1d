"""Below the source stands where it is, in both frames, and for a burst a button that asks for its time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import panel as pn
import pytest

from components.position import PositionView
from components.words import Words
from dashboard.archive.resolver import Target
from dashboard.identity import Identity
from dashboard.request.burst import told_times
from dashboard.session import Session
from tests.runs.sky_dispatcher import settings_in

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")  # Bokeh's use of pandas

T1, T2 = "2009-06-18T00:00:00", "2009-06-19T00:00:00"


class Place:
    """The view of a session whose look-ups are answered by hand."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("dashboard.ahead.Ahead.refresh", lambda *_, **__: None)
        self.session = Session(settings_in(folder), Identity(origin="page"))
        self.view: Any = PositionView(self.session).__panel__()

    def ask(self, **values: Any) -> None:
        self.session.request.param.update(**values)

    def found(self, *target: Any, **more: Any) -> None:
        self.session.ahead.param.update(target=Target(*target, **more))

    @property
    def words(self) -> str:
        return str(self.view.select(Words)[0].value)

    def _buttons(self) -> list[Any]:
        return [button for button in self.view.select(pn.widgets.Button) if "burst" in button.css_classes and button.visible]

    @property
    def offer(self) -> str:
        """Label of the button that takes the time of a burst, "" while there is none."""
        return "".join(button.label for button in self._buttons())

    def take(self) -> None:
        (button,) = self._buttons()
        button.clicks += 1

    @property
    def times(self) -> tuple[Any, Any]:
        return self.session.request.T1, self.session.request.T2


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(tmp_path, monkeypatch)


def test_the_position_stands_in_both_frames_with_who_says_so(place: Place) -> None:
    place.ask(src_name="Vela X-1")
    assert "looking the name up" in place.words
    place.found("Vela X-1", 135.5286, -40.5547, "Sesame (NED)")
    assert place.words == "135.5286 -40.5547 (Sesame (NED)) · ℓ 263.06 b +3.93"


def test_coordinates_are_shown_in_both_frames(place: Place) -> None:
    place.found("Crab", 83.6331, 22.0145, "MMODA")
    place.ask(src_name="l=184.5575 b=-5.7843")
    assert "looking" in place.words, "the Crab of before is not what is asked"
    place.found("RA 83.6332 Dec +22.0145", 83.63316682, 22.01448974, "given")
    assert place.words == "83.6332 +22.0145 (given) · ℓ 184.56 b -5.78"
    place.ask(src_name="05 34 99 +22 00 52")
    assert "RA has 99 seconds" in place.session.faults["src_name"]
    assert place.words == ""


def test_edit_begins_with_what_the_coordinates_say(place: Place) -> None:
    place.ask(src_name="l=184.5575 b=-5.7843")
    place.found("RA 83.6332 Dec +22.0145", 83.63316682, 22.01448974, "given")
    place.view.select(pn.widgets.Toggle)[0].value = True
    assert (place.session.request.RA, place.session.request.DEC) == (83.6332, 22.0145)
    assert place.session.faults == {}


def test_the_day_of_a_burst_is_offered_and_taken_with_one_click(place: Place) -> None:
    before = place.times
    place.ask(src_name="Crab")
    assert place.offer == ""
    place.ask(src_name="GRB 090618", revolutions=[700])
    assert place.offer == "Take 2009-06-18 (by its name)"
    assert place.times == before, "it is not taken by itself"
    place.take()
    assert place.times == (T1, T2)
    assert place.session.request.revolutions == []
    assert place.offer == "", "it is asked for now"
    place.ask(T2="2009-06-20T00:00:00")
    assert place.offer != ""
    place.ask(src_name="Crab")
    assert place.offer == ""


def test_what_a_resolver_tells_takes_the_place_of_the_name(place: Place) -> None:
    place.ask(src_name="GRB 090618")
    told = told_times("2009-06-18T08:00:00", "2009-06-18T09:00:00", "MMODA")
    place.found("GRB 090618", 293.995, 78.3569, "MMODA", burst=told)
    assert place.offer == "Take 2009-06-18 08:00 to 09:00 (by MMODA)"
    place.take()
    assert place.times == ("2009-06-18T08:00:00", "2009-06-18T09:00:00")
    place.ask(src_name="GRB 090902B")
    assert place.offer == "Take 2009-09-02 (by its name)", "what is known of another burst is of no use"
