"""The whole page as one root: header, request, line of truth, sky, time, and beside the sky sources, spectra and histogram.

The style sheet lays them out on one grid: every layout inside another costs a session milliseconds. What panes do by themselves
(enlarge, hide, take room from each other, the keys) happens in the browser: `assets/page.js`.
"""

from __future__ import annotations

import asyncio
import gc
from functools import partial
from typing import Any

import panel as pn
from bokeh.models import CustomJS
from bokeh.settings import settings

from assets import asset_path
from components.ask import AskView
from components.catalogue_editor import CatalogueEditor
from components.header import HeaderView
from components.histogram import HistogramView
from components.pane_turn import building
from components.shared_header import SharedHeader
from components.sky import SkyView
from components.sources import SourcesView
from components.spectra import SpectraView
from components.time import TimeView
from components.truth import TruthView
from components.turn import in_turn
from dashboard.errors import DashboardError
from dashboard.session import Session
from dashboard.visit import Visit
from dashboard.watcher import watcher

REFRESH_MS = 400
CELL_HEIGHT = 860
"""Screen pixels of the page in a notebook."""
gc.freeze()  # of the libraries loaded so far nothing is ever garbage: a full collection would look through all of it, session by session
settings.perform_document_validation = False  # three walks through every new document, to find what only a developer could mend


class Page(pn.viewable.Viewer):
    """One browser session's page. `session` holds all state; `visit` is what the address asked of it.

    With `cell` it stands among other things, in a notebook: without the header, and with the form only where `form` says so.
    """

    def __init__(self, session: Session, visit: Visit, *, cell: bool = False, form: bool = True, **params: Any) -> None:
        super().__init__(**params)
        self._session, self._visit = session, visit
        self._loaded = False
        sky = self._sky = SkyView(session)
        self._ask = AskView(session) if form and not session.shared else None
        self._side = pn.Column(
            SourcesView(session, sky), HistogramView(session), css_classes=["side"], sizing_mode="stretch_both", margin=0
        )
        header = None if cell else SharedHeader(session, visit.copied) if session.shared else HeaderView(session, sky)
        views = (header, self._ask, TruthView(session, publishing=not cell), sky, self._side, TimeView(session))
        self._kind = ["page", *(["cell"] if cell else []), *([] if self._ask else ["no-form"])]
        size: dict[str, Any] = {"sizing_mode": "stretch_width", "height": CELL_HEIGHT} if cell else {"sizing_mode": "stretch_both"}
        self._root = pn.Column(*filter(None, views), css_classes=self._kind, margin=0, **size)
        self._spectra: SpectraView | None = None
        self._editor: CatalogueEditor | None = None
        session.param.watch(self._arrange, ["run", "plan", "draft", "product_version"])
        self._arrange()
        session.param.watch(self._address, "run")
        if pn.state.curdoc is not None:
            pn.state.add_periodic_callback(self._refresh, period=REFRESH_MS)
            pn.state.onload(self.warm)
            pn.state.curdoc.js_on_event("document_ready", CustomJS(code=asset_path("page.js").read_text()))

    def __panel__(self) -> pn.viewable.Viewable:
        return self._root

    async def warm(self) -> None:
        """The first batch comes seconds sooner when the worker has been loading while the visitor was choosing."""
        self._loaded = True
        try:
            await self._open()
            if self._ask is not None:
                self._ask.suggest(await asyncio.to_thread(self._session.suggestions))
                await asyncio.to_thread(self._session.warm)
        except DashboardError as error:
            in_turn(partial(self._session.refuse, error))

    async def _open(self) -> None:
        """Show what the address asks for. A run is shown once its files have been read: whoever else is served does not wait for them."""
        session, visit = self._session, self._visit
        values = await asyncio.to_thread(visit.values, session.settings)
        run_id, view = await asyncio.to_thread(visit.look, session)
        watch = await asyncio.to_thread(watcher(session.settings).watch, run_id) if run_id else None

        def show() -> None:
            session.request.param.update(**values)
            if watch is not None:
                with building():
                    session.open(watch.run_id)
                    self._sky.take_view(view)

        in_turn(show)

    def _arrange(self, *_: Any) -> None:
        """Show the panes of what the run, or the plan, makes; each is built when it is first needed."""
        session = self._session
        present = {product: bool(session.expected(product)) for product in ("mosaic", "spectrum", "lightcurve")}
        if self._spectra is None and present["spectrum"]:
            self._spectra = SpectraView(session)
            self._side.insert(1, self._spectra)
        if session.draft is not (self._editor.draft if self._editor else None):
            self._edit()
        marks = {
            "no-map": (present["spectrum"] or present["lightcurve"]) and not present["mosaic"],
            "energy": present["spectrum"],
            "time": present["lightcurve"],
            "review": session.draft is not None,
            "shared": session.shared is not None,
        }
        chosen = [mark for mark, holds in marks.items() if holds]
        self._root.css_classes, self._side.css_classes = [*self._kind, *chosen], ["side", *chosen]

    def _edit(self) -> None:
        """The editor of the catalogue that waits for its owner, in the place of the last one."""
        session = self._session
        if self._editor is not None:
            self._side.remove(self._editor.__panel__())
            self._editor = None
        if session.draft is not None:
            close = (lambda: session.edit(None)) if session.editing else None
            self._editor = CatalogueEditor(session.draft, session.resolve, close)
            session.draft.param.watch(self._decided, "used")
            self._side.append(self._editor)

    async def _decided(self, event: Any) -> None:
        """Go on with the catalogue; when that fails the decision is open again."""
        if event.new is None:
            return
        if self._session.editing:
            in_turn(self._session.take_edited)
            return
        try:
            await asyncio.to_thread(self._session.use_catalog)
        except DashboardError as error:
            event.obj.param.update(used=None, problem=error.sentence)

    def _address(self, event: Any) -> None:
        """The address names the run, so that it is found again after the browser was closed; a link stays what it is."""
        if pn.state.location is None or self._session.shared is not None:
            return
        if event.new is None:
            pn.state.location.search = ""
        elif event.old is None or event.old.run_id != event.new.run_id:
            pn.state.location.update_query(run=event.new.run_id)

    def _refresh(self) -> None:
        if not self._loaded:
            return  # what changes between the document's making and its arrival reaches the browser in parts
        with pn.io.hold():
            self._session.refresh()
