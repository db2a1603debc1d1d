"""The token: typed once, never shown again, never kept by the page."""

from __future__ import annotations

import asyncio
from html import escape
from typing import Any

import panel as pn

from components.words import Words
from dashboard.errors import DashboardError
from dashboard.session import Session

HELP = (
    "Token of your MMODA account. It is kept in memory, in the worker, until that ends; never in a file, an address or a log. "
    "Without one, public data and up to 50 ScW a batch."
)


class TokenField(pn.viewable.Viewer):
    """A password field that empties itself and says what the token said."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self._field = pn.widgets.PasswordInput(
            label="token", placeholder="anonymous", description=HELP, sizing_mode="stretch_width", margin=0
        )
        self._told = Words()
        self._field.param.watch(self._take, "value")

    def __panel__(self) -> pn.viewable.Viewable:
        return pn.Column(self._field, self._told, margin=0, sizing_mode="stretch_width")

    async def _take(self, event: Any) -> None:
        if not event.new:
            return
        try:
            await asyncio.to_thread(self._session.take_token, event.new)
            roles = ", ".join(self._session.identity.roles) or "no roles"
            told = f'<p class="ok">✓ token taken: {escape(roles)}</p>'
        except DashboardError as error:
            told = f'<p class="bad" role="alert">{escape(error.sentence)}</p>'
        self._field.value = ""
        self._told.value = told
        self._session.param.trigger("plan")
