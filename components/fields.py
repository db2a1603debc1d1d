"""Fields: one widget a parameter of the request, with its unit, its help, and its sentence when it is wrong."""

from __future__ import annotations

from html import escape
from typing import Any

import panel as pn
import param

from dashboard.request.request import Request
from dashboard.session import Session

LABELS = {
    "src_name": "Source",
    "T1": "From",
    "T2": "To",
    "E1_keV": "E min",
    "E2_keV": "E max",
    "radius": "Radius",
    "detection_threshold": "Threshold",
}
WHEN_EMPTY = {"E1_keV": "28", "E2_keV": "40", "radius": "10.5", "src_name": "name, e.g. Crab", "isdc_cat_url": "shipped catalogue"}


def widget(request: Request, name: str) -> Any:
    """The widget of a parameter, bound to it both ways."""
    parameter = request.param[name]
    unit = (parameter.metadata or {}).get("unit", "")
    common: dict[str, Any] = {
        "name": LABELS.get(name, name) + (f" [{unit}]" if unit else ""),
        "description": parameter.doc,
        "sizing_mode": "stretch_width",
        "margin": 0,
    }
    if isinstance(parameter, param.Boolean):
        return pn.widgets.Checkbox.from_param(parameter, name=LABELS.get(name, name), margin=0, sizing_mode="stretch_width")
    if isinstance(parameter, param.Selector):
        return pn.widgets.Select.from_param(parameter, **common)
    if isinstance(parameter, param.Integer):
        return pn.widgets.IntInput.from_param(parameter, start=None, end=None, **common)
    if isinstance(parameter, param.Number):
        return pn.widgets.FloatInput.from_param(parameter, start=None, end=None, placeholder=WHEN_EMPTY.get(name, ""), **common)
    if isinstance(parameter, param.List):
        return pn.widgets.LiteralInput.from_param(parameter, placeholder="[]", **common)
    return pn.widgets.TextInput.from_param(parameter, placeholder=WHEN_EMPTY.get(name, ""), **common)


class Field(pn.viewable.Viewer):
    """A widget that is marked, with its sentence below, while its value is wrong."""

    def __init__(self, session: Session, name: str) -> None:
        super().__init__()
        self._name = name
        self._widget = widget(session.request, name)
        self._fault: pn.pane.HTML | None = None
        self._column = pn.Column(self._widget, margin=0, sizing_mode="stretch_width")
        session.param.watch(lambda event: self._mark(event.new), "faults")

    def __panel__(self) -> pn.viewable.Viewable:
        return self._column

    def _mark(self, faults: dict[str, str]) -> None:
        sentence = faults.get(self._name, "")
        if self._fault is None:
            if not sentence:
                return
            self._fault = pn.pane.HTML("", visible=False, margin=0, sizing_mode="stretch_width")
            self._column.append(self._fault)
        self._widget.css_classes = ["wrong"] if sentence else []
        self._fault.param.update(object=f'<p class="bad" role="alert">{escape(sentence)}</p>' if sentence else "", visible=bool(sentence))
