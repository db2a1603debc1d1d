"""The load of the deployment, for its administrators: processes, hosts, runs and bytes by user. It names no run, source or request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from html import escape
from typing import Any

import panel as pn

from components.turn import in_turn
from components.words import Words
from dashboard.errors import DashboardError
from dashboard.load import Administration, Load
from dashboard.session import Session

ABOUT = '<p class="quiet">Runs are their owners\': no name, source or product of theirs is shown here.</p>'


def load_tables(load: Load) -> str:
    """HTML: what is to be done, and a table each for users, hosts and processes."""
    found = load.tally
    told = "".join(f'<p class="warn">{escape(sentence)}</p>' for sentence in load.told)
    users = [
        (f"<b>{escape(name)}</b>", _numbers(numbers), _size(load.used_by.get(name)))
        for name, numbers in sorted(found.users.items(), key=lambda user: user[0].casefold())
    ]
    hosts = [
        (
            f"<b>{escape(name)}</b>{' <span class=warn>‖ paused</span>' * host.passage.closed(found.at)}",
            str(host.in_flight),
            f"{host.age(found.at):.0f} s" if host.in_flight else "–",
            str(host.waiting),
            str(host.batches["failed"]),
            str(host.counts.done),
        )
        for name, host in found.hosts.items()
    ]
    processes = [
        (
            escape(f"{process.kind} {process.process_id}"),
            f"{process.silent:.0f} s ago" if process.alive else "<span class=bad>silent</span>",
        )
        for process in found.processes
    ]
    all_runs = f"Runs: {_numbers(found.runs)}; {_size(load.used)} of products, {_size(load.free)} free"
    return told + "".join(
        (
            f"<p>{all_runs}</p>",
            _table(("user", "runs", "products"), users) if users else "",
            _table(("host", "in flight", "oldest", "waiting", "failed", "done ever"), hosts),
            _table(("process", "sign of life"), processes) if processes else "",
        )
    )


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    names = "".join(f"<th>{name}</th>" for name in head)
    cells = "".join(
        f"<tr>{''.join(f'<td class=number>{cell}</td>' if at else f'<td>{cell}</td>' for at, cell in enumerate(row))}</tr>" for row in rows
    )
    return f'<table class="plain"><tr>{names}</tr>{cells}</table>'


def _numbers(numbers: Mapping[str, int]) -> str:
    return escape(", ".join(f"{number} {state}" for state, number in numbers.items() if number)) or "none"


def _size(n_bytes: int | None) -> str:
    return "not known" if n_bytes is None else f"{n_bytes / 1e9:.2f} GB" if n_bytes >= 1e8 else f"{n_bytes / 1e6:.1f} MB"


class LoadView(pn.viewable.Viewer):
    """A panel that is opened from the header; what it shows is looked up when it is opened, and on demand."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._acts = Administration(session.settings, session.identity)
        self._words = Words('<p class="quiet">Looking …</p>', "load-tables")
        self._problem = Words("", "fault", visible=False)
        self._host = pn.widgets.Select(label="Host", options=list(session.settings.hosts), margin=0, width=130)
        self._minutes = pn.widgets.FloatInput(label="Minutes", value=60.0, start=1.0, margin=0, width=84)
        self._reason = pn.widgets.TextInput(label="Reason, for its users", margin=0, sizing_mode="stretch_width")
        pause, resume, again = (
            pn.widgets.Button(label=name, css_classes=["act", "small"], margin=0, align="end") for name in ("Pause", "Resume", "Look again")
        )
        pause.on_click(self._pause)
        resume.on_click(self._resume)
        again.on_click(self.refresh)
        self._column = pn.Column(
            pn.Row(Words("<h2>Load of this deployment</h2>"), again, css_classes=["drawer-bar"], margin=0),
            Words(ABOUT),
            self._problem,
            self._words,
            pn.Row(
                self._host,
                self._minutes,
                self._reason,
                pause,
                resume,
                css_classes=["pair", "load-acts"],
                margin=0,
                sizing_mode="stretch_width",
            ),
            css_classes=["load", "drawer"],
            margin=0,
        )

    def __panel__(self) -> pn.viewable.Viewable:
        return self._column

    async def refresh(self, *_: Any) -> None:
        """Look how it stands now."""
        await self._do(lambda: None)

    async def _pause(self, *_: Any) -> None:
        await self._do(partial(self._acts.pause, self._host.value, self._minutes.value or 0.0, self._reason.value_input or ""))

    async def _resume(self, *_: Any) -> None:
        await self._do(partial(self._acts.resume, self._host.value))

    async def _do(self, act: Callable[[], None]) -> None:
        """Do it, then show how it stands; what goes wrong is told."""
        try:
            await asyncio.to_thread(act)
            tables = load_tables(await asyncio.to_thread(self._acts.load))
        except DashboardError as error:
            in_turn(partial(self._show, self._words.value, error.sentence))
        else:
            in_turn(partial(self._show, tables, ""))

    def _show(self, tables: str, problem: str) -> None:
        self._words.value = tables
        self._problem.param.update(value=escape(problem), visible=bool(problem))
