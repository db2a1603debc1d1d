"""The request: fields bound to its parameters, the plan before Run, the Run button."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import panel as pn

from components import catalogue_choice, position, product_fields
from components.advanced import AdvancedFields
from components.catalogue_choice import CatalogueChoice
from components.chips import Chips
from components.fields import Field, when_empty
from components.plan_card import plan_card
from components.position import PositionView
from components.product_fields import ProductFields
from components.turn import in_turn
from components.words import Words
from dashboard.errors import DashboardError, RequestError
from dashboard.examples import EXAMPLES
from dashboard.request.times import IJD_0_MJD
from dashboard.session import Session

WHOLE, LEFT, RIGHT = "1 / auto / -1", "1", "2"
PLACE, EXAMPLE_ROW, INTERVAL = 3, 4, 13
"""Rows of what is no field."""
INSTRUMENTS = {"ISGRI": "isgri", "JEM-X 1": "jemx1", "JEM-X 2": "jemx2"}
PRODUCTS = {"Mosaic": "mosaic", "Spectrum": "spectrum", "Light curve": "lightcurve"}
FREQUENT = {
    "src_name": (1, WHOLE),
    "T1": (9, WHOLE),
    "T2": (11, WHOLE),
    "E1_keV": (14, LEFT),
    "E2_keV": (14, RIGHT),
    "bands": (16, WHOLE),
    "radius": (18, LEFT),
    "detection_threshold": (18, RIGHT),
}
"""Row and column of the fields one always sees; examples, the folds and what they hide have theirs in the style sheet."""
ELSEWHERE = {
    *("name", "host_type", "instrument", "product", "jemx_unit"),
    *(*FREQUENT, *position.NAMES, *product_fields.NAMES, *catalogue_choice.NAMES),
}

FOLLOWED = ("instrument", "product", "jemx_unit", "use_default_catalog", "make_image", "systematic_fraction")


class AskView(pn.viewable.Viewer):
    """The left column: the form, which scrolls where it must, and below it plan and buttons, which stay in view."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self._form = pn.Column(css_classes=["form"], sizing_mode="stretch_both", margin=0)
        self._fields = {name: Field(session, name, self._form, place).widget for name, place in FREQUENT.items()}
        source, *pairs = self._fields.values()
        examples = pn.widgets.CheckButtonGroup(options=list(EXAMPLES), css_classes=["chips", "examples"], margin=0)
        examples.param.watch(self._take_example, "value")
        self._instruments = Chips("Instrument", INSTRUMENTS, (), lambda names: self._set(instrument=_one_or_several(names), jemx_unit=None))
        self._products = Chips("Product", PRODUCTS, (), lambda names: self._set(product=_one_or_several(names)))
        instruments = Field(session, "instrument", self._form, (5, WHOLE), self._instruments, ("jemx_unit",)).widget
        products = Field(session, "product", self._form, (7, WHOLE), self._products).widget
        self._place = PositionView(session)
        self._interval = Words("", "quiet", "interval-words")
        self._extra: ProductFields | None = None
        self._catalogue: CatalogueChoice | None = None
        self._plan = Words(plan_card(session), "plan")
        self._check = pn.widgets.Button(label="Plan", css_classes=["act", "half"], sizing_mode="stretch_width", margin=0)
        self._run = pn.widgets.Button(label="Run", css_classes=["act", "primary", "half"], sizing_mode="stretch_width", margin=0)
        self._offered: dict[str, pn.widgets.Button] = {}
        self._check.on_click(self._show_plan)
        self._run.on_click(self._start)
        self._more = pn.widgets.Toggle(label="▸ Advanced: rights, batches, sampling", css_classes=["fold", "more"], margin=0)
        self._advanced: AdvancedFields | None = None
        self._more.param.watch(self._unfold, "value")
        session.param.watch(self._show, ["plan", "problem", "busy", "faults", "run", "extension"])
        session.ahead.param.watch(self._show, ["forecast", "problem"])
        session.ahead.param.watch(self._tell_interval, ["spans", "coverage"])
        session.param.watch(self._wished, "plan_wished")
        self._form[:] = [source, self._place, examples, instruments, products, *pairs[:2], self._interval, *pairs[2:], self._more]
        parts = (self._form, self._plan, self._check, self._run)
        self._column = pn.Column(*parts, css_classes=["ask"], sizing_mode="stretch_both", margin=0)
        session.request.param.watch(self._follow, [*FOLLOWED])
        self._follow()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._column

    def suggest(self, names: Sequence[str]) -> None:
        """Offer these for the source."""
        self._fields["src_name"].options = list(names)

    def _tell_interval(self, *_: Any) -> None:
        """The chosen intervals in the field's other units."""
        ahead = self._session.ahead
        words = ""
        if ahead.spans:
            start, stop = min(a for a, _ in ahead.spans), max(b for _, b in ahead.spans)
            several = f"{len(ahead.spans)} intervals, " if len(ahead.spans) > 1 else ""
            found = ahead.coverage.revolution_span(start, stop) if ahead.coverage is not None else None
            revolutions = f"rev {found[0]}–{found[1]} · " if found else ""
            words = f"{several}{revolutions}MJD {start + IJD_0_MJD:.2f}–{stop + IJD_0_MJD:.2f}"
        self._interval.value = words

    async def _wished(self, _: Any) -> None:
        await self._planned()

    def _take_example(self, event: Any) -> None:
        if event.new:
            event.obj.value = []
            self._session.take_example(event.new[0])
            self._session.plan_wished += 1

    def _set(self, **values: Any) -> None:
        self._session.request.param.update(**values)

    def _follow(self, *_: Any) -> None:
        """Show what the instruments and products that are asked for need, and nothing else."""
        request = self._session.request
        try:
            instruments, products = request.instruments, request.products
        except RequestError:
            return  # an empty choice stays as it is until something is chosen
        self._instruments.follow(instruments)
        self._products.follow(products)
        for name in ("E1_keV", "E2_keV", "radius"):
            self._fields[name].placeholder = when_empty(request, name)
        if request.extracted and (self._extra is None or self._catalogue is None):
            self._extra, self._catalogue = ProductFields(self._session), CatalogueChoice(self._session)
            at = self._form.index(self._more)
            self._form[at:at] = [self._extra, self._catalogue]
        if self._extra is not None and self._catalogue is not None:
            self._extra.follow(product_fields.relevant(request))
            self._catalogue.__panel__().visible = bool(request.extracted)
            self._catalogue.follow()

    def _unfold(self, event: Any) -> None:
        """The rare parameters; their widgets are made when they are first looked at."""
        if self._advanced is None:
            rare = [name for name in self._session.request.param if name not in ELSEWHERE]
            self._advanced = AdvancedFields(self._session, rare)
            self._form.insert(self._form.index(self._more) + 1, self._advanced)
        self._advanced.__panel__().visible = event.new
        self._more.label = ("▾" if event.new else "▸") + self._more.label[1:]

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
        in_turn(lambda: self._session.look_ahead(again=True))
        await self._planned()

    def _take_advice(self, *_: Any) -> None:
        if self._session.s_max_advised is not None:
            self._set(s_max=self._session.s_max_advised)
            self._session.plan_wished += 1

    async def _leave_out(self, *_: Any) -> None:
        """Do without the science windows of little good time."""
        try:
            self._session.accept(*await asyncio.to_thread(self._session.spare))
        except DashboardError as error:
            self._session.refuse(error)

    async def _extend(self, *_: Any) -> None:
        """Give the watched run the interval of the form; only what is new is asked, and what is new to warn of is read first."""
        session = self._session
        if session.run is None:
            return
        try:
            plan = session.extension
            if plan is None:
                session.busy = "looking up science windows"
                plan = await asyncio.to_thread(session.acts.extension, session.run, session.asked())
                session.param.update(busy="", extension=plan)
                if session.extension_news:
                    return
            session.busy = "handing the batches over"
            number = await asyncio.to_thread(session.acts.extend, session.run, plan)
            told = "" if number else "Nothing is new in this interval: every batch is in the run already."
            session.param.update(busy="", extension=None, problem=told)
        except DashboardError as error:
            session.extension = None
            session.refuse(error)

    async def _start(self, *_: Any) -> None:
        session = self._session
        self._run.disabled = True
        try:
            if session.plan is not None or await self._planned():
                session.busy = "handing the batches over"
                run_id = await asyncio.to_thread(session.start)
                session.busy = ""
                in_turn(lambda: session.watch_run(run_id))
        except DashboardError as error:
            session.refuse(error)
        finally:
            self._run.disabled = bool(session.faults)

    def _show(self, *_: Any) -> None:
        self._plan.value = plan_card(self._session)
        session = self._session
        n_poor = len({swid for one in session.poor for swid in one.swids})
        advised = session.s_max_advised
        self._offer("poor", self._leave_out, f"Leave out {n_poor} ScW of little good time" if n_poor else "")
        self._offer("s_max", self._take_advice, f"Set s_max to {advised}" if advised is not None else "")
        extend = "Extend the run nevertheless" if session.extension is not None else "Extend the run to this interval"
        self._offer("extend", self._extend, extend if session.extendable else "")
        self._run.disabled = bool(session.faults)

    def _offer(self, name: str, act: Callable[..., Any], label: str) -> None:
        """A button above the others while there is something to do; it is made when it is first offered."""
        button = self._offered.get(name)
        if button is None and label:
            button = self._offered[name] = pn.widgets.Button(css_classes=["act", "advice"], sizing_mode="stretch_width", margin=0)
            button.on_click(act)
            self._column.insert(self._column.index(self._check), button)
        if button is not None:
            button.param.update(visible=bool(label), label=label)


def _one_or_several(names: list[str]) -> str | list[str]:
    return names[0] if len(names) == 1 else names
