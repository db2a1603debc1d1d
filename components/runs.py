"""The user's runs, and what can be done with the one that is watched."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from html import escape
from typing import Any

import panel as pn

from components.jobs import JobsView
from components.turn import in_turn
from components.words import Words
from dashboard.errors import DashboardError
from dashboard.run_acts import MOST
from dashboard.runs.run_state import RunState
from dashboard.session import Session

NOTIFY = """
if (Notification.permission == "default") Notification.requestPermission()
localStorage.setItem("integral-notify", cb_obj.active ? "yes" : "no")
"""


def run_rows(runs: tuple[RunState, ...], watched: str) -> str:
    """HTML: a row a run, each a link to itself."""
    if not runs:
        return '<p class="quiet">No run yet.</p>'
    rows = "".join(
        f'<tr{" class=chosen" if run.run_id == watched else ""}><td><a href="?run={run.run_id}">{escape(run.name)}</a></td>'
        f'<td class="number">{datetime.fromtimestamp(run.created, UTC):%Y-%m-%d %H:%M}</td>'
        f"<td>{escape(run.state)}{', pinned' * run.pinned}</td><td>{escape(run.line_of_truth)}</td></tr>"
        for run in runs[:MOST]
    )
    more = '<p class="quiet">and older ones: integral-dashboard runs list</p>' if len(runs) > MOST else ""
    return f'<table class="plain"><tr><th>run</th><th>begun (UTC)</th><th>state</th><th>so far</th></tr>{rows}</table>{more}'


class RunsView(pn.viewable.Viewer):
    """A panel that is opened from the header."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self._list, self._told = Words("", "runs-list"), Words("")
        self._shown = ""
        self._name = pn.widgets.TextInput(label="Name of this run", margin=0, sizing_mode="stretch_width")
        self._tell = pn.widgets.TextInput(label="Tell its end by e-mail", placeholder="address", margin=0, sizing_mode="stretch_width")
        self._pin = pn.widgets.Button(label="Pin", css_classes=["act", "small"], margin=0)
        self._delete = pn.widgets.Button(label="Delete", css_classes=["act", "small"], margin=0)
        self._notify = pn.widgets.Toggle(label="Notify me in this browser", css_classes=["act", "small"], margin=0)
        self._notify.jscallback(value=NOTIFY)
        self._name.param.watch(self._renamed, "value")
        self._tell.param.watch(self._told_by_mail, "value")
        self._pin.on_click(self._pinned)
        self._delete.on_click(self._deleted)
        fields = [self._name, *([self._tell] if session.settings.mail_url else [])]
        self._bar = pn.Row(self._pin, self._delete, self._notify, css_classes=["drawer-bar"], margin=0)
        self._own = pn.Column(*fields, self._bar, css_classes=["token"], margin=0, sizing_mode="stretch_width")
        self._of_host = pn.widgets.Button(label="My jobs at the host", css_classes=["act", "small"], margin=0)
        self._of_host.on_click(self._toggle_jobs)
        bar = pn.Row(self._of_host, css_classes=["drawer-bar"], margin=0)
        self._jobs: JobsView | None = None
        parts = (Words("<h2>Runs</h2>"), self._list, self._own, self._told, bar)
        self._column = pn.Column(*parts, css_classes=["drawer", "runs"], margin=0, sizing_mode="stretch_width")
        session.param.watch(self._follow, "run")

    def __panel__(self) -> pn.viewable.Viewable:
        return self._column

    async def refresh(self) -> None:
        """List the runs as they are now."""
        runs = await asyncio.to_thread(self._session.acts.runs)
        self._list.value = run_rows(runs, self._session.run.run_id if self._session.run else "")
        self._follow()

    async def _toggle_jobs(self, *_: Any) -> None:
        """Open or close the user's jobs at the chosen host; they are built when they are first looked at."""
        if self._jobs is None:
            self._jobs = JobsView(self._session, self.refresh)
            self._column.append(self._jobs)
        else:
            self._jobs.__panel__().visible = not self._jobs.__panel__().visible
        self._of_host.label = "Hide my jobs" if self._jobs.__panel__().visible else "My jobs at the host"
        if self._jobs.__panel__().visible:
            await self._jobs.refresh()

    def _follow(self, *_: Any) -> None:
        run = self._session.run
        self._own.visible = run is not None
        if run is not None:
            with pn.io.hold():
                for field, value in ((self._name, run.name), (self._tell, run.tell)):
                    if field.value != value:
                        field.value = value
                self._pin.label = "Unpin" if run.pinned else "Pin"
                if run.run_id != self._shown:
                    self._shown, self._delete.label = run.run_id, "Delete"

    async def _renamed(self, event: Any) -> None:
        run = self._session.run
        if run is not None and event.new != run.name:
            await self._act(lambda: self._session.acts.rename(run, event.new))

    async def _told_by_mail(self, event: Any) -> None:
        run = self._session.run
        if run is not None and event.new != run.tell:
            await self._act(lambda: self._session.acts.tell(run, event.new.strip()))

    async def _pinned(self, *_: Any) -> None:
        run = self._session.run
        if run is not None:
            await self._act(lambda: self._session.acts.pin(run, not run.pinned))

    async def _deleted(self, *_: Any) -> None:
        """The second click deletes."""
        run = self._session.run
        if run is None:
            return
        if self._delete.label == "Delete":
            self._delete.label = "Delete with its files: sure?"
            return
        if await self._act(lambda: self._session.acts.delete(run.run_id)):
            in_turn(self._session.leave_run)
            await self.refresh()

    async def _act(self, act: Callable[[], object]) -> bool:
        try:
            await asyncio.to_thread(act)
        except DashboardError as error:
            self._told.value = f'<p class="bad" role="alert">{escape(error.sentence)}</p>'
            return False
        self._told.value = ""
        await self.refresh()
        return True
