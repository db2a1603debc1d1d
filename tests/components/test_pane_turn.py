"""Panes take turns: each acts once, none is forgotten, and a long act lets others in."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import panel as pn
import pytest
from bokeh.document import Document
from bokeh.models import Column
from bokeh.models.widgets.markups import Div
from panel.io.state import set_curdoc

from components import pane_turn
from components.pane_turn import PaneTurn

Acts = list[Callable[[], None]]


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Acts]:
    """The event loop of a page: what waits for its turn."""
    waiting: Acts = []
    monkeypatch.setattr(pane_turn, "in_turn", waiting.append)
    with set_curdoc(Document()):
        yield waiting


class Diary:
    """Panes that note when they act."""

    def __init__(self) -> None:
        self.acted: list[str] = []

    def pane(self, name: str) -> PaneTurn:
        return PaneTurn(lambda: self.acted.append(name), lambda: False)


def test_outside_a_page_it_is_done_at_once() -> None:
    diary = Diary()
    diary.pane("sky")()
    assert diary.acted == ["sky"]


def test_what_is_asked_for_often_is_done_once_in_the_order_of_the_first_asking(loop: Acts) -> None:
    diary = Diary()
    sky, sources = diary.pane("sky"), diary.pane("sources")
    for turn in (sky, sources, sky, sources):
        turn()
    assert diary.acted == []
    assert len(loop) == 1
    loop.pop()()
    assert diary.acted == ["sky", "sources"], "quick ones share a turn, and a message"
    assert loop == []
    sky()
    loop.pop()()
    assert diary.acted == ["sky", "sources", "sky"]


def test_between_two_long_acts_others_are_served(loop: Acts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pane_turn, "PATIENCE", 0.0)
    diary = Diary()
    for name in ("sky", "sources", "time"):
        diary.pane(name)()
    for done in (1, 2, 3):
        assert len(loop) == 1
        loop.pop()()
        assert len(diary.acted) == done
    assert loop == []


def test_a_pane_that_asks_while_it_acts_acts_again(loop: Acts) -> None:
    acted: list[int] = []

    def act() -> None:
        acted.append(len(acted))
        if len(acted) == 1:
            turn()

    turn = PaneTurn(act, lambda: False)
    turn()
    while loop:
        loop.pop()()
    assert acted == [0, 1]


def test_a_pane_that_fails_stops_no_other(loop: Acts) -> None:
    diary = Diary()

    def fail() -> None:
        raise ZeroDivisionError

    PaneTurn(fail, lambda: False)()
    diary.pane("sources")()
    with pytest.raises(ZeroDivisionError):
        loop.pop()()
    loop.pop()()
    assert diary.acted == ["sources"]
    assert loop == []


def test_bokeh_looks_for_new_things_once_a_turn_and_not_at_all_without_any(loop: Acts, monkeypatch: pytest.MonkeyPatch) -> None:
    doc, page, looked = pn.state.curdoc, Column(), list[int]()
    assert doc is not None
    doc.add_root(page)
    look = doc.models.recompute

    def counted() -> None:
        looked.append(1)
        look()

    monkeypatch.setattr(doc.models, "recompute", counted)
    panes = [PaneTurn(lambda: setattr(page, "children", [*page.children, Div()]), lambda: True) for _ in range(3)]
    for pane in panes:
        pane()
    loop.pop()()
    assert len(page.children) == 3
    assert all(child.document is doc for child in page.children)
    assert looked == [1]
    PaneTurn(lambda: page.update(tags=["changed"]), lambda: False)()
    loop.pop()()
    assert looked == [1]
