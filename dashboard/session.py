"""The state of one browser session: what is asked, what is planned, which run is watched, what it holds so far.

No Panel here: views watch the parameters and call the methods. Methods marked "blocking" touch network or disk for
long and are called in a thread; what they return is then assigned in the session's own thread.
"""

from __future__ import annotations

from typing import Any

import param

from dashboard.errors import DashboardError, RequestError
from dashboard.identity import Identity
from dashboard.plan.plan import Plan
from dashboard.products.catalog import SourceTable
from dashboard.products.mosaic import Mosaic
from dashboard.request.checks import problems
from dashboard.request.request import Request
from dashboard.road import prepare
from dashboard.runs.process import ensure_worker, host_for
from dashboard.runs.results import load_mosaic, load_sources
from dashboard.runs.run_state import RunState
from dashboard.runs.store import RunStore
from dashboard.settings import Settings

EXAMPLES: dict[str, dict[str, Any]] = {
    "Crab": {"src_name": "Crab", "T1": "2009-02-15T00:00:00", "T2": "2009-03-30T00:00:00"},
    "Vela X-1": {"src_name": "Vela X-1", "T1": "2008-11-01T00:00:00", "T2": "2008-12-31T00:00:00"},
    "V404 Cyg 2015": {"src_name": "V404 Cyg", "T1": "2015-06-17T00:00:00", "T2": "2015-06-28T00:00:00"},
    "Galactic centre": {"src_name": "Galactic centre", "T1": "2006-02-15T00:00:00", "T2": "2006-03-15T00:00:00"},
}
_EXAMPLE_RESET = {"RA": 0.0, "DEC": 0.0, "zero_position": False, "scw_list": [], "revolutions": [], "bands": []}


def draft() -> Request:
    """A request whose numbers may be anything while they are typed: `judge` says what is wrong with them."""
    request = Request()
    for name in request.param:
        parameter = request.param[name]
        if isinstance(parameter, param.Number):
            parameter.bounds, parameter.allow_None = None, True
        elif isinstance(parameter, param.List):
            parameter.item_type = None
    return request


class Session(param.Parameterized):
    """One visitor's view of the store."""

    request: Any = param.ClassSelector(class_=Request, doc="What is asked, as it is typed.")
    faults: Any = param.Dict(default={}, doc="Field to the sentence that says what is wrong with it.")
    plan = param.ClassSelector(class_=Plan, default=None, allow_None=True, doc="What would be sent.")
    computed = param.Integer(default=0, doc="How many batches of the plan are stored already.")
    problem = param.String(default="", doc="Sentence for the user about what went wrong elsewhere, empty when all is well.")
    busy = param.String(default="", doc="What is being waited for, empty when nothing.")
    run = param.ClassSelector(class_=RunState, default=None, allow_None=True, doc="The watched run, as last read.")
    product_version = param.Integer(default=0, doc="Raised when mosaic and sources have changed.")
    selected = param.String(default="", doc="Name of the selected source.")

    def __init__(self, settings: Settings, identity: Identity, **params: Any) -> None:
        super().__init__(request=draft(), **params)
        self.settings = settings
        self.identity = identity
        self.store = RunStore(settings)
        self.mosaic: Mosaic | None = None
        self.sources = SourceTable()
        self._seen = -1
        self.request.param.watch(self._changed, list(self.request.param))

    def _changed(self, *_: Any) -> None:
        """A plan of an older request is no plan."""
        self.param.update(faults=self.judge(), plan=None, problem="")

    def warm(self) -> None:
        """Blocking: see that the worker, and what the present host needs, is there before anyone waits for it."""
        ensure_worker(self.settings)
        host_for(self.settings, self.request.host_type)

    def judge(self) -> dict[str, str]:
        """What is wrong with the request, by field."""
        try:
            found = problems(self.asked(), local_files=False)
        except RequestError as error:
            found = [error]
        return {error.field: error.sentence for error in reversed(found)}

    def asked(self) -> Request:
        """The request as it would be sent.

        Raises
        ------
        RequestError
            When a value is of the wrong kind or out of bounds.
        """
        return Request.from_dict({name: value for name, value in self.request.to_dict().items() if name != "name"})

    def take_example(self, name: str) -> None:
        """Fill in one of `EXAMPLES`."""
        self.request.param.update(**_EXAMPLE_RESET, **EXAMPLES[name])

    def propose(self) -> tuple[Plan, int]:
        """Blocking: the plan for the present request, and how many of its batches are stored already."""
        plan = prepare(self.settings, self.asked(), self.identity)
        return plan, len(self.store.done_batches([batch.batch_id for batch in plan.batches]))

    def accept(self, plan: Plan, computed: int) -> None:
        """Take the outcome of `propose`."""
        self.param.update(plan=plan, computed=computed, problem="", busy="")

    def refuse(self, error: DashboardError) -> None:
        """Show what is wrong, at its field when it has one."""
        field = getattr(error, "field", "")
        faults = {**self.faults, field: error.sentence} if field else self.faults
        self.param.update(faults=faults, problem="" if field else error.sentence, busy="")

    def start(self) -> str:
        """Blocking: hand the plan to the store, see that a worker is there, and return the run's id."""
        if self.plan is None:
            raise RequestError("There is no plan to run yet: choose a source and an interval first.")
        run_id = self.store.start(self.plan, self.identity)
        ensure_worker(self.settings)
        return run_id

    def open(self, run_id: str) -> None:
        """Look at the run an address names; what is wrong with it becomes the session's sentence."""
        try:
            plan = self.store.plan(run_id)
            self.request.param.update(**{name: value for name, value in plan.request.items() if name in self.request.param})
            self.accept(plan, len(self.store.done_batches([batch.batch_id for batch in plan.batches])))
            self.watch_run(run_id)
        except DashboardError as error:
            self.refuse(error)

    def watch_run(self, run_id: str) -> None:
        """Look at another run from its beginning."""
        state = self.store.state(run_id)
        self.mosaic, self.sources, self._seen = None, SourceTable(), -1
        self.run = state
        self.refresh()

    def refresh(self) -> None:
        """Read the run again when its version has changed; read its products when there are newer ones."""
        if self.run is None:
            return
        if not self.run.finished:
            ensure_worker(self.settings)
        if self._seen >= 0 and self.store.versions([self.run.run_id]).get(self.run.run_id) == self._seen:
            return
        state = self.store.state(self.run.run_id)
        newer = state.sum_version and (self.mosaic is None or state.sum_version != self.run.sum_version)
        if newer:
            self.mosaic, self.sources = load_mosaic(self.settings, state), load_sources(self.settings, state)
        self._seen = state.version
        self.run = state
        if newer:
            self.product_version += 1
