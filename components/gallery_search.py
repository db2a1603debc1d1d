"""What MMODA's gallery has of the selected source; asked when somebody wants to know, and not before."""

from __future__ import annotations

import asyncio
from html import escape
from typing import Any

import panel as pn

from components.gallery_words import product_rows
from components.words import Words
from dashboard.errors import DashboardError
from dashboard.gallery.draft import named_target
from dashboard.gallery_board import GalleryAnswer, gallery_board, gallery_host
from dashboard.hosts import SIMULATED
from dashboard.request.coordinates import read_coordinates
from dashboard.runs.publication import Publication
from dashboard.session import Session


def searched_name(session: Session) -> str:
    """The selected source, else the target of the run or the request; "" when none has a name that others know."""
    selected, plan = session.selection.source, session.look.plan if session.look else None
    kind = next((source.kind for source in session.sources.sources if source.name == selected), "known")
    if selected and kind in ("known", "forced"):
        return selected
    if plan is not None:
        return plan.target.name if named_target(plan) else ""
    written = session.request.src_name.strip()
    return written if written and read_coordinates(written) is None else ""


class GallerySearch(pn.viewable.Viewer):
    """A button that names the source, and a table below it."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self._answer: GalleryAnswer | None = None
        self._own: tuple[Publication, ...] = ()
        self._drawn: object = None
        self._head, self._list = Words("", "gallery-head"), Words("", "gallery-found")
        self._ask = pn.widgets.Button(label="Look up", css_classes=["act", "small"], margin=0)
        self._ask.on_click(self._asked)
        bar = pn.Row(self._head, self._ask, css_classes=["drawer-bar"], margin=0)
        self._column = pn.Column(bar, self._list, css_classes=["token"], margin=0, sizing_mode="stretch_width")

    def __panel__(self) -> pn.viewable.Viewable:
        return self._column

    @property
    def _host(self) -> str:
        session = self._session
        return gallery_host(session.settings, session.run, session.request.host_type)

    async def _asked(self, *_: Any) -> None:
        name, host = searched_name(self._session), self._host
        try:
            self._own = await asyncio.to_thread(self._session.store.gallery_of, host)
            self._answer = gallery_board(self._session.settings).ask(host, name)
        except DashboardError as error:
            self._session.refuse(error)

    def refresh(self) -> None:
        """Name the source that would be looked up, and show what is known of the one that was."""
        name, host, answer = searched_name(self._session), self._host, self._answer
        state = (name, host, answer, answer and answer.ready, self._simulated)
        if state == self._drawn:
            return
        self._drawn = state
        label = f"Look up {name}"
        if self._ask.label != label:
            self._ask.label = label
        self._ask.visible = bool(name and host)
        self._head.value = self._told(name, host)
        self._list.value = self._found(answer) if answer else ""

    @property
    def _simulated(self) -> bool:
        run = self._session.run
        return (run.host if run else self._session.request.host_type) == SIMULATED

    def _told(self, name: str, host: str) -> str:
        if not host:
            return '<h2>In the gallery</h2><p class="quiet">No host with a gallery is offered here.</p>'
        sky = (
            '<p class="warn">▲ Observations of the real sky; what this page shows beside them is simulated.</p>' if self._simulated else ""
        )
        nameless = "" if name else '<p class="quiet">Select a source that has a name: products are looked up by it.</p>'
        return f"<h2>In the gallery of {escape(host)}</h2>{sky}{nameless}"

    def _found(self, answer: GalleryAnswer) -> str:
        source = escape(answer.source)
        if answer.products is None:
            return (
                f'<p class="bad">{escape(answer.problem)}</p>'
                if answer.problem
                else f'<p class="quiet" role="status">asking for {source} …</p>'
            )
        count = len(answer.products)
        if not count:
            return f'<p class="quiet" role="status">Nothing of {source}.</p>'
        return f'<p class="quiet" role="status">{source}: {count} product{"s" * (count != 1)}</p>{product_rows(answer.products, self._own)}'
