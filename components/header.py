"""The header: what is looked at, its files, light or dark."""

from __future__ import annotations

from html import escape
from typing import Any

import panel as pn

from components.files import FilesView
from components.words import Words
from dashboard.session import Session

TOGGLE = """
const root = document.documentElement
const dark = root.dataset.theme ? root.dataset.theme == "dark" : matchMedia("(prefers-color-scheme: dark)").matches
root.dataset.theme = dark ? "light" : "dark"
localStorage.setItem("integral-theme", root.dataset.theme)
"""

SAVED_THEME = """
const saved = localStorage.getItem("integral-theme")
if (saved) document.documentElement.dataset.theme = saved
"""


class HeaderView(pn.viewable.Viewer):
    """One line over everything."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self._title = Words("", "title")
        theme = pn.widgets.Button(name="◐", description="Light or dark", css_classes=["act", "icon"], margin=0)
        theme.js_on_click(code=TOGGLE)
        self._row = pn.Row(self._title, FilesView(session), theme, css_classes=["header"], margin=0)
        session.param.watch(lambda _: self.refresh(), "run")
        self.refresh()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._row

    def refresh(self) -> None:
        """Name the watched run."""
        run = self._session.run
        promise = "mosaics, spectra and light curves, added up as they arrive"
        told = f"{escape(run.name)} <small>{escape(run.run_id)}</small>" if run else promise
        self._title.value = f"<b>INTEGRAL</b><span>{told}</span>"
