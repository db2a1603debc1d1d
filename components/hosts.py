"""Hosts and token: where it is computed, how each host is, and what the user may do there."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import panel as pn

from components.fields import Field
from components.token_field import TokenField
from components.words import Words
from dashboard.host_board import HostLook
from dashboard.session import Session

MARKS = {"answers": ("ok", "✓"), "silent": ("bad", "✗"), "paused": ("warn", "‖"), "asking": ("quiet", "…"), "idle": ("quiet", "○")}


def host_rows(looks: Mapping[str, HostLook], chosen: str) -> str:
    """HTML: a row a host that can be chosen, its state with a mark and a word, its load and its limits."""
    rows = []
    for name, look in looks.items():
        if not look.offered:
            continue
        host, health, (state, mark) = look.host, look.health, MARKS[look.word]
        speed = f"{1e3 * health.latency:.0f} ms" if health and health.reachable else "–"
        version = health.version if health and health.version else "–"
        limits = f"polled every {host.poll_seconds:g} s, a job at most {host.job_seconds / 60:g} min"
        rows.append(
            f'<tr{" class=chosen" if name == chosen else ""} title="{escape(look.detail)}"><td><b>{escape(name)}</b> '
            f"<small>{escape(host.note)}</small></td>"
            f'<td class="state {state}">{mark} {look.word}</td><td class="number">{speed}</td><td>{escape(version)}</td>'
            f'<td class="number" title="{limits}">{look.in_flight} of {host.jobs_in_flight}</td></tr>'
        )
    head = "<tr><th>host</th><th>state</th><th>latency</th><th>version</th><th>jobs</th></tr>"
    elsewhere = [name for name, look in looks.items() if not look.offered]
    left_out = f'<p class="quiet">Not offered here: {escape(", ".join(elsewhere))} (unknown to this network).</p>' if elsewhere else ""
    told = "".join(
        f'<p class="{MARKS[look.word][0]}">{escape(look.detail)}</p>'
        for look in looks.values()
        if look.offered and look.word in ("silent", "paused")
    )
    return f'<table class="plain">{head}{"".join(rows)}</table>{told}{left_out}'


class HostsView(pn.viewable.Viewer):
    """A panel that is opened from the header; what it shows is asked only while it is open."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self._rows = Words("", "hosts-table")
        self._select = pn.widgets.Select(
            label="host_type", options=[session.request.host_type], description=session.request.param["host_type"].doc, margin=0
        )
        self._select.sizing_mode = "stretch_width"
        self._select.value = session.request.host_type
        self._select.param.watch(lambda event: session.request.param.update(host_type=event.new), "value")
        session.request.param.watch(lambda event: self.refresh(), "host_type")
        self._column = pn.Column(css_classes=["hosts", "drawer"], margin=0, sizing_mode="stretch_width")
        field = Field(session, "host_type", self._column, None, self._select).widget
        self._token = TokenField(session)
        self._column[:] = [Words("<h2>Hosts and token</h2>"), field, self._rows, self._token]
        session.param.watch(self.refresh, "hosts")
        self.refresh()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._column

    def refresh(self, *_: Any) -> None:
        """Show the newest looks, and offer the hosts that can be chosen here."""
        looks, chosen = self._session.hosts, self._session.request.host_type
        self._rows.value = host_rows(looks, chosen)
        options = [name for name, look in looks.items() if look.offered or name == chosen]
        self._select.param.update(options=options or [chosen], value=chosen)
