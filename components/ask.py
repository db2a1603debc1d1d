"""The request: fields bound to its parameters, the plan before Run, the Run button."""

from __future__ import annotations

import asyncio
from typing import Any

import panel as pn

from components.fields import Field
from components.plan_card import plan_card
from components.token_field import TokenField
from dashboard.errors import DashboardError
from dashboard.session import EXAMPLES, Session

FREQUENT = ("src_name", "T1", "T2", "E1_keV", "E2_keV", "radius", "detection_threshold")
HIDDEN = {"name", "instrument", "product", "jemx_unit"}


class AskView(pn.viewable.Viewer):
    """The left column."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        f = {name: Field(session, name) for name in FREQUENT}
        self._plan = pn.pane.HTML(plan_card(session), css_classes=["plan"], sizing_mode="stretch_width", margin=0)
        self._check = pn.widgets.Button(name="Plan", css_classes=["act"], sizing_mode="stretch_width", margin=0)
        self._run = pn.widgets.Button(name="Run", css_classes=["act", "primary"], sizing_mode="stretch_width", margin=0)
        self._check.on_click(self._show_plan)
        self._run.on_click(self._start)
        self._more = pn.widgets.Toggle(name="▸ Advanced: token, position, catalogue, rights, host", css_classes=["fold"], margin=0)
        self._advanced: pn.Column | None = None
        self._more.param.watch(self._unfold, "value")
        session.param.watch(self._show, ["plan", "problem", "busy", "faults"])
        self._column = pn.Column(
            f["src_name"],
            pn.Row(*(self._example(name) for name in EXAMPLES), css_classes=["examples"], margin=0),
            pn.Row(f["T1"], f["T2"], css_classes=["pair"], margin=0),
            pn.Row(f["E1_keV"], f["E2_keV"], css_classes=["pair"], margin=0),
            pn.Row(f["radius"], f["detection_threshold"], css_classes=["pair"], margin=0),
            self._more,
            pn.Column(self._plan, pn.Row(self._check, self._run, css_classes=["pair"], margin=0), css_classes=["decide"], margin=0),
            css_classes=["ask"],
            sizing_mode="stretch_both",
            margin=0,
        )

    def __panel__(self) -> pn.viewable.Viewable:
        return self._column

    def _example(self, name: str) -> pn.widgets.Button:
        button = pn.widgets.Button(name=name, css_classes=["chip"], margin=0)

        async def take(_: Any) -> None:
            self._session.take_example(name)
            await self._planned()

        button.on_click(take)
        return button

    def _unfold(self, event: Any) -> None:
        """The rare parameters; their widgets are made when they are first looked at."""
        if self._advanced is None:
            rare = [name for name in self._session.request.param if name not in HIDDEN and name not in FREQUENT]
            fields = [TokenField(self._session), *(Field(self._session, name) for name in rare)]
            self._advanced = pn.Column(*fields, css_classes=["advanced"], margin=0)
            self._column.insert(self._column.index(self._more) + 1, self._advanced)
        self._advanced.visible = event.new
        self._more.name = ("▾" if event.new else "▸") + self._more.name[1:]

    async def _planned(self) -> bool:
        """Propose a plan; False when something is wrong with it."""
        session = self._session
        if session.faults:
            return False
        try:
            session.busy = "looking up name and science windows"
            session.accept(*await asyncio.to_thread(session.propose))
        except DashboardError as error:
            session.refuse(error)
            return False
        return True

    async def _show_plan(self, *_: Any) -> None:
        await self._planned()

    async def _start(self, *_: Any) -> None:
        session = self._session
        self._run.disabled = True
        try:
            if session.plan is not None or await self._planned():
                session.busy = "handing the batches over"
                run_id = await asyncio.to_thread(session.start)
                session.busy = ""
                session.watch_run(run_id)
        except DashboardError as error:
            session.refuse(error)
        finally:
            self._run.disabled = bool(session.faults)

    def _show(self, *_: Any) -> None:
        self._plan.object = plan_card(self._session)
        self._run.disabled = bool(self._session.faults)
