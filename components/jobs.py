"""The user's jobs at the chosen host: which run each belongs to, what went wrong, attaching one as a run, reporting one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from html import escape
from typing import Any, TypeVar

import pandas as pd
import panel as pn

from components.pane_turn import building
from components.turn import in_turn
from components.words import Words
from dashboard.errors import DashboardError
from dashboard.job_acts import DAYS, JobLook
from dashboard.session import Session

COLUMNS = {"changed (UTC)": 126, "state": 92, "what": 90, "source": 120, "ScW": 46, "run": 190}
STATES = {
    "done": "✓ done",
    "ready": "✓ computed",
    "failed": "✗ failed",
    "progress": "… running",
    "submitted": "○ submitted",
    "unaccessible": "‖ unaccessible",
}
"""Mark and word of each state; of others "? unknown"."""
SPANS = {"3 days": 3.0, "7 days": DAYS, "30 days": 30.0}
SENT = "This is what is sent, and who you are, to the people of {}:"

TALLEST, HEAD, ROW = 190, 30, 23
"""Pixels of the table at most, of its head, of a row."""

T = TypeVar("T")


def job_table(looks: tuple[JobLook, ...]) -> pd.DataFrame:
    """A row a job."""
    rows = [
        (look.when or "?", state_words(look.job.state), look.what, look.source or "–", str(len(look.job.scw) or "?"), look.run_name or "–")
        for look in looks
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def state_words(state: str) -> str:
    """A mark and a word."""
    return STATES.get(state, "? unknown")


def job_lines(look: JobLook) -> str:
    """HTML of one job: its run or what attaching it means, what the host says, what can be done, its parameters."""
    job = look.job
    run = f'belongs to the run <a href="?run={escape(look.run_id)}">{escape(look.run_name)}</a>' if look.run_id else "of no run of yours"
    state = {"failed": "bad", "done": "ok"}.get(job.state, "quiet")
    head = f'<p><b>{escape(job.job_id)}</b> <span class="{state}">{state_words(job.state)}</span>, {run}</p>'
    lines = [
        *([f'<p class="bad">{escape(job.said)}</p>'] if job.said and job.state == "failed" else []),
        *([f'<p class="warn">{escape(look.remedy)}</p>'] if look.remedy else []),
        *(f'<p class="quiet">{escape(text)}</p>' for text in (look.obstacle, look.remark) if text),
    ]
    rows = "".join(f"<tr><td>{escape(name)}</td><td>{escape(_short(value))}</td></tr>" for name, value in sorted(job.parameters.items()))
    parameters = f'<details><summary>Parameters</summary><table class="plain">{rows}</table></details>' if rows else ""
    return head + "".join(lines) + parameters


def _short(value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 200 else f"{text[:199]}…"


class JobsView(pn.viewable.Viewer):
    """A part of the drawer of runs; the host is asked when it is opened, and when somebody looks again or further back.

    Parameters
    ----------
    session
        Whose host and token count.
    attached
        Called when a job has become a run.
    """

    def __init__(self, session: Session, attached: Callable[[], Awaitable[None]], **params: Any) -> None:
        super().__init__(**params)
        self._session, self._after = session, attached
        self._looks: tuple[JobLook, ...] = ()
        self._host = session.request.host_type
        self._title = Words("", "jobs-title")
        self._span = pn.widgets.Select(options=SPANS, value=DAYS, margin=0, width=90)
        again = pn.widgets.Button(label="Look again", css_classes=["act", "small"], margin=0)
        bar = pn.Row(self._title, self._span, again, css_classes=["drawer-bar"], margin=0)
        self._table: pn.widgets.Tabulator | None = None
        self._told, self._job = Words("", "jobs-told"), Words("", "host-job", visible=False)
        self._attach = pn.widgets.Button(label="Attach as a run", css_classes=["act", "small"], margin=0)
        self._report = pn.widgets.Button(label="Report an incident", css_classes=["act", "small"], margin=0)
        self._acts = pn.Row(self._attach, self._report, css_classes=["drawer-bar"], margin=0, visible=False)
        self._form: pn.Column | None = None
        parts = (bar, self._job, self._acts, self._told)
        self._column = pn.Column(*parts, css_classes=["jobs-part"], margin=0, sizing_mode="stretch_width")
        again.on_click(self._look_again)
        self._span.param.watch(self._look_again, "value")
        session.request.param.watch(self._host_changed, "host_type")
        self._attach.on_click(self._attached)
        self._report.on_click(self._write)

    def __panel__(self) -> pn.viewable.Viewable:
        return self._column

    @property
    def _chosen(self) -> JobLook | None:
        rows = self._table.selection if self._table else []
        return self._looks[rows[0]] if rows and rows[0] < len(self._looks) else None

    async def refresh(self) -> None:
        """Ask the host that is chosen."""
        host, days = self._session.request.host_type, self._span.value
        self._host, self._title.value = host, f"<h2>My jobs at {escape(host)}</h2>"
        self._say("quiet", "Asking …")
        looks = await self._done(lambda: self._session.jobs.jobs(host, days))
        if host != self._session.request.host_type:
            return
        self._looks = looks or ()
        if looks is not None:
            self._say("quiet", "" if looks else f"{host} has no job of yours in {days:g} days.")
        in_turn(self._tabulate)

    def _tabulate(self) -> None:
        """A new table, as high as it needs: one that is there already does not change its height well."""
        shown = [part for part in self._column if part is not self._table]
        self._table = None
        if self._looks:
            self._table = pn.widgets.Tabulator(
                job_table(self._looks),
                show_index=False,
                disabled=True,
                selectable=1,
                widths=COLUMNS,
                layout="fit_data_stretch",
                height=min(TALLEST, HEAD + ROW * len(self._looks)),
                sizing_mode="stretch_width",
                css_classes=["sources", "jobs"],
                margin=0,
            )
            self._table.param.watch(self._choose, "selection")
            shown.insert(1, self._table)
        with building():
            self._column[:] = shown
            self._choose()

    async def _look_again(self, *_: Any) -> None:
        await self.refresh()

    def _host_changed(self, *_: Any) -> None:
        """What is shown belongs to another host; nothing is asked unasked, for the drawer may be closed."""
        host = self._session.request.host_type
        self._looks, self._host, self._title.value = (), host, f"<h2>My jobs at {escape(host)}</h2>"
        self._tabulate()
        self._say("quiet", f"Look again to see those at {host}.")

    def _say(self, kind: str, text: str) -> None:
        self._told.value = f'<p class="{kind}" role="status">{escape(text)}</p>' if text else ""

    async def _done(self, act: Callable[[], T]) -> T | None:
        """The outcome of what blocks; None when it failed, and then the sentence is shown."""
        try:
            return await asyncio.to_thread(act)
        except DashboardError as error:
            self._told.value = f'<p class="bad" role="alert">{escape(error.sentence)}</p>'
            return None

    def _choose(self, *_: Any) -> None:
        look = self._chosen
        self._job.param.update(value=job_lines(look) if look else "", visible=look is not None)
        self._attach.disabled = look is None or bool(look.run_id or look.obstacle)
        self._acts.visible = look is not None
        if self._form is not None:
            self._form.visible = False

    async def _attached(self, *_: Any) -> None:
        look, host = self._chosen, self._host
        if look is None:
            return
        self._say("quiet", "Attaching …")
        run_id = await self._done(lambda: self._session.jobs.attach(host, look))
        if run_id is None:
            return

        def show() -> None:
            with building():
                self._session.open(run_id)

        in_turn(show)
        await self._after()
        await self.refresh()

    def _write(self, *_: Any) -> None:
        """Open the form of a report, or close it; it is built when it is first opened."""
        if self._form is None:
            self._text = pn.widgets.TextAreaInput(
                label="What is wrong", placeholder="what you expected, and what came", rows=4, max_length=5000, margin=0
            )
            self._text.sizing_mode = "stretch_width"
            self._preview = Words("", "report-preview")
            self._send = pn.widgets.Button(label="Send", css_classes=["act", "small"], margin=0, disabled=True)
            self._text.param.watch(self._show_report, "value_input")
            self._send.on_click(self._sent)
            self._form = pn.Column(
                self._text,
                self._preview,
                pn.Row(self._send, css_classes=["drawer-bar"], margin=0),
                css_classes=["jobs-part"],
                margin=0,
                visible=False,
            )
            self._form.sizing_mode = "stretch_width"
            self._column.append(self._form)
        self._form.visible = not self._form.visible
        self._show_report()

    def _show_report(self, *_: Any) -> None:
        look, text = self._chosen, self._text.value_input or ""
        self._send.disabled = look is None or not text.strip()
        if look is None or not text.strip():
            self._preview.value = ""
            return
        rows = "".join(f"<tr><td>{escape(k)}</td><td>{escape(v)}</td></tr>" for k, v in self._session.jobs.preview(look, text).items())
        self._preview.value = f'<p class="quiet">{escape(SENT.format(self._host))}</p><table class="plain">{rows}</table>'

    async def _sent(self, *_: Any) -> None:
        look, host, text = self._chosen, self._host, self._text.value_input or ""
        if look is None:
            return
        self._send.disabled = True
        told = await self._done(lambda: self._session.jobs.report(host, look, text))
        if told is None:
            self._send.disabled = False
            return
        self._text.param.update(value="", value_input="")
        if self._form is not None:
            self._form.visible = False
        self._say("quiet", f"Sent: {told}.")
