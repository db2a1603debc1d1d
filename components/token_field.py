"""The token of the chosen host: typed or uploaded, never shown again; what it says and what it allows."""

from __future__ import annotations

import asyncio
from html import escape
from typing import Any

import panel as pn

from components.words import Words
from dashboard.account import Standing
from dashboard.errors import DashboardError
from dashboard.session import Session

HELP = (
    "Token of your MMODA account. It stays in the memory of this server, and sealed in its database as long as one of your runs "
    "needs it; never in a file, an address or a log. Without one: public data and up to 50 ScW a batch."
)


def standing_lines(standing: Standing, host: str) -> str:
    """HTML: whose token it is, until when, and all that takes a role, with a mark and a word."""
    facts = standing.facts
    if facts is None:
        head = f"Anonymous at {escape(host)}: public data, up to {standing.largest_batch} ScW a batch."
        who = f'<p class="quiet">{head}</p>'
    else:
        until = f"{facts.expires:%Y-%m-%d %H:%M} UTC" if facts.expires else "never"
        state, mark = ("bad", "✗ expired") if facts.expired else ("ok", "✓ expires")
        who = (
            f'<p class="{state}">{mark} {until}</p>'
            f'<p class="quiet">{escape(facts.name or "no name")} ({escape(standing.place)}); roles: '
            f"{escape(', '.join(facts.roles) or 'none')}</p>"
        )
    rows = "".join(
        f'<tr class="{"ok" if right.held else "quiet"}"><td>{"✓ yes" if right.held else "– no"}</td><td>{escape(right.what)}</td>'
        f"<td>{escape(right.role)}</td></tr>"
        for right in standing.rights
    )
    return f'{who}<table class="plain"><tr><th>may</th><th>what</th><th>takes the role</th></tr>{rows}</table>'


class TokenField(pn.viewable.Viewer):
    """A password field that empties itself, a file to upload instead, and a button to go on without."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self._field = pn.widgets.PasswordInput(
            label="token", placeholder="paste it, then Enter", description=HELP, sizing_mode="stretch_width", margin=0
        )
        self._file = pn.widgets.FileInput(multiple=False, css_classes=["upload"], margin=0, sizing_mode="stretch_width")
        self._forget = pn.widgets.Button(label="Forget it", css_classes=["act"], margin=0, visible=False)
        self._fault, self._told = Words("", "fault-line"), Words("", "standing")
        self._field.param.watch(self._typed, "value")
        self._file.param.watch(self._uploaded, "value")
        self._forget.on_click(self._forgotten)
        session.request.param.watch(self.refresh, "host_type")
        self.refresh()

    def __panel__(self) -> pn.viewable.Viewable:
        or_file = Words('<span class="quiet">or the file that holds it</span>')
        parts = (self._field, or_file, self._file, self._forget, self._fault, self._told)
        return pn.Column(*parts, css_classes=["token"], margin=0, sizing_mode="stretch_width")

    def refresh(self, *_: Any) -> None:
        """Say how the user stands before the chosen host."""
        standing = self._session.standing
        self._told.value = standing_lines(standing, self._session.request.host_type)
        self._forget.visible = bool(standing.token)

    async def _typed(self, event: Any) -> None:
        if event.new:
            await self._take(event.new)
            self._field.value = ""

    async def _uploaded(self, event: Any) -> None:
        if event.new:
            await self._take(event.new.decode("ascii", errors="replace"))
            self._file.clear()

    async def _forgotten(self, *_: Any) -> None:
        await self._take("")

    async def _take(self, text: str) -> None:
        try:
            await asyncio.to_thread(self._session.take_token, text)
            self._fault.value = ""
        except DashboardError as error:
            self._fault.value = f'<p class="bad" role="alert">{escape(error.sentence)}</p>'
        self._session.param.trigger("plan")
        self.refresh()
