"""The line of truth: how much of the answer is there, and one cell a batch."""

from __future__ import annotations

from html import escape
from typing import Any

import panel as pn

from dashboard.runs.run_state import BatchState, RunState
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


def truth_line(run: RunState | None) -> str:
    """HTML of the whole line."""
    if run is None:
        return f'<div class="truth"><span class="quiet">{IDLE}</span></div>'
    head, _, rest = run.line_of_truth.partition(", ")
    cells = "".join(cell(batch, number) for number, batch in enumerate(run.batches, 1))
    failed = [f"batch {n}: {escape(b.reason)}" for n, b in enumerate(run.batches, 1) if b.state == "failed" and b.reason]
    simulated = '<b class="tag sim">SIMULATED</b>' if run.simulated else ""
    reasons = f'<span class="bad">{failed[0]}{f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""}</span>' if failed else ""
    rest = rest.removesuffix(", SIMULATED")
    return (
        f'<div class="truth"><span class="told"><strong>{escape(head)}</strong>, {escape(rest)}</span>'
        f'<b class="tag {escape(run.state.replace(" ", "-"))}">{escape(run.state.upper())}</b>{simulated}'
        f'<span class="cells" role="img" aria-label="{escape(head)}">{cells}</span>{reasons}</div>'
    )


class TruthView(pn.viewable.Viewer):
    """Shows the watched run's line; changes only when its text does."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self._html = pn.pane.HTML(truth_line(session.run), css_classes=["truth-pane"], sizing_mode="stretch_width", margin=0)
        session.param.watch(self._refresh, "run")

    def __panel__(self) -> pn.viewable.Viewable:
        return self._html

    def _refresh(self, *_: Any) -> None:
        self._html.object = truth_line(self._session.run)
