"""What runs have found, kept current by one thread a process: read once a version, drawn once a view, for all its sessions.

The thread touches no document. It puts a new `Look` in the place of the old one; sessions compare it with what they show.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from dashboard.analysis.sky_width import SignificanceHistogram, SkyWidth, sky_width
from dashboard.errors import DashboardError, LinkEnded, RunError
from dashboard.logs import call_process
from dashboard.one_each import OneEach
from dashboard.plan.job import Job
from dashboard.plan.plan import Plan
from dashboard.products.catalog import SourceTable
from dashboard.runs.database import open_database
from dashboard.runs.links import open_links
from dashboard.runs.presence import PAGE, Presence, refuse_without_worker
from dashboard.runs.results import load_histogram, load_light_curves, load_mosaic, load_sources, load_spectra
from dashboard.runs.run_state import RunState
from dashboard.runs.shared_run import SharedRun, without_owner
from dashboard.runs.store import RunStore
from dashboard.settings import Settings

TURN_SECONDS: Final = 0.2

Value = TypeVar("Value")
log = logging.getLogger(__name__)


class Findings:
    """The product of one version of a job's sum, and what views have made of it.

    Attributes
    ----------
    product
        A Mosaic, SpectrumSet or LightCurveSet.
    sources, histogram
        Of a mosaic, else without content.
    """

    def __init__(self, product: Any, sources: SourceTable | None = None, histogram: SignificanceHistogram | None = None) -> None:
        self.product = product
        self.sources = sources or SourceTable()
        self.histogram = histogram
        self._made: dict[tuple[Any, ...], Any] = {}
        self._asked: set[tuple[Any, ...]] = set()
        self._lock, self._width_lock = threading.Lock(), threading.Lock()
        self._width: SkyWidth | None = None

    @property
    def width(self) -> SkyWidth:
        """Of the empty sky of a mosaic, measured once."""
        with self._width_lock:
            self._width = self._width or sky_width(self.product)
            return self._width

    def view(self, make: Callable[..., Value], *options: Hashable) -> Value:
        """`make(product, *options)`, made once whoever asks; `make` is a pure function of a module."""
        self._asked.add((make, *options))
        return self._get(make, *options)

    def prepare(self, former: Findings) -> None:
        """Make what sessions have asked of an earlier version, before they ask."""
        for make, *options in former._asked.copy():
            self._get(make, *options)

    def _get(self, make: Callable[..., Value], *options: Hashable) -> Value:
        key = (make, *options)
        with self._lock:
            if key not in self._made:
                self._made[key] = make(self.product, *options)
            value: Value = self._made[key]
            return value


@dataclass(frozen=True, slots=True)
class Look:
    """A run at one moment: its plan, and the findings of each of its jobs, None before its first batch."""

    state: RunState
    plan: Plan
    findings: tuple[Findings | None, ...]

    @property
    def jobs(self) -> tuple[Job, ...]:
        """What is added up."""
        return self.plan.jobs


class Watch:
    """A run that somebody looks at; whoever looks holds it, and it is forgotten with the last of them."""

    def __init__(self, settings: Settings, run_id: str) -> None:
        self._settings = settings
        self.run_id = run_id
        self._error: DashboardError | None = None
        self._look = self._read(None)

    @property
    def look(self) -> Look:
        """The newest look.

        Raises
        ------
        DashboardError
            When the run could not be read the last time.
        """
        if self._error is not None:
            raise self._error
        return self._look

    @property
    def finished(self) -> bool:
        """Whether nothing more happens by itself, as far as is known."""
        return self._look.state.finished

    def turn(self, version: int | None) -> None:
        """Look again if the run has another version than the one seen."""
        if version == self._look.state.version and self._error is None:
            return
        try:
            self._look = self._read(self._look)
            self._error = None
        except DashboardError as error:
            self.fail(error)
        except Exception as error:  # noqa: BLE001 (one run that cannot be read must not end the thread that serves all)
            kind = type(error).__name__
            reason = f"An unexpected error ({kind}) keeps run {self.run_id} from being shown: report it with the page's log."
            self.fail(RunError(reason), error)

    def fail(self, error: DashboardError, cause: Exception | None = None) -> None:
        """Tell those who look why there is nothing newer."""
        if self._error is None:
            log.warning("Run %s: %s", self.run_id, error.sentence, exc_info=cause)
        self._error = error

    def _read(self, former: Look | None) -> Look:
        store = RunStore(self._settings)
        state = store.state(self.run_id, former.state if former else None)
        plan = former.plan if former and former.state.plan_version == state.plan_version else store.plan(self.run_id)
        return Look(state, plan, tuple(self._of_job(number, job, state, former) for number, job in enumerate(plan.jobs)))

    def _of_job(self, number: int, job: Job, state: RunState, former: Look | None) -> Findings | None:
        before = former.findings[number] if former and number < len(former.findings) else None
        if not state.sums[number]:
            return None
        if before is not None and former is not None and state.sums[number] == former.state.sums[number]:
            return before
        where = (self._settings, state, number)
        match job.product:
            case "mosaic":
                newer = Findings(load_mosaic(*where), load_sources(*where), load_histogram(*where))
            case "spectrum":
                newer = Findings(load_spectra(*where))
            case _:
                newer = Findings(load_light_curves(*where))
        if before is not None:
            newer.prepare(before)
        return newer


class SharedWatch:
    """A watch of who has a link to the run: it ends with the link, and shows nothing that is the owner's."""

    def __init__(self, watch: Watch, link_id: str) -> None:
        self._watch, self.link_id = watch, link_id
        self._ended: DashboardError | None = None
        self._seen: tuple[Look, Look] | None = None

    @property
    def look(self) -> Look:
        """As of a `Watch`.

        Raises
        ------
        LinkEnded
            When the link opens the run no longer.
        DashboardError
            When the run could not be read the last time.
        """
        if self._ended is not None:
            raise self._ended
        look = self._watch.look
        if self._seen is None or self._seen[0] is not look:
            self._seen = look, replace(look, state=without_owner(look.state))
        return self._seen[1]

    def end(self, error: DashboardError) -> None:
        """Show nothing any more."""
        self._ended = error


