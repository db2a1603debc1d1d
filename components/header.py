"""The header: what is looked at, its files, light or dark."""

from __future__ import annotations

from html import escape
from typing import Any

import panel as pn

from components.files import FilesView
from components.hosts import MARKS, HostsView
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
        self._host = pn.widgets.Button(label="Host", description="Hosts and token", css_classes=["act", "host"], margin=0)
        self._host.on_click(self._toggle)
        self._hosts: HostsView | None = None
        theme = pn.widgets.Button(name="◐", description="Light or dark", css_classes=["act", "icon"], margin=0)
        theme.js_on_click(code=TOGGLE)
        self._row = pn.Row(self._title, FilesView(session), self._host, theme, css_classes=["header"], margin=0)
        session.param.watch(lambda _: self.refresh(), "run")
        session.param.watch(self._name_host, ["hosts", "plan"])
        session.request.param.watch(self._name_host, "host_type")
        self._name_host()
        self.refresh()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._row

    def _name_host(self, *_: Any) -> None:
        """The chosen host, how it is, and as whom it is asked."""
        session, name = self._session, self._session.request.host_type
        look = session.hosts.get(name)
        mark = MARKS[look.word][1] if look else MARKS["asking"][1]
        facts = session.standing.facts
        who = "anonymous" if facts is None else "token expired" if facts.expired else facts.name or "with token"
        label = f"{mark} {name} · {who}"
        if self._host.label != label:
            self._host.label = label

    def _toggle(self, *_: Any) -> None:
        """Open or close the hosts; they are built when they are first looked at."""
        self._session.comparing = not self._session.comparing
        if self._hosts is None:
            self._hosts = HostsView(self._session)
            self._row.append(self._hosts)
        self._hosts.__panel__().visible = self._session.comparing

    def refresh(self) -> None:
        """Name the watched run."""
        run = self._session.run
        promise = "mosaics, spectra and light curves, added up as they arrive"
        told = f"{escape(run.name)} <small>{escape(run.run_id)}</small>" if run else promise
        self._title.value = f"<b>INTEGRAL</b><span>{told}</span>"
