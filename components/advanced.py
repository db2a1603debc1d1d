"""All further parameters under their own names, with a search over names and help, and the way to the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import panel as pn

from components.fields import Field
from components.words import Words
from dashboard.routes.docs import parameter_link
from dashboard.session import Session


class AdvancedFields(pn.viewable.Viewer):
    """A field a parameter, each below its name."""

    def __init__(self, session: Session, names: Sequence[str], **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self._find = pn.widgets.TextInput(placeholder="search parameters", label="Search", css_classes=["search"], margin=0)
        self._column = pn.Column(self._find, css_classes=["advanced"], margin=0)
        self._parts: dict[str, tuple[Any, Any]] = {}
        for name in names:
            link = Words(
                f'<a href="{parameter_link(name)}" target="_blank" title="What it is, in the documentation">{name} ↗</a>', "parameter"
            )
            field = Field(session, name, self._column).widget
            self._parts[name] = (link, field)
            self._column.extend([link, field])
        self._nothing = Words("No parameter is called so, or speaks of it.", "quiet", visible=False)
        self._column.append(self._nothing)
        self._find.param.watch(self._search, "value_input")

    def __panel__(self) -> pn.viewable.Viewable:
        return self._column

    def _search(self, event: Any) -> None:
        """Show those whose name or help holds all words."""
        words = (event.new or "").casefold().split()
        found = 0
        for name, parts in self._parts.items():
            text = f"{name} {parts[1].label} {self._session.request.param[name].doc}".casefold()
            shown = all(word in text for word in words)
            found += shown
            for part in parts:
                part.visible = shown
        self._nothing.visible = not found
