"""Chips: a choice of several, each a check box underneath, so that keyboard and screen reader know it as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import panel as pn


class Chips(pn.widgets.CheckBoxGroup):
    """Several of several, in the order they are offered.

    Parameters
    ----------
    title
        Stands above the chips, and names them where they are read aloud.
    options
        Label to value.
    chosen
        Values at first.
    choose
        Called with the values whenever the user changes them.
    """

    def __init__(self, title: str, options: Mapping[str, str], chosen: Sequence[str], choose: Callable[[list[str]], None]) -> None:
        self._title, self._choose = title, choose
        super().__init__(options=dict(options), value=self._ordered(options, chosen), inline=True, css_classes=["choice"], margin=0)
        self.param.watch(lambda event: self._choose(self._ordered(self.options, event.new)), "value")

    @staticmethod
    def _ordered(options: Mapping[str, str], chosen: Sequence[str]) -> list[str]:
        return [value for value in options.values() if value in chosen]

    def follow(self, chosen: Sequence[str]) -> None:
        """Take what is chosen elsewhere."""
        values = self._ordered(self.options, chosen)
        if values != self._ordered(self.options, self.value):
            self.value = values

    def _get_properties(self, doc: Any) -> dict[str, Any]:
        return {**super()._get_properties(doc), "html_attributes": {"role": "group", "aria-label": self._title}}
