"""Text of the page: HTML that changes in place."""

from __future__ import annotations

from typing import Any

import panel as pn


class Words(pn.widgets.StaticText):
    """HTML as a widget: a pane would make a layout of its own that nobody sees, at the price of the pane itself."""

    def __init__(self, html: str = "", *css_classes: str, **params: Any) -> None:
        super().__init__(value=html, css_classes=list(css_classes), **{"margin": 0, "sizing_mode": "stretch_width", **params})
