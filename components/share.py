"""Sharing: links by which others look at the watched run, and a link that only fills the form."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from html import escape
from typing import Any, Final
from urllib.parse import quote

import panel as pn

from components.choices import Menu
from components.sky import SkyView
from components.turn import in_turn
from components.words import Words
from dashboard.errors import DashboardError
from dashboard.request.link import link_of_request
from dashboard.runs.links import Link
from dashboard.session import Session

LASTING: Final = {"7 days": 7, "30 days": 30, "for ever": None}
COPY = "navigator.clipboard ? navigator.clipboard.writeText(field.value) : window.prompt('Copy the link', field.value)"
"""Browsers give pages a clipboard on https and on localhost only."""
ABOUT = (
    '<p class="quiet">Whoever has a link sees the run as it grows, with what you look at now: band, colours, zoom, selection. '
    "Nothing can be changed by it, and no other run is seen. The link itself is kept nowhere: copy it now.</p>"
)


def link_words(link: Link, now: float) -> str:
    """HTML: for whom a link is, since when, until when."""
    if link.revoked is not None:
        until = "revoked"
    elif link.expires is None:
        until = "for ever"
    else:
        until = f"{'until' if link.opens(now) else 'expired'} {_day(link.expires)}"
    return f"<b>{escape(link.name) or 'link'}</b> <small>{link.link_id[:8]} · made {_day(link.created)} · {until}</small>"


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"


class ShareView(pn.viewable.Viewer):
    """A panel that is opened from the header."""

    def __init__(self, session: Session, sky: SkyView, **params: Any) -> None:
        super().__init__(**params)
        self._session, self._sky = session, sky
        self._lasting = Menu(label="Lasts", options=list(LASTING), value="30 days", margin=0, width=110)
        self._name = pn.widgets.TextInput(label="For whom (your note)", margin=0, sizing_mode="stretch_width")
        make = pn.widgets.Button(label="Make a link to this run", css_classes=["act", "small"], margin=0)
        ask = pn.widgets.Button(label="Link to this request", css_classes=["act", "small"], margin=0)
        self._made = pn.widgets.TextInput(label="Link", margin=0, sizing_mode="stretch_width")
        copy = pn.widgets.Button(label="Copy", css_classes=["act", "small"], margin=0, align="end")
        copy.jscallback(clicks=COPY, args={"field": self._made})
        self._made_row = pn.Row(self._made, copy, css_classes=["pair"], margin=0, visible=False)
        self._told, self._list = Words(""), pn.Column(css_classes=["link-list"], margin=0, sizing_mode="stretch_width")
        make.on_click(self._make)
        ask.on_click(self._ask)
        lines = [pn.Row(self._name, self._lasting, css_classes=["pair"], margin=0), pn.Row(make, css_classes=["drawer-bar"], margin=0)]
        self._own = pn.Column(Words(ABOUT), *lines, css_classes=["token"], margin=0, sizing_mode="stretch_width")
        request = Words('<p class="quiet">A link to the request fills the form and starts nothing.</p>')
        bar = pn.Row(ask, request, css_classes=["drawer-bar"], margin=0)
        parts = (Words("<h2>Share</h2>"), self._own, bar, self._made_row, self._told, self._list)
        self._column = pn.Column(*parts, css_classes=["drawer", "share"], margin=0, sizing_mode="stretch_width")

    def __panel__(self) -> pn.viewable.Viewable:
        return self._column

    async def refresh(self) -> None:
        """List the links to the watched run as they are now."""
        run = self._session.run
        self._own.visible = run is not None
        found = await self._done(lambda: self._session.acts.links(run)) if run is not None else ()

        def show() -> None:
            self._list[:] = [self._row(link) for link in found or ()]

        in_turn(show)

    def _row(self, link: Link) -> pn.Row:
        words = Words(link_words(link, time.time()))
        if not link.opens(time.time()):
            return pn.Row(words, margin=0)
        revoke = pn.widgets.Button(label="Revoke", css_classes=["act", "small"], margin=0)
        revoke.on_click(partial(self._revoke, link))
        return pn.Row(words, revoke, margin=0)

    async def _make(self, *_: Any) -> None:
        run, days = self._session.run, LASTING[self._lasting.value]
        if run is None:
            return
        view, name = self._sky.view, self._name.value or ""
        secret = await self._done(lambda: self._session.acts.share(run, days, view, name))
        if secret is not None:
            in_turn(lambda: self._show(f"link={secret}"))
            await self.refresh()

    async def _revoke(self, link: Link, *_: Any) -> None:
        await self._done(lambda: self._session.acts.revoke(link))
        await self.refresh()

    def _ask(self, *_: Any) -> None:
        try:
            self._show(f"ask={link_of_request(self._session.asked())}")
        except DashboardError as error:
            self._tell(error.sentence)

    def _show(self, query: str) -> None:
        place = pn.state.location
        base = self._session.settings.address or (place.href if place is not None and place.href else "")
        self._made.value = f"{base.partition('?')[0].partition('#')[0]}?{quote(query, safe='=')}"
        self._made_row.visible = True
        self._tell("")

    async def _done(self, act: Callable[[], Any]) -> Any:
        """What an act returns; None when it is refused, and then why is shown."""
        try:
            return await asyncio.to_thread(act)
        except DashboardError as error:
            sentence = error.sentence
            in_turn(lambda: self._tell(sentence))
            return None

    def _tell(self, sentence: str) -> None:
        self._told.value = f'<p class="bad" role="alert">{escape(sentence)}</p>' if sentence else ""
