"""The line of truth: how much of the answer is there, and one cell a batch."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from html import escape
from itertools import groupby
from operator import attrgetter
from typing import Any

import panel as pn

from components.batches import BatchesView
from components.job_words import INSTRUMENTS, job_name
from components.words import Words
from dashboard.errors import DashboardError
from dashboard.gallery_desk import may_be_published, permission
from dashboard.plan.job import Coming, Job
from dashboard.runs.run_state import IN_FLIGHT, REVIEW, BatchState, RunState
from dashboard.session import Session

MARKS = {"done": "", "reused": "", "failed": "!", "running": "", "cancelled": "×", "excluded": "–"}
MOST_CELLS = 240
"""Three rows of a wide window; where there are more batches, several in a row share a cell."""
IDLE = "Nothing asked yet. Choose a source and an interval on the left; the plan appears before anything is sent."


def cell(batch: BatchState, number: int) -> str:
    """One batch as a coloured cell with a mark; its tooltip says the rest."""
    fraction = batch.scw_done / batch.scw_total if batch.scw_total else 0.0
    words = f"batch {number}: {batch.state}, {len(batch.scw)} ScW"
    if batch.state == "running":
        words += f", {batch.scw_done} of {batch.scw_total} done"
    if batch.reason:
        words += f". {batch.reason}"
    style = f' style="--part:{100 * fraction:.0f}%"' if batch.state in {"running", "downloading"} else ""
    return f'<i class="cell {escape(batch.state)}" title="{escape(words)}"{style}>{MARKS.get(batch.state, "")}</i>'


def shared_cell(batches: Sequence[BatchState], number: int) -> str:
    """Several batches in a row as one cell, filled as far as their science windows are there; `number` is that of the first."""
    if len(batches) == 1:
        return cell(batches[0], number)
    states = Counter(batch.state for batch in batches)
    wanted = sum(batch.scw_total for batch in batches if batch.state != "excluded")
    part = sum(batch.scw_total for batch in batches if batch.arrived) / max(1, wanted)
    under_way = "running" if states.keys() & IN_FLIGHT else "part" if part else min(states)
    state = "failed" if states["failed"] else "done" if part == 1 else under_way
    style = f' style="--part:{100 * part:.0f}%"' if state in {"running", "part"} else ""
    words = f"batches {number} to {number + len(batches) - 1}: {', '.join(f'{count} {name}' for name, count in states.items())}"
    return f'<i class="cell {escape(state)}" title="{escape(words)}"{style}>{MARKS.get(state, "")}</i>'


def cells(run: RunState, jobs: Sequence[Job]) -> str:
    """All batches as cells, at most about `MOST_CELLS`; those of several jobs in groups with their names."""
    size = -(-len(run.batches) // MOST_CELLS)
    shown: dict[int, str] = {}
    first = 1
    for job, group in groupby(run.batches, key=attrgetter("job")):
        members = list(group)
        parts = range(0, len(members), size)
        shown[job] = shown.get(job, "") + "".join(shared_cell(members[start : start + size], first + start) for start in parts)
        first += len(members)
    if len(jobs) < 2:
        return "".join(shown.values())
    return "".join(f'<span class="group"><small>{escape(job_name(jobs[job]))}</small>{html}</span>' for job, html in sorted(shown.items()))


def truth_line(run: RunState | None, jobs: Sequence[Job] = (), coming: Sequence[Coming] = (), note: str = "") -> str:
    """HTML of the whole line; `note` is what else holds of the run."""
    if run is None:
        return f'<div class="truth"><span class="quiet">{IDLE}</span></div>'
    head, _, rest = run.line_of_truth.partition(", ")
    failed = [f"batch {n}: {escape(b.reason)}" for n, b in enumerate(run.batches, 1) if b.state == "failed" and b.reason]
    simulated = '<b class="tag sim">SIMULATED</b>' if run.simulated else ""
    if run.reason:
        word_reason = f'<span class="warn" role="status">{escape(run.reason)}</span>'
    else:
        word_reason = ""
    reasons = f'<span class="bad">{failed[0]}{f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""}</span>' if failed else ""
    rest = rest.removesuffix(", SIMULATED")
    word = run.state.upper()
    if run.state == REVIEW and coming:
        word += f": the catalogue of {INSTRUMENTS[coming[0].instrument]} waits for you"
    awaiting = ", ".join(job_name(job) for job in coming)
    later = f'<span class="quiet">then, with the catalogue of the image: {escape(awaiting)}</span>' if coming else ""
    noted = f'<span class="quiet">{escape(note)}</span>' if note else ""
    return (
        f'<div class="truth"><span class="told"><strong>{escape(head)}</strong>, {escape(rest)}</span>'
        f'<b class="tag {escape(run.state.replace(" ", "-"))}">{escape(word)}</b>{simulated}'
        f'<span class="cells" role="img" aria-label="{escape(head)}">{cells(run, jobs)}</span>{later}{noted}{word_reason}{reasons}</div>'
    )


class TruthView(pn.viewable.Viewer):
    """Shows the watched run's line, and what can be done with the run; changes only when its text does.

    `publishing`: there is a place where the run can be published.
    """

    def __init__(self, session: Session, *, publishing: bool = True, **params: Any) -> None:
        super().__init__(**params)
        self._session, self._publishing = session, publishing
        self._html = Words(self._line, "line")
        self._row = pn.Row(self._html, css_classes=["truth-pane"], margin=0)
        self._buttons: dict[str, pn.widgets.Button] = {}
        self._batches: BatchesView | None = None
        shown = ["run", "product_version", *(["problem"] if session.shared else [])]
        session.param.watch(self._refresh, shown)  # a run that is opened tells its plan after its state
        self._refresh()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._row

    def _refresh(self, *_: Any) -> None:
        run = self._session.run
        self._html.value = self._line
        if self._session.shared is not None:
            return  # who looks by a link has nothing to press
        if run is None:
            for button in self._buttons.values():
                button.visible = False
            return
        if not self._buttons:
            acts = {"Publish": self._publish, "Batches": self._open, "Retry failed": self._retry, "Cancel": self._cancel}
            for name, act in acts.items():
                self._buttons[name] = pn.widgets.Button(label=name, css_classes=["act", "small"], margin=0)
                self._buttons[name].on_click(act)
            self._row.extend(self._buttons.values())
        lost = run.state == "done with failures" or any(batch.state in {"failed", "cancelled"} for batch in run.batches)
        look = self._session.look
        allowed = self._publishing and look is not None and run.finished and bool(run.sum_version) and may_be_published(look.plan)
        cancelling = not run.finished or run.state == REVIEW
        for name, offered in {"Publish": allowed, "Batches": True, "Retry failed": lost, "Cancel": cancelling}.items():
            self._buttons[name].visible = offered

    def _publish(self, *_: Any) -> None:
        self._session.gallery_wished += 1

    def _open(self, *_: Any) -> None:
        """Show or hide the batches; their table is built when it is first looked at."""
        if self._batches is None:
            self._batches = BatchesView(self._session)
            self._row.append(self._batches)
        self._batches.toggle()

    async def _retry(self, *_: Any) -> None:
        await self._act(self._session.acts.retry)

    async def _cancel(self, *_: Any) -> None:
        await self._act(self._session.acts.cancel)

    async def _act(self, act: Callable[[RunState], object]) -> None:
        if self._session.run is not None:
            try:
                await asyncio.to_thread(act, self._session.run)
            except DashboardError as error:
                self._session.refuse(error)

    @property
    def _line(self) -> str:
        run, look = self._session.run, self._session.look
        if run is None and self._session.shared is not None:
            problem = escape(self._session.problem)
            told = f'<span class="bad" role="alert">{problem}</span>' if problem else '<span class="quiet">Opening the link …</span>'
            return f'<div class="truth">{told}</div>'
        return truth_line(run, look.plan.jobs, look.plan.coming, permission(look.plan)) if run and look else truth_line(run)
