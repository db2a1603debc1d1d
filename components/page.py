"""The whole page: header, request, line of truth, sky and sources, as one root."""

from __future__ import annotations

from typing import Any

import panel as pn

from components.ask import AskView
from components.sky import SkyView
from components.sources import SourcesView
from components.truth import TruthView
from dashboard.session import Session

REFRESH_MS = 400


class Page(pn.viewable.Viewer):
    """One browser session's page. `session` holds all state."""

    def __init__(self, session: Session, run_id: str = "", **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        if run_id:
            session.open(run_id)
        self._title = pn.pane.HTML(css_classes=["title"], margin=0)
        sky = SkyView(session)
        self._root = pn.Column(
            pn.Row(self._title, css_classes=["header"], margin=0),
            pn.Row(
                AskView(session),
                pn.Column(
                    TruthView(session), pn.Row(sky, SourcesView(session, sky), css_classes=["panes"], margin=0), css_classes=["main"]
                ),
                css_classes=["body"],
                margin=0,
            ),
            css_classes=["page"],
            sizing_mode="stretch_both",
            margin=0,
        )
        session.param.watch(self._entitle, ["run", "request"])
        self._entitle()
        if pn.state.curdoc is not None:
            pn.state.add_periodic_callback(self._refresh, period=REFRESH_MS)

    def __panel__(self) -> pn.viewable.Viewable:
        return self._root

    def _entitle(self, *_: Any) -> None:
        name = self._session.run.name if self._session.run else ""
        self._title.object = f"<b>INTEGRAL</b><span>{name}</span>"

    def _refresh(self) -> None:
        with pn.io.hold():
            self._session.refresh()