class Watcher:
    """The thread, and the runs and links it looks after."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._watches: weakref.WeakValueDictionary[str, Watch] = weakref.WeakValueDictionary()
        self._shared: weakref.WeakSet[SharedWatch] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def share(self, run_id: str, link_id: str) -> SharedWatch:
        """Look at a run by a link to it from now on; raises as `watch`."""
        shared = SharedWatch(self.watch(run_id), link_id)
        with self._lock:
            self._shared.add(shared)
        return shared

    def watch(self, run_id: str) -> Watch:
        """Look at a run from now on.

        Raises
        ------
        RunNotFound
            When there is no such run.
        SettingsError
            When processes on other machines have another key.
        """
        with self._lock:
            found = self._watches.get(run_id)
            if found is None:
                found = self._watches[run_id] = Watch(self._settings, run_id)
            if self._thread is None:
                if self._settings.shared:
                    presence = Presence(self._settings, PAGE)
                    presence.begin()
                    call_process(presence.process_id)
                self._thread = threading.Thread(target=self._work, name="watcher", daemon=True)
                self._thread.start()
            return found

    def _work(self) -> None:
        pause = threading.Event()
        while not pause.wait(TURN_SECONDS):
            self._turn()

    def _turn(self) -> None:
        with self._lock:
            watches, shared = list(self._watches.values()), list(self._shared)
        if not watches:
            return
        try:
            self._end_shared(shared)
            if not self._settings.workers and not all(watch.finished for watch in watches):
                refuse_without_worker(open_database(self._settings))
            versions = RunStore(self._settings).versions([watch.run_id for watch in watches])
        except DashboardError as error:
            for watch in watches:
                watch.fail(error)
            return
        for watch in watches:
            watch.turn(versions.get(watch.run_id))

    def _end_shared(self, shared: Collection[SharedWatch]) -> None:
        """End those whose links have ended, and tell why."""
        opened = open_links(self._settings, {each.link_id for each in shared}) if shared else set()
        for each in (each for each in shared if each.link_id not in opened):
            try:
                _ = SharedRun(self._settings, each.link_id).link
            except LinkEnded as error:
                each.end(error)
                with self._lock:
                    self._shared.discard(each)


watcher: Final = OneEach(Watcher)
"""The process's watcher of a deployment."""
