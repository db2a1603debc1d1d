"""What runs have found, kept current by one thread a process: read once a version, drawn once a view, for all its sessions.

The thread touches no document. It puts a new `Look` in the place of the old one; sessions compare it with what they show.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from dashboard.errors import DashboardError, RunError
from dashboard.products.catalog import SourceTable
from dashboard.products.mosaic import Mosaic
from dashboard.runs.results import load_mosaic, load_sources
from dashboard.runs.run_state import RunState
from dashboard.runs.store import RunStore
from dashboard.settings import Settings

TURN_SECONDS: Final = 0.2

Value = TypeVar("Value")
log = logging.getLogger(__name__)


class Findings:
    """Mosaic and sources of one version of a run's sum, and what views have made of the mosaic."""

    def __init__(self, mosaic: Mosaic, sources: SourceTable) -> None:
        self.mosaic = mosaic
        self.sources = sources
        self._made: dict[tuple[Any, ...], Any] = {}
        self._asked: set[tuple[Any, ...]] = set()
        self._lock = threading.Lock()

    def view(self, make: Callable[..., Value], *options: Hashable) -> Value:
        """`make(mosaic, *options)`, made once whoever asks; `make` is a pure function of a module."""
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
                self._made[key] = make(self.mosaic, *options)
            value: Value = self._made[key]
            return value


@dataclass(frozen=True, slots=True)
class Look:
    """A run at one moment; `findings` is None before its first batch."""

    state: RunState
    findings: Findings | None


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
        state = RunStore(self._settings).state(self.run_id)
        findings = former.findings if former else None
        if state.sum_version and (former is None or findings is None or state.sum_version != former.state.sum_version):
            newer = Findings(load_mosaic(self._settings, state), load_sources(self._settings, state))
            if findings is not None:
                newer.prepare(findings)
            findings = newer
        return Look(state, findings)


class Watcher:
    """The thread and the runs it looks after."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._watches: weakref.WeakValueDictionary[str, Watch] = weakref.WeakValueDictionary()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def watch(self, run_id: str) -> Watch:
        """Look at a run from now on.

        Raises
        ------
        RunNotFound
            When there is no such run.
        """
        with self._lock:
            found = self._watches.get(run_id)
            if found is None:
                found = self._watches[run_id] = Watch(self._settings, run_id)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="watcher", daemon=True)
                self._thread.start()
            return found

    def _work(self) -> None:
        pause = threading.Event()
        while not pause.wait(TURN_SECONDS):
            self._turn()

    def _turn(self) -> None:
        with self._lock:
            watches = list(self._watches.values())
        if not watches:
            return
        try:
            versions = RunStore(self._settings).versions([watch.run_id for watch in watches])
        except DashboardError as error:
            for watch in watches:
                watch.fail(error)
            return
        for watch in watches:
            watch.turn(versions.get(watch.run_id))


_watchers: dict[tuple[object, ...], Watcher] = {}
_first = threading.Lock()


def watcher(settings: Settings) -> Watcher:
    """The process's watcher of a deployment."""
    key = (settings.data_dir, settings.database_url, settings.storage_url)
    with _first:
        if key not in _watchers:
            _watchers[key] = Watcher(settings)
        return _watchers[key]
