"""Fields: one widget a parameter of the request, with its unit, its help, and its sentence when it is wrong."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import panel as pn
import param

from components.text_field import CONVERTED, TextField
from components.words import Words
from dashboard.errors import RequestError
from dashboard.products.catalog_api import LARGEST_TEXT
from dashboard.request.general import DEFAULT_BAND, DEFAULT_RADIUS, DEFAULT_SYSTEMATIC
from dashboard.request.request import Request
from dashboard.session import Session

LABELS = {
    "src_name": "Source",
    "T1": "From",
    "T2": "To",
    "E1_keV": "E min",
    "E2_keV": "E max",
    "bands": "Bands",
    "radius": "Radius",
    "detection_threshold": "Threshold",
    "lc_time_bin": "Time bin",
    "systematic_fraction": "Systematics",
    "isgri_grouping_min_energy": "Group from",
    "isgri_grouping_max_energy": "Group to",
    "isgri_grouping_factor": "Groups",
    "spectrum_weighting": "Weights",
    "n_scw_image": "ScW in the image",
    "review_catalog": "stop to review the catalogue",
    "api_catalog_file": "Catalogue",
}
WHEN_EMPTY = {
    "src_name": "name or coordinates, e.g. Crab",
    "bands": "or several: 28-40, 40-80",
    "isdc_cat_url": "shipped catalogue",
    "revolutions": "1554, 1556-1558",
    "observations": "02200120001, …",
    "api_catalog_file": '{"cat_frame": "fk5", "cat_column_names": …',
}
BY_INSTRUMENT: dict[str, Callable[[str], float]] = {
    "E1_keV": lambda instrument: DEFAULT_BAND[instrument][0],
    "E2_keV": lambda instrument: DEFAULT_BAND[instrument][1],
    "radius": lambda instrument: DEFAULT_RADIUS[instrument],
    "systematic_fraction": lambda instrument: DEFAULT_SYSTEMATIC[instrument],
}


def when_empty(request: Request, name: str) -> str:
    """What an empty field stands for: the value of each instrument asked for."""
    if name not in BY_INSTRUMENT:
        return WHEN_EMPTY.get(name, "")
    try:
        values = [BY_INSTRUMENT[name](instrument) for instrument in request.instruments]
    except RequestError:
        return ""
    return " / ".join(f"{value:g}" for value in dict.fromkeys(values))


class NumberInput(pn.widgets.FloatInput):
    """A number or nothing: for nothing Panel's own sends NaN, and the browser shows it as a word."""

    def _process_param_change(self, params: dict[str, Any]) -> dict[str, Any]:
        sent: dict[str, Any] = super()._process_param_change({**params})
        return {**sent, "value": params["value"]} if "value" in params else sent


class NameInput(pn.widgets.AutocompleteInput):
    """A name, or nothing, with suggestions: for nothing Panel's own takes the first of them."""

    def _process_property_change(self, props: dict[str, Any]) -> dict[str, Any]:
        taken: dict[str, Any] = super()._process_property_change(props)
        return {**taken, "value": props["value"]} if "value" in props else taken


def widget(request: Request, name: str, refuse: Callable[[RequestError], None]) -> Any:
    """The widget of a parameter, bound to it both ways; `refuse` gets the error of a text that cannot be read."""
    parameter = request.param[name]
    unit = (parameter.metadata or {}).get("unit", "")
    common: dict[str, Any] = {
        "label": LABELS.get(name, name) + (f" [{unit}]" if unit else ""),
        "description": parameter.doc,
        "sizing_mode": "stretch_width",
        "margin": 0,
    }
    if isinstance(parameter, param.Boolean):
        return pn.widgets.Checkbox.from_param(parameter, label=LABELS.get(name, name), margin=0, sizing_mode="stretch_width")
    if isinstance(parameter, param.Selector):
        return pn.widgets.Select.from_param(parameter, **common)
    if isinstance(parameter, param.Integer):
        return pn.widgets.IntInput.from_param(parameter, start=None, end=None, **common)
    if isinstance(parameter, param.Number):
        return NumberInput.from_param(parameter, start=None, end=None, placeholder=when_empty(request, name), **common)
    if name in CONVERTED:
        return TextField(request, name, refuse, placeholder=when_empty(request, name), **common)
    if name == "src_name":
        return NameInput.from_param(
            parameter, restrict=False, min_characters=1, case_sensitive=False, placeholder=when_empty(request, name), **common
        )
    if isinstance(parameter, param.List):
        return pn.widgets.LiteralInput.from_param(parameter, placeholder="[]", **common)
    if name == "api_catalog_file":
        return pn.widgets.TextAreaInput.from_param(
            parameter, rows=4, max_length=LARGEST_TEXT, placeholder=when_empty(request, name), **common
        )
    return pn.widgets.TextInput.from_param(parameter, placeholder=when_empty(request, name), **common)


class Field:
    """A widget that is marked, with its sentence below, while its value is wrong.

    Parameters
    ----------
    session
        Whose request it shows.
    name
        Of the parameter.
    column
        Where the owner puts `widget`, and this its sentence, right after it.
    place
        Row and column of the owner's grid, where it has one; the row below is kept for the sentence.
    control
        What to mark, where it is not the parameter's own widget.
    also
        Further parameters it stands for.
    """

    def __init__(
        self,
        session: Session,
        name: str,
        column: pn.Column | pn.Row,
        place: tuple[int, str] | None = None,
        control: Any = None,
        also: tuple[str, ...] = (),
    ) -> None:
        self._names, self._column, self._place = (name, *also), column, place
        self.widget = widget(session.request, name, session.refuse) if control is None else control
        self._classes = list(self.widget.css_classes)
        self.widget.styles = self._area(0)
        self._fault: Words | None = None
        session.param.watch(lambda event: self._mark(event.new), "faults")

    def _area(self, below: int) -> dict[str, str]:
        return {"grid-area": f"{self._place[0] + below} / {self._place[1]}"} if self._place else {}

    def _mark(self, faults: dict[str, str]) -> None:
        sentence = next((faults[name] for name in self._names if name in faults), "")
        if self._fault is None:
            if not sentence:
                return
            self._fault = Words("", "fault", visible=False, styles=self._area(1))
            self._column.insert(self._column.index(self.widget) + 1, self._fault)
        self.widget.css_classes = [*self._classes, "wrong"] if sentence else self._classes
        self._fault.param.update(value=f'<p class="bad" role="alert">{escape(sentence)}</p>' if sentence else "", visible=bool(sentence))
