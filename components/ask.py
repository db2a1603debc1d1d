"""The request: fields bound to its parameters, the plan before Run, the Run button."""

from __future__ import annotations

import asyncio
from typing import Any

import panel as pn

from components.plan_card import plan_card
from dashboard.errors import DashboardError
from dashboard.session import Session

FIELDS = ("src_name", "T1", "T2", "E1_keV", "E2_keV", "radius", "detection_threshold")
LABELS = {"src_name": "Source", "T1": "From", "T2": "To", "E1_keV": "E min", "E2_keV": "E max", "detection_threshold": "Threshold"}
PLACEHOLDERS = {"E1_keV": "28", "E2_keV": "40", "radius": "10.5"}


class AskView(pn.viewable.Viewer):
    """The left column."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self._fields = {name: self._field(name) for name in FIELDS}
        self._plan = pn.pane.HTML(plan_card(session), css_classes=["plan"], sizing_mode="stretch_width", margin=0)
        self._check = pn.widgets.Button(name="Plan", css_classes=["act"], sizing_mode="stretch_width")
        self._run = pn.widgets.Button(name="Run", css_classes=["act", "primary"], sizing_mode="stretch_width")
        self._check.on_click(self._show_plan)
        self._run.on_click(self._start)
        session.param.watch(self._show, ["plan", "problem", "busy"])
        f = self._fields
        self._column = pn.Column(
            f["src_name"],
            pn.Row(f["T1"], f["T2"], css_classes=["pair"], margin=0),
            pn.Row(f["E1_keV"], f["E2_keV"], css_classes=["pair"], margin=0),
            pn.Row(f["radius"], f["detection_threshold"], css_classes=["pair"], margin=0),
            pn.Spacer(sizing_mode="stretch_height"),
            self._plan,
            pn.Row(self._check, self._run, css_classes=["pair"], margin=0),
            css_classes=["ask"],
            margin=0,
        )

    def __panel__(self) -> pn.viewable.Viewable:
        return self._column

    def _field(self, name: str) -> Any:
        """A text field for a parameter, with its unit in the label and its documentation as help."""
        parameter = self._session.request.param[name]
        unit = parameter.metadata.get("unit", "") if parameter.metadata else ""
        value = getattr(self._session.request, name)
        field = pn.widgets.TextInput(
            name=LABELS.get(name, name) + (f" [{unit}]" if unit else ""),
            value="" if value is None else f"{value:g}" if isinstance(value, float) else str(value),
            placeholder=PLACEHOLDERS.get(name, ""),
            description=parameter.doc,
            sizing_mode="stretch_width",
            margin=0,
        )
        return field

    def _read(self) -> None:
        """Build the request from the fields; RequestError names the one that is wrong."""
        values: dict[str, Any] = {}
        for name, field in self._fields.items():
            text = field.value_input.strip() if field.value_input else str(field.value).strip()
            if text and name not in {"src_name", "T1", "T2"}:
                try:
                    values[name] = float(text)
                except ValueError:
                    values[name] = text
            elif text:
                values[name] = text
        self._session.request = type(self._session.request).from_dict({**values, "src_name": values.get("src_name", "")})

    async def _planned(self) -> bool:
        session = self._session
        try:
            self._read()
            session.busy = "looking up name and science windows"
            session.accept(*await asyncio.to_thread(session.propose))
        except DashboardError as error:
            session.refuse(error)
            return False
        return True

    async def _show_plan(self, *_: Any) -> None:
        await self._planned()

    async def _start(self, *_: Any) -> None:
        self._run.disabled = True
        try:
            if await self._planned():
                session = self._session
                session.busy = "handing the batches over"
                run_id = await asyncio.to_thread(session.start)
                session.busy = ""
                session.watch_run(run_id)
        except DashboardError as error:
            self._session.refuse(error)
        finally:
            self._run.disabled = False

    def _show(self, *_: Any) -> None:
        self._plan.object = plan_card(self._session)
        for name, field in self._fields.items():
            field.css_classes = ["wrong"] if name == self._session.problem_field else []
