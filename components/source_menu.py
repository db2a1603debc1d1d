"""Of which source a pane shows spectra or light curves: a menu of names, one with the session's selection."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from components.choices import Menu
from dashboard.session import Session


class SourceMenu:
    """A small select. Whoever shows products calls `take` with the names there are."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._name = ""
        self.widget = Menu(label="Source shown", options=[], css_classes=["menu"], width=150)
        self.widget.param.watch(self._choose, "value")

    def take(self, names: Iterable[str], brightest: str) -> str:
        """Offer these names; of them the selected source is shown, else the target, else the brightest."""
        offered = sorted(dict.fromkeys(names), key=str.casefold)
        target = self._session.look.plan.target.name if self._session.look else ""
        self._name = next((name for name in (self._session.selection.source, target, brightest) if name in offered), "")
        self.widget.param.update(options=offered, value=self._name or None)
        return self._name

    def remark(self, what: str) -> str:
        """HTML: the selected source has none of `what`; "" when it has."""
        selected = self._session.selection.source
        return f"no {what} of {escape(selected)}: it is not in the catalogue" if selected not in ("", self._name) else ""

    def _choose(self, event: Any) -> None:
        if event.new and event.new != self._name:
            self._session.selection.source = event.new
