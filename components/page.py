"""The whole page: header, request, line of truth, sky, sources and histogram, as one root."""

from __future__ import annotations

import asyncio
from typing import Any

import panel as pn
from bokeh.models import CustomJS
from bokeh.settings import settings

from components.ask import AskView
from components.header import SAVED_THEME, HeaderView
from components.histogram import HistogramView
from components.sky import SkyView
from components.sources import SourcesView
from components.truth import TruthView
from dashboard.errors import DashboardError
from dashboard.session import Session

REFRESH_MS = 400
settings.perform_document_validation = False  # three walks through every new document, to find what only a developer could mend


class Page(pn.viewable.Viewer):
    """One browser session's page. `session` holds all state."""

    def __init__(self, session: Session, run_id: str = "", **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        if run_id:
            session.open(run_id)
        sky = SkyView(session)
        right = pn.Column(SourcesView(session, sky), HistogramView(session), css_classes=["side"], margin=0)
        panes = pn.Row(sky, right, css_classes=["panes"], margin=0)
        main = pn.Column(TruthView(session), panes, css_classes=["main"], margin=0)
        body = pn.Row(AskView(session), main, css_classes=["body"], margin=0)
        self._root = pn.Column(HeaderView(session), body, css_classes=["page"], sizing_mode="stretch_both", margin=0)
        session.param.watch(self._address, "run")
        if pn.state.curdoc is not None:
            pn.state.add_periodic_callback(self._refresh, period=REFRESH_MS)
            pn.state.onload(self._warm)
            pn.state.curdoc.js_on_event("document_ready", CustomJS(code=SAVED_THEME))

    def __panel__(self) -> pn.viewable.Viewable:
        return self._root

    async def _warm(self) -> None:
        """The first batch comes seconds sooner when the worker has been loading while the visitor was choosing."""
        try:
            await asyncio.to_thread(self._session.warm)
        except DashboardError as error:
            self._session.refuse(error)

    def _address(self, event: Any) -> None:
        """The address names the run, so that it is found again after the browser was closed."""
        if pn.state.location is not None and event.new is not None:
            pn.state.location.update_query(run=event.new.run_id)

    def _refresh(self) -> None:
        with pn.io.hold():
            self._session.refresh()
