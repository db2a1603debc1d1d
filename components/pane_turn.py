"""A pane's own turn: panes follow the data one by one, and between two of them everybody else is served."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any, Final
from weakref import WeakKeyDictionary

import panel as pn
from bokeh.document import Document

from components.turn import in_turn

PATIENCE: Final = 0.04
"""Seconds after which no further pane is taken before others are served."""


@contextmanager
def building() -> Iterator[None]:
    """New things reach the browser in one message, and Bokeh walks through the document once to find them: it would after each."""
    doc = pn.state.curdoc
    with pn.io.hold():
        if doc is None:
            yield
            return
        with doc.models.freeze():
            yield


class PaneTurn:
    """Asks for an act, which is then done once, however often it was asked for; outside a page it is done right away.

    Parameters
    ----------
    act
        What to do.
    builds
        Whether the act will put new things into the page.
    """

    def __init__(self, act: Callable[[], None], builds: Callable[[], bool]) -> None:
        self.act, self.builds = act, builds

    def __call__(self, *_: Any) -> None:
        """Ask."""
        doc = pn.state.curdoc
        if doc is None:
            self.act()
        else:
            _queues.setdefault(doc, _Queue()).ask(self)


class _Queue:
    """The turns of one page, taken as long as nobody has to wait; the rest asks anew, behind all others who are served."""

    def __init__(self) -> None:
        self._waiting: list[PaneTurn] = []
        self._going = False

    def ask(self, turn: PaneTurn) -> None:
        if turn not in self._waiting:
            self._waiting.append(turn)
        if not self._going:
            self._going = True
            in_turn(self._take)

    def _take(self) -> None:
        end = perf_counter() + PATIENCE
        try:
            with building() if any(turn.builds() for turn in self._waiting) else pn.io.hold():
                self._waiting.pop(0).act()
                while self._waiting and perf_counter() < end:
                    self._waiting.pop(0).act()
        finally:
            self._going = bool(self._waiting)
            if self._going:
                in_turn(self._take)


_queues: WeakKeyDictionary[Document, _Queue] = WeakKeyDictionary()
