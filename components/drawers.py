"""Panels that are opened from the header: each is built when it is first opened, and one is open at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import panel as pn


class Drawers:
    """The panels of a row.

    Parameters
    ----------
    row
        Where they are put.
    makers
        What makes each, by name.
    """

    def __init__(self, row: pn.Row, makers: Mapping[str, Callable[[], pn.viewable.Viewer]]) -> None:
        self._row, self._makers = row, makers
        self._built: dict[str, pn.viewable.Viewer] = {}
        self.opened = ""

    def toggle(self, name: str) -> pn.viewable.Viewer | None:
        """Open a panel, or close it when it is the one that is open; the panel that is open now."""
        return self.open("" if name == self.opened else name)

    def open(self, name: str) -> pn.viewable.Viewer | None:
        """Open a panel and close the others; "" closes all. The panel that is open now."""
        if name and name not in self._built:
            self._built[name] = self._makers[name]()
            self._row.append(self._built[name])
        self.opened = name
        for each, drawer in self._built.items():
            drawer.__panel__().visible = each == name
        return self._built.get(name)
