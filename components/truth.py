"""The line of truth: how much of the answer is there, and one cell a batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from html import escape
from typing import Any

import panel as pn

from components.job_words import INSTRUMENTS, job_name
from components.words import Words
from dashboard.plan.job import Coming, Job
from dashboard.runs.run_state import REVIEW, BatchState, RunState
from dashboard.session import Session

MARKS = {"done": "", "reused": "", "failed": "!", "running": "", "cancelled": "×"}
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


def cells(run: RunState, jobs: Sequence[Job]) -> str:
    """All batches as cells; those of several jobs in groups with their names."""
    shown: dict[int, str] = defaultdict(str)
    for number, batch in enumerate(run.batches, 1):
        shown[batch.job] += cell(batch, number)
    if len(jobs) < 2:
        return "".join(shown.values())
    return "".join(f'<span class="group"><small>{escape(job_name(jobs[job]))}</small>{html}</span>' for job, html in sorted(shown.items()))


def truth_line(run: RunState | None, jobs: Sequence[Job] = (), coming: Sequence[Coming] = ()) -> str:
    """HTML of the whole line."""
    if run is None:
        return f'<div class="truth"><span class="quiet">{IDLE}</span></div>'
    head, _, rest = run.line_of_truth.partition(", ")
    failed = [f"batch {n}: {escape(b.reason)}" for n, b in enumerate(run.batches, 1) if b.state == "failed" and b.reason]
    simulated = '<b class="tag sim">SIMULATED</b>' if run.simulated else ""
    reasons = f'<span class="bad">{failed[0]}{f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""}</span>' if failed else ""
    rest = rest.removesuffix(", SIMULATED")
    word = run.state.upper()
    if run.state == REVIEW and coming:
        word += f": the catalogue of {INSTRUMENTS[coming[0].instrument]} waits for you"
    awaiting = ", ".join(job_name(job) for job in coming)
    later = f'<span class="quiet">then, with the catalogue of the image: {escape(awaiting)}</span>' if coming else ""
    return (
        f'<div class="truth"><span class="told"><strong>{escape(head)}</strong>, {escape(rest)}</span>'
        f'<b class="tag {escape(run.state.replace(" ", "-"))}">{escape(word)}</b>{simulated}'
        f'<span class="cells" role="img" aria-label="{escape(head)}">{cells(run, jobs)}</span>{later}{reasons}</div>'
    )


class TruthView(pn.viewable.Viewer):
    """Shows the watched run's line; changes only when its text does."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self._html = Words(self._line, "truth-pane")
        session.param.watch(self._refresh, "run")

    def __panel__(self) -> pn.viewable.Viewable:
        return self._html

    def _refresh(self, *_: Any) -> None:
        self._html.value = self._line

    @property
    def _line(self) -> str:
        run, look = self._session.run, self._session.look
        return truth_line(run, look.plan.jobs, look.plan.coming) if run and look else truth_line(run)
