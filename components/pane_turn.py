"""A pane's own turn: panes follow the data one by one, and between two of them everybody else is served."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel as pn

from components.turn import in_turn


class PaneTurn:
    """Calling it asks for `act`, which is then done once, however often it was asked for; outside a page it is done at once."""

    def __init__(self, act: Callable[[], None]) -> None:
        self._act = act
        self._asked = False

    def __call__(self, *_: Any) -> None:
        if not self._asked:
            self._asked = True
            in_turn(self._take)

    def _take(self) -> None:
        self._asked = False
        with pn.io.hold():
            self._act()
