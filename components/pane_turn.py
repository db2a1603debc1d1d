"""A pane's own turn: panes follow the data one by one, and between two of them everybody else is served."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import panel as pn
from bokeh.document import Document

from components.turn import in_turn


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
    empty
        Whether there is nothing in the pane yet, so that the act may build.
    """

    def __init__(self, act: Callable[[], None], empty: Callable[[], bool]) -> None:
        self._act, self._empty = act, empty

    def __call__(self, *_: Any) -> None:
        """Ask."""
        doc = pn.state.curdoc
        if doc is None:
            self.take()
        else:
            _queues.setdefault(doc, _Queue()).ask(self)

    def take(self) -> None:
        """Do it now."""
        with building() if self._empty() else pn.io.hold():
            self._act()


class _Queue:
    """The turns of one page. Each asks for the next when it has ended: those that are asked for together are served together."""

    def __init__(self) -> None:
        self._waiting: list[PaneTurn] = []
        self._going = False

    def ask(self, turn: PaneTurn) -> None:
        if turn not in self._waiting:
            self._waiting.append(turn)
        if not self._going:
            self._going = True
            in_turn(self._next)

    def _next(self) -> None:
        turn = self._waiting.pop(0)
        try:
            turn.take()
        finally:
            self._going = bool(self._waiting)
            if self._going:
                in_turn(self._next)


_queues: WeakKeyDictionary[Document, _Queue] = WeakKeyDictionary()
