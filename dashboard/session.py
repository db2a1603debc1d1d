"""The state of one browser session: what is asked, what is planned, which run is watched, what it holds so far.

No Panel here: views watch the parameters and call the methods. Methods marked "blocking" touch network or disk for
long and are called in a thread; what they return is then assigned in the session's own thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import param

from dashboard.account import Standing, account_of, nobodys_account
from dashboard.ahead import Ahead
from dashboard.archive.reference_catalog import reference_catalog
from dashboard.archive.resolver import resolve
from dashboard.catalog_draft import CatalogDraft
from dashboard.errors import DashboardError, LinkEnded, NotAuthorized, RequestError
from dashboard.examples import EXAMPLES, RESET
from dashboard.host_board import host_board
from dashboard.identity import BY_LINK, Identity
from dashboard.job_acts import JobActs
from dashboard.next_request import catalogue_values
from dashboard.plan.job import Coming, Job
from dashboard.plan.making import catalogue_of_image
from dashboard.plan.plan import Plan
from dashboard.plan.screening import Poor, news, poor_windows, spared
from dashboard.products.catalog import SourceTable
from dashboard.products.mosaic import Mosaic
from dashboard.range_look import RangeLook
from dashboard.request.checks import problems
from dashboard.request.draft import draft
from dashboard.request.request import Request
from dashboard.run_acts import RunActs, extends
from dashboard.runs.process import ensure_worker, host_for
from dashboard.runs.run_state import REVIEW, RunState
from dashboard.runs.run_view import RunView
from dashboard.runs.shared_run import SharedRun
from dashboard.runs.store import RunStore
from dashboard.selection import Selection
from dashboard.settings import Settings
from dashboard.watcher import Findings, Look, SharedWatch, Watch, watcher


class Session(param.Parameterized):
    """One visitor's view of the store."""

    request: Any = param.ClassSelector(class_=Request, doc="What is asked, as it is typed.")
    faults: Any = param.Dict(default={}, doc="Field to the sentence that says what is wrong with it.")
    plan = param.ClassSelector(class_=Plan, default=None, allow_None=True, doc="What would be sent.")
    computed = param.Integer(default=0, doc="How many batches of the plan are stored already.")
    extension = param.ClassSelector(
        class_=Plan, default=None, allow_None=True, doc="The watched run's plan as it would be, to be confirmed."
    )
    problem = param.String(default="", doc="Sentence for the user about what went wrong elsewhere, empty when all is well.")
    busy = param.String(default="", doc="What is being waited for, empty when nothing.")
    run = param.ClassSelector(class_=RunState, default=None, allow_None=True, doc="The watched run, as last read.")
    product_version = param.Integer(default=0, doc="Raised when any product has changed, or another mosaic is shown.")
    shown = param.Integer(default=0, doc="Number of the job whose mosaic is shown.")
    draft: Any = param.ClassSelector(class_=CatalogDraft, default=None, allow_None=True, doc="The image's catalogue while it is reviewed.")
    hosts: Any = param.Dict(default={}, doc="Name of each host to its newest look.")
    comparing = param.Boolean(default=False, doc="All hosts are looked at, not the chosen one alone.")
    beat = param.Integer(default=0, doc="Raised whenever the session has looked: what is made in the background may be there now.")
    plan_wished = param.Integer(default=0, doc="Raised when something selected has filled the request: its plan is to be shown.")
    gallery_wished = param.Integer(default=0, doc="Raised when the watched run is to be published as its request allows, without a look.")
    selection: Any = param.ClassSelector(class_=Selection, doc="What is looked at, in every pane.")

    def __init__(self, settings: Settings, identity: Identity, shared: SharedRun | None = None, **params: Any) -> None:
        super().__init__(request=draft(), selection=Selection(), **params)
        self.settings = settings
        self.identity = identity
        self.shared = shared
        self.store: RunView = shared or RunStore(settings, identity.user)
        self.account = nobodys_account(settings) if shared else account_of(settings, identity.user)
        self.ahead = Ahead(settings)
        self.range = RangeLook(settings)
        self.findings: Findings | None = None
        self.look: Look | None = None
        self._watch: Watch | SharedWatch | None = None
        self._made: tuple[Findings | None, ...] = ()
        self._asked: Request | None = self.asked()
        self._reviewed = 0
        self.editing = False
        self.request.param.watch(self._changed, list(self.request.param))
        self.selection.param.watch(lambda *_: self.refresh(), "time_range")

    @property
    def ticket_holder(self) -> str:
        """Whom the page's download tickets are made for, see `dashboard.runs.shared_run.seen_by`."""
        return f"{BY_LINK}{self.shared.link_id}" if self.shared else self.identity.user

    @property
    def own(self) -> RunStore:
        """The store, for who may change what is in it.

        Raises
        ------
        NotAuthorized
            When the page only shows a run that is shared.
        """
        if not isinstance(self.store, RunStore):
            raise NotAuthorized("This page shows a run shared by link: it can be looked at. Copy it into a request of your own to go on.")
        return self.store

    @property
    def acts(self) -> RunActs:
        """On the user's runs; raises as `own`."""
        return RunActs(self.settings, self.own, self.account)

    @property
    def jobs(self) -> JobActs:
        """On the user's jobs at a host; raises as `own`."""
        return JobActs(self.settings, self.own, self.identity, self.account)

    def _changed(self, *_: Any) -> None:
        """A plan of an older request is no plan."""
        self.param.update(faults=self.judge(), plan=None, extension=None, problem="")
        self._asked = None if self.faults else self.asked()
        self.look_ahead()

    def look_ahead(self, *, again: bool = False) -> None:
        """Take what is known by now of the request's target and cost; `again`: try once more what failed."""
        self.ahead.refresh(self._asked, again=again)

    def warm(self) -> None:
        """Blocking: see that the worker, and what the present host needs, is there before anyone waits for it."""
        if self.shared is None:
            ensure_worker(self.settings)
            host_for(self.settings, self.request.host_type)

    @property
    def standing(self) -> Standing:
        """How the user stands before the host that is chosen."""
        return self.account.at(self.request.host_type)

    @property
    def roles_missing(self) -> tuple[str, ...]:
        """Roles the plan needs and the user lacks at its host."""
        return self.account.at(self.plan.host).missing(self.plan) if self.plan else ()

    @property
    def s_max_advised(self) -> int | None:
        """A better s_max for the plan: the most that the user's roles allow; None when it is well chosen."""
        return self.account.at(self.plan.host).advised_s_max(self.plan) if self.plan else None

    @property
    def extendable(self) -> bool:
        """Whether the request asks for what the watched run asks, in another interval."""
        if self.look is None or self.faults or self.look.state.state == REVIEW:
            return False
        try:
            return extends(self.look.plan, self.asked())
        except RequestError:
            return False

    @property
    def poor(self) -> tuple[Poor, ...]:
        """Science windows of the plan with little good time."""
        return poor_windows(self.plan) if self.plan else ()

    @property
    def extension_news(self) -> tuple[str, ...]:
        """What the extension is warned of and the run was not."""
        return news(self.look.plan, self.extension) if self.look and self.extension else ()

    def take_token(self, text: str) -> None:
        """Blocking: use a token for the chosen host; see `RunActs.take_token`."""
        self.acts.take_token(self.identity.user, self.request.host_type, text)

    def judge(self) -> dict[str, str]:
        """What is wrong with the request, by field."""
        try:
            found = problems(self.asked(), local_files=False, catalog_hosts=self.settings.catalog_hosts, hosts=self.settings.hosts)
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
        """Fill in one of `EXAMPLES`; instruments and products stay as they are where it names none."""
        self.request.param.update(**RESET, **EXAMPLES[name])

    def suggestions(self) -> tuple[str, ...]:
        """Blocking: names for the source, those of the newest runs first, then the catalogue's."""
        return tuple(dict.fromkeys((*self.store.recent_targets(), *sorted(reference_catalog().names, key=str.casefold))))

    def propose(self) -> tuple[Plan, int]:
        """Blocking: the plan for the present request, and how many of its batches are stored already."""
        return self._counted(self.acts.plan(self.asked(), self.identity))

    def spare(self) -> tuple[Plan, int]:
        """Blocking: as `propose`, the present plan without its science windows of little good time.

        Raises
        ------
        RequestError, NoScienceWindows
            When there is no plan, or nothing would be left.
        """
        if self.plan is None:
            raise RequestError("There is no plan to leave anything out of: choose a source and an interval first.")
        return self._counted(spared(self.plan, self.poor))

    def _counted(self, plan: Plan) -> tuple[Plan, int]:
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
        """Blocking: begin what is planned and return the run's id; see `RunActs.start`.

        Raises
        ------
        RequestError
            When there is no plan.
        """
        if self.plan is None:
            raise RequestError("There is no plan to run yet: choose a source and an interval first.")
        return self.acts.start(self.plan, self.identity)

    def open(self, run_id: str) -> None:
        """Look at the run an address names; what is wrong with it becomes the session's sentence."""
        try:
            plan = self.store.plan(run_id)
            self.request.param.update(**{name: value for name, value in plan.request.items() if name in self.request.param})
            self.accept(*self._counted(plan))
            self.watch_run(run_id)
        except DashboardError as error:
            self.refuse(error)

    @property
    def mosaic(self) -> Mosaic | None:
        """What has been added up so far of the mosaic that is shown; None before the first batch."""
        return self.findings.product if self.findings else None

    @property
    def sources(self) -> SourceTable:
        """The sources found on it."""
        return self.findings.sources if self.findings else SourceTable()

    @property
    def mosaics(self) -> tuple[int, ...]:
        """Numbers of the run's jobs that are mosaics."""
        return tuple(number for number, job in enumerate(self.look.jobs) if job.product == "mosaic") if self.look else ()

    def shown_mosaics(self) -> tuple[tuple[int, Findings], ...]:
        """Number and findings of each mosaic that there is, of the selected time range."""
        return tuple((number, found) for number in self.mosaics if (found := self._made[number]) is not None)

    def expected(self, product: str) -> tuple[Job | Coming, ...]:
        """The run's jobs of a product, or the plan's before there is a run, with those that wait for a catalogue."""
        plan = self.look.plan if self.look else self.plan
        jobs: tuple[Job | Coming, ...] = (*plan.jobs, *plan.coming) if plan else ()
        return tuple(job for job in jobs if job.product == product)

    def extracted(self, product: str) -> tuple[tuple[Job, Findings], ...]:
        """The run's spectra ("spectrum") or light curves ("lightcurve") that are there: a SpectrumSet or LightCurveSet a job."""
        if self.look is None:
            return ()
        found = ((job, self.range.findings(number, self.look.findings[number])) for number, job in enumerate(self.look.jobs))
        return tuple((job, findings) for job, findings in found if job.product == product and findings is not None)

    def range_words(self, product: str) -> str:
        """Which batches of the selected time range are shown of a product, "" when all are; of the mosaic, of the one that is shown."""
        jobs = self.look.jobs if self.look else ()
        numbers = [self.shown] if product == "mosaic" else [number for number, job in enumerate(jobs) if job.product == product]
        return next(filter(None, map(self.range.words, numbers)), "")

    def show(self, number: int) -> None:
        """Look at the mosaic of another job."""
        self.shown = number
        self._take(self.look)

    def ask_next(self, values: Mapping[str, Any]) -> None:
        """Fill the request from what is selected, see `dashboard.next_request`, and wish for its plan."""
        self.request.param.update(**values)
        self.plan_wished += 1

    def leave_run(self) -> None:
        """Look at no run any more; the request stays."""
        self._watch, self.findings, self.look, self.draft, self.editing = None, None, None, None, False
        self.run, self.extension = None, None
        self.selection.clear()
        self.product_version += 1

    def watch_run(self, run_id: str) -> None:
        """Look at another run from its beginning."""
        self.store.state(run_id)  # says so when it is not this user's
        runs = watcher(self.settings)
        watch, self._watch = (runs.share(run_id, self.shared.link_id) if self.shared else runs.watch(run_id)), None
        self.findings, self.look, self.draft, self.editing = None, None, None, False
        self.selection.clear()
        self._watch = watch
        first = next((number for number, job in enumerate(self._watch.look.jobs) if job.product == "mosaic"), 0)
        self.param.update(shown=first, run=self._watch.look.state, extension=None)
        self.product_version += 1  # what was shown belongs to another run
        self.refresh()

    def refresh(self) -> None:
        """Take what the watcher has seen of the run since, and what is known of the hosts; a run whose link has ended is left."""
        if self.shared is None:
            self._look_at_hosts()
        self.look_ahead()
        self.beat += 1
        if self._watch is None or self.run is None:
            return
        if not self.run.finished and self.settings.workers and self.shared is None:  # the watcher looks after those elsewhere
            ensure_worker(self.settings)
        try:
            self._take(self._watch.look)
        except LinkEnded as error:
            self.leave_run()
            self.refuse(error)

    def _look_at_hosts(self) -> None:
        names = self.settings.hosts if self.comparing else {self.request.host_type, *([self.run.host] if self.run else [])}
        looks = host_board(self.settings).looks(names)
        if looks != self.hosts:
            self.hosts = looks

    def _take(self, look: Look | None) -> None:
        if look is None:
            return
        awaited = look.plan.coming[0].image if look.state.state == REVIEW and self.shared is None else None
        if awaited is not None and (self.draft is None or self._reviewed != awaited):
            self.shown = awaited  # the image whose sources are reviewed
        before, made = self.look.findings if self.look else (), self._made
        self.range.refresh(look, self.selection.time_range)
        self._made = tuple(self.range.findings(number, found) for number, found in enumerate(look.findings))
        shown = self._made[self.shown] if look.jobs[self.shown].product == "mosaic" else None
        newer = look.findings != before or shown is not self.findings or self._made != made
        self.findings, self.look = shown, look
        if self.run is not None and look.state.plan_version != self.run.plan_version:
            self.extension = None  # it was made of an earlier plan
        if look.state is not self.run:  # param compares no dataclasses: it would tell everybody at every beat
            self.run = look.state
        if newer:
            self.product_version += 1
        if awaited is None:
            self.draft = self.draft if self.editing else None
        elif self.draft is None or self._reviewed != awaited:
            self._review(look, awaited)

    def _review(self, look: Look, number: int) -> None:
        """Lay the catalogue of an image before the user."""
        found = look.findings[number]
        if found is not None:
            catalog, notes = catalogue_of_image(look.plan, number, found.sources)
            self._reviewed = number
            self.draft = CatalogDraft(catalog, look.jobs[number].instrument, notes=notes)

    def resolve(self, name: str) -> tuple[float, float]:
        """Blocking: RA and Dec (degrees) of a name, by the resolver of the run's host, then as `dashboard.archive.resolver` does.

        Raises
        ------
        ArchiveError
            When nobody knows the name, or nobody answers.
        """
        target = resolve(Request(src_name=name), host_for(self.settings, self.run.host if self.run else self.request.host_type))
        return target.ra, target.dec

    def edit(self, draft: CatalogDraft | None) -> None:
        """Lay a catalogue before the user that no run waits for; None puts it away."""
        self.editing = draft is not None
        self.draft = draft

    def take_edited(self) -> None:
        """Ask for spectra and light curves with the catalogue as it was edited."""
        if self.draft is not None and self.draft.used is not None:
            instrument = self.draft.instrument
            asked = {"instrument": instrument, "jemx_unit": None, "product": ["spectrum", "lightcurve"]}
            self.ask_next({**asked, **catalogue_values(self.draft.used, instrument)})
            self.edit(None)

    def use_catalog(self) -> None:
        """Blocking: go on with the catalogue as it was edited."""
        if self.run is not None and self.draft is not None and self.draft.used is not None:
            self.acts.go_on(self.run, self._reviewed, self.draft.used)
