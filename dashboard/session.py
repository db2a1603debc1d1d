"""The state of one browser session: what is asked, what is planned, which run is watched, what it holds so far.

No Panel here: views watch the parameters and call the methods. Methods marked "blocking" touch network or disk for
long and are called in a thread; what they return is then assigned in the session's own thread.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import param

from dashboard.dispatcher.token import inspect
from dashboard.errors import DashboardError, RequestError, TokenExpired
from dashboard.identity import Identity
from dashboard.plan.plan import Plan
from dashboard.products.catalog import SourceTable
from dashboard.products.mosaic import Mosaic
from dashboard.request.checks import problems
from dashboard.request.request import Request
from dashboard.road import prepare
from dashboard.runs.process import ensure_worker, hand_token, host_for
from dashboard.runs.run_state import RunState
from dashboard.runs.store import RunStore
from dashboard.settings import Settings
from dashboard.watcher import Findings, Watch, watcher

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
        self.findings: Findings | None = None
        self._watch: Watch | None = None
        self.request.param.watch(self._changed, list(self.request.param))

    def _changed(self, *_: Any) -> None:
        """A plan of an older request is no plan."""
        self.param.update(faults=self.judge(), plan=None, problem="")

    def warm(self) -> None:
        """Blocking: see that the worker, and what the present host needs, is there before anyone waits for it."""
        ensure_worker(self.settings)
        host_for(self.settings, self.request.host_type)

    def take_token(self, text: str) -> None:
        """Blocking: read a token, give it to the worker, and remember what it says, never the token itself.

        Raises
        ------
        NotAuthorized
            When it is no token.
        TokenExpired
            When it is too old.
        RunError
            When the worker takes tokens from another program.
        """
        facts = inspect(text) if text.strip() else None
        if facts is not None and facts.expired:
            raise TokenExpired("The token has expired: get a new one from the MMODA page, or go on without one.")
        hand_token(self.settings, text)
        self.identity = replace(self.identity, roles=facts.roles if facts else ())

    @property
    def roles_missing(self) -> tuple[str, ...]:
        """Roles the plan needs that the user's token does not carry."""
        return tuple(role for role in self.plan.roles_needed if role not in self.identity.roles) if self.plan else ()

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

    @property
    def mosaic(self) -> Mosaic | None:
        """What has been added up so far; None before the first batch."""
        return self.findings.mosaic if self.findings else None

    @property
    def sources(self) -> SourceTable:
        """The sources found on it."""
        return self.findings.sources if self.findings else SourceTable()

    def watch_run(self, run_id: str) -> None:
        """Look at another run from its beginning."""
        self._watch = watcher(self.settings).watch(run_id)
        self.findings, self.run = None, self._watch.look.state
        self.refresh()

    def refresh(self) -> None:
        """Take what the watcher has seen of the run since."""
        if self._watch is None or self.run is None:
            return
        if not self.run.finished:
            ensure_worker(self.settings)
        look = self._watch.look
        newer = look.findings is not self.findings
        self.findings, self.run = look.findings, look.state
        if newer:
            self.product_version += 1
