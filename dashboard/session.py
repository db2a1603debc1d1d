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
from dashboard.request.request import Request
from dashboard.road import prepare
from dashboard.runs.process import ensure_worker
from dashboard.runs.results import load_mosaic, load_sources
from dashboard.runs.run_state import RunState
from dashboard.runs.store import RunStore
from dashboard.settings import Settings


class Session(param.Parameterized):
    """One visitor's view of the store."""

    request: Any = param.ClassSelector(class_=Request, doc="What is asked.")
    plan = param.ClassSelector(class_=Plan, default=None, allow_None=True, doc="What would be sent.")
    problem = param.String(default="", doc="Sentence for the user, empty when all is well.")
    problem_field = param.String(default="", doc="Parameter the sentence is about.")
    busy = param.String(default="", doc="What is being waited for, empty when nothing.")
    computed = param.Integer(default=0, doc="How many batches of the plan are stored already.")
    run = param.ClassSelector(class_=RunState, default=None, allow_None=True, doc="The watched run, as last read.")
    product_version = param.Integer(default=0, doc="Raised when mosaic and sources have changed.")
    selected = param.String(default="", doc="Name of the selected source.")

    def __init__(self, settings: Settings, identity: Identity, **params: Any) -> None:
        params.setdefault("request", Request())
        super().__init__(**params)
        self.settings = settings
        self.identity = identity
        self.store = RunStore(settings)
        self.mosaic: Mosaic | None = None
        self.sources = SourceTable()
        self._seen = -1

    def propose(self) -> tuple[Plan, int]:
        """Blocking: the plan for the present request, and how many of its batches are stored already."""
        plan = prepare(self.settings, self.request, self.identity)
        return plan, len(self.store.done_batches([batch.batch_id for batch in plan.batches]))

    def accept(self, plan: Plan, computed: int) -> None:
        """Take the outcome of `propose`."""
        self.param.update(plan=plan, computed=computed, problem="", problem_field="", busy="")

    def refuse(self, error: DashboardError) -> None:
        """Show what is wrong."""
        self.param.update(problem=error.sentence, problem_field=getattr(error, "field", ""), busy="")

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
        if self.run is None or (self._seen >= 0 and self.store.versions([self.run.run_id]).get(self.run.run_id) == self._seen):
            return
        state = self.store.state(self.run.run_id)
        newer = state.sum_version and (self.mosaic is None or state.sum_version != self.run.sum_version)
        if newer:
            self.mosaic, self.sources = load_mosaic(self.settings, state), load_sources(self.settings, state)
        self._seen = state.version
        self.run = state
        if newer:
            self.product_version += 1
