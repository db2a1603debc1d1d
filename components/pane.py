"""The frame every view stands in: title, switches, quiet menu, body, one status line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import panel as pn

from components.words import Words


def empty_state(sentence: str) -> Words:
    """What stands in a pane before its first data: what to do next."""
    return Words(f"<p>{sentence}</p>", "empty", sizing_mode="stretch_both")


def _acts(title: str) -> Words:
    """Buttons that `assets/page.js` listens to: they act in the browser alone."""
    return Words(
        f'<button type="button" data-act="enlarge" title="Enlarge {title}, or back (Esc)" aria-label="Enlarge {title}">⤢</button>'
        f'<button type="button" data-act="hide" title="Hide {title}" aria-label="Hide {title}">–</button>',
        "frame-acts",
    )


class Pane(pn.viewable.Viewer):
    """A titled frame whose body can be replaced."""

    def __init__(
        self, title: str, *, bar: Sequence[Any] = (), menu: Sequence[Any] = (), body: Any, foot: Any = None, css_class: str = ""
    ) -> None:
        super().__init__()
        name = css_class.removesuffix("-pane") or "pane"
        head = pn.Row(
            Words(f'<h2 data-pane="{name}">{title}</h2>', "pane-title"),
            *bar,
            *menu,
            _acts(title),
            css_classes=["pane-bar"],
            margin=0,
        )
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

    def add_below(self, row: Any) -> None:
        """Put a row between body and status line."""
        self._frame.insert(2, row)

    def lay(self, drawer: Any) -> None:
        """Put something over the body; where it stands is up to its style."""
        self._frame.append(drawer)
