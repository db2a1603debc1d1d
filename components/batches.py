"""The batches of the watched run, one a row: what happened to each, and what can be done about it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

import pandas as pd
import panel as pn

from components.job_words import job_name
from components.words import Words
from dashboard.errors import DashboardError
from dashboard.quality_board import QualityAnswer, quality_board
from dashboard.runs.quality import BatchQuality, suspects
from dashboard.runs.run_state import BatchState, RunState
from dashboard.runs.run_view import Event
from dashboard.session import Session

COLUMNS = {"batch": 52, "job": 190, "state": 100, "ScW": 74, "first ScW": 118, "tries": 50, "width": 56, "reason": 330}
COMPARING = '<p class="quiet">Comparing the batches …</p>'


def batch_rows(run: RunState, names: tuple[str, ...], quality: Mapping[str, BatchQuality]) -> list[tuple[Any, ...]]:
    """A row a batch, numbered from 1; what stands out is marked where its quality is known. The values are those of `COLUMNS`."""
    return [
        (
            number,
            names[batch.job] if batch.job < len(names) else "",
            batch.state,
            f"{batch.scw_done} of {batch.scw_total}",
            batch.scw[0][:12],
            batch.attempts,
            width_text(quality.get(batch.batch_id)),
            f"{batch.reason} {batch.remedy}".strip() or doubt(batch, quality.get(batch.batch_id)),
        )
        for number, batch in enumerate(run.batches, 1)
    ]


def width_text(known: BatchQuality | None) -> str:
    """Width of empty sky on a map; empty where there is none."""
    return f"{known.figures.width:.2f}" if known and math.isfinite(known.figures.width) else ""


def doubt(batch: BatchState, known: BatchQuality | None) -> str:
    """Why a batch that is in the sums stands out from the others."""
    return f"▲ {' '.join(known.reasons)}" if batch.arrived and known and known.reasons else ""


def history_lines(events: tuple[Event, ...], batch: BatchState, number: int) -> str:
    """HTML of what happened to a batch."""
    rows = "".join(
        f'<tr><td class="number">{datetime.fromtimestamp(event.at, UTC):%Y-%m-%d %H:%M:%S}</td>'
        f"<td>{escape(event.what)}</td><td>{escape(event.detail)}</td></tr>"
        for event in events
    )
    job = f", job {escape(batch.job_id)} at the dispatcher" if batch.job_id else ""
    head = f"<p><b>Batch {number}</b>: {batch.scw_total} ScW, {batch.scw[0]} to {batch.scw[-1]}{job}</p>"
    return f'{head}<table class="plain history"><tr><th>UTC</th><th>what</th><th>detail</th></tr>{rows}</table>'


def _frame(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(COLUMNS))


class BatchesView(pn.viewable.Viewer):
    """A panel below the line of truth. Choose rows, then act on them; the history of the last one chosen stands below."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self._answer: QualityAnswer | None = None
        self._quality: Mapping[str, BatchQuality] = {}
        self._shown = self._rows()
        self._table = pn.widgets.Tabulator(
            _frame(self._shown),
            show_index=False,
            disabled=True,
            selectable="checkbox",
            widths=COLUMNS,
            layout="fit_data_stretch",
            height=250,
            sizing_mode="stretch_width",
            css_classes=["sources", "batches"],
            margin=0,
        )
        self._run_id = session.run.run_id if session.run else ""
        self._told, self._history = Words(""), Words("", "history")
        self._scw = pn.widgets.TextInput(placeholder="or science windows by their ids", css_classes=["scw"], margin=0, width=260)
        acts = {"Retry": self._retry, "Exclude": self._exclude, "Put back": self._put_back, "Close": self._close}
        buttons = [pn.widgets.Button(label=name, css_classes=["act", "small"], margin=0) for name in acts]
        for button, act in zip(buttons, acts.values(), strict=True):
            button.on_click(act)
        self._suspects = pn.widgets.Button(label="", visible=False, css_classes=["act", "small", "advice"], margin=0)
        self._suspects.on_click(self._leave_suspects)
        bar = pn.Row(Words("<h2>Batches</h2>"), self._scw, *buttons, css_classes=["drawer-bar"], margin=0)
        parts = (bar, self._suspects, self._table, self._told, self._history)
        self._column = pn.Column(*parts, css_classes=["drawer", "wide"], margin=0, visible=False)
        self._column.sizing_mode = "stretch_width"
        self._table.param.watch(self._chosen, "selection")
        session.param.watch(self._refresh, "run")
        session.param.watch(self._take_quality, "beat")

    def __panel__(self) -> pn.viewable.Viewable:
        return self._column

    def toggle(self) -> None:
        """Show it or hide it."""
        self._column.visible = not self._column.visible
        self._refresh()

    def _rows(self) -> list[tuple[Any, ...]]:
        run, look = self._session.run, self._session.look
        if run is None:
            return []
        return batch_rows(run, tuple(job_name(job) for job in look.jobs) if look else (), self._quality)

    def _take_quality(self, *_: Any) -> None:
        """Take what has been measured, and ask anew when batches have come or gone; nothing is measured while the drawer is shut."""
        look, answer = self._session.look, self._answer
        if not self._column.visible or look is None:
            return
        if answer is not None and answer.pending:
            if answer.total and not self._told.value:
                self._told.value = COMPARING
            return
        newest = quality_board(self._session.settings).ask(look)
        if newest is not answer:
            self._answer = newest
        elif answer is not None and (answer.problem or answer.quality is not self._quality):
            self._quality = answer.quality or {}
            if answer.problem or self._told.value == COMPARING:
                self._told.value = f'<p class="bad" role="alert">{escape(answer.problem)}</p>' if answer.problem else ""
            self._refresh()

    def _refresh(self, *_: Any) -> None:
        if not self._column.visible:
            return
        self._offer()
        rows, before = self._rows(), self._shown
        self._shown = rows
        run_id = self._session.run.run_id if self._session.run else ""
        if run_id != self._run_id:
            self._run_id, self._table.selection, self._table.value = run_id, [], _frame(rows)
        elif len(rows) == len(before):
            changed = [row for row, (new, old) in enumerate(zip(rows, before, strict=True)) if new != old]
            if changed:
                cells = {
                    name: [(row, rows[row][at]) for row in changed if rows[row][at] != before[row][at]] for at, name in enumerate(COLUMNS)
                }
                self._table.patch({name: patches for name, patches in cells.items() if patches}, as_index=False)
        else:
            self._table.selection = []
            self._table.value = _frame(rows)

    def _offer(self) -> None:
        """Offer to leave out what stands out."""
        run = self._session.run
        count = len(list(suspects(run, self._quality))) if run else 0
        label = f"Leave out {count} suspect batch{'es' * (count != 1)}" if count else ""
        self._suspects.param.update(visible=bool(count), label=label)

    async def _leave_suspects(self, *_: Any) -> None:
        """They stay chosen, so that Put back undoes it."""
        run = self._session.run
        if run is not None:
            self._table.selection = [number - 1 for number, _ in suspects(run, self._quality)]
            await self._act(lambda run, ids: self._session.acts.exclude(run, ids, True), "left out of the sums; Put back undoes it")

    def _close(self, *_: Any) -> None:
        self.toggle()

    async def _chosen(self, event: Any) -> None:
        run, new = self._session.run, [row for row in event.new if row not in (event.old or [])]
        if run is None or not event.new:
            self._history.value = ""
            return
        row = (new or event.new)[-1]
        batch = run.batches[row]
        events = await asyncio.to_thread(self._session.acts.history, run.run_id, batch.batch_id)
        self._history.value = history_lines(events, batch, row + 1)

    async def _retry(self, *_: Any) -> None:
        await self._act(self._session.acts.retry, "asked again")

    async def _exclude(self, *_: Any) -> None:
        await self._change(True, "left out of the sums")

    async def _put_back(self, *_: Any) -> None:
        await self._change(False, "put back")

    async def _change(self, excluded: bool, done: str) -> None:
        """Of the science windows that are named, else of the batches that are chosen."""
        acts, swids = self._session.acts, (self._scw.value_input or "").replace(",", " ").split()
        if not swids:
            await self._act(lambda run, ids: acts.exclude(run, ids, excluded), done)
        elif await self._act(lambda run, _: acts.exclude_scw(run, swids, excluded), "asked again", swids):
            self._scw.value = ""

    async def _act(self, act: Callable[[RunState, list[str]], int], done: str, swids: Sequence[str] = ()) -> bool:
        run = self._session.run
        ids = [run.batches[row].batch_id for row in self._table.selection] if run else []
        if run is None or not (ids or swids):
            self._told.value = '<p class="quiet">Choose batches first.</p>'
            return False
        try:
            number = await asyncio.to_thread(act, run, ids)
        except DashboardError as error:
            self._told.value = f'<p class="bad" role="alert">{escape(error.sentence)}</p>'
            return False
        told = f"{len(swids)} ScW; {number} batches {done}" if swids else f"{number} of {len(ids)} {done}"
        self._told.value = f'<p class="quiet" role="status">{told}.</p>'
        return True
