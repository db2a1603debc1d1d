"""The frame every view stands in: title, switches, quiet menu, body, one status line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import panel as pn

from components.words import Words


def empty_state(sentence: str) -> Words:
    """What stands in a pane before its first data: what to do next."""
    return Words(f"<p>{sentence}</p>", "empty", sizing_mode="stretch_both")


class Pane(pn.viewable.Viewer):
    """A titled frame whose body can be replaced."""

    def __init__(
        self, title: str, *, bar: Sequence[Any] = (), menu: Sequence[Any] = (), body: Any, foot: Any = None, css_class: str = ""
    ) -> None:
        super().__init__()
        head: Any = Words(f"<h2>{title}</h2>", "pane-title" if bar or menu else "pane-bar")
        if bar or menu:
            head = pn.Row(head, *bar, *menu, css_classes=["pane-bar"], margin=0)
        parts = [head, body] if foot is None else [head, body, foot]
        self._frame = pn.Column(*parts, css_classes=["pane", css_class] if css_class else ["pane"], margin=0, sizing_mode="stretch_both")

    def __panel__(self) -> pn.viewable.Viewable:
        return self._frame

    @property
    def bar(self) -> Any:
        """The row of title, switches and menu."""
        return self._frame[0]

    @property
    def body(self) -> Any:
        """What the frame holds."""
        return self._frame[1]

    @body.setter
    def body(self, content: Any) -> None:
        self._frame[1] = content
