"""Switches of a pane that act at once."""

from __future__ import annotations

from typing import ClassVar

import panel as pn


class Chips(pn.widgets.RadioButtonGroup):
    """One of a few: Panel waits 50 ms for more of the same, and nobody types into this."""

    _debounce: ClassVar[int] = 1


class Menu(pn.widgets.Select):
    """One of several."""

    _debounce: ClassVar[int] = 1


class Ticked(pn.widgets.Tabulator):
    """A table with boxes: a tick that still waits is lost where new rows come."""

    _debounce: ClassVar[int] = 1
