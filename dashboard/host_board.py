"""How the hosts are, found out in the background by one thread a process, for all sessions that look.

A host is asked while somebody looks at it, every half minute and, while it is silent, every five seconds, whoever looks.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from dashboard.dispatcher.health import HostHealth, check_host
from dashboard.errors import DashboardError
from dashboard.hosts import Host
from dashboard.one_each import OneEach
from dashboard.runs.database import open_database
from dashboard.runs.gate import Gate, Passage
from dashboard.runs.process import present_host
from dashboard.settings import Settings

TURN_SECONDS: Final = 1.0
ASKED_EVERY: Final = 30.0
ASKED_AGAIN: Final = 5.0
"""Seconds after which a host that did not answer is asked again."""
LOOKED_AT: Final = 10.0
"""Seconds for which a look keeps a host being asked."""


@dataclass(frozen=True, slots=True)
class HostLook:
    """A host at one moment.

    Attributes
    ----------
    health
        None before the first answer.
    passage
        Whether its gate is open.
    in_flight
        Jobs it is computing for this deployment.
    started
        False for the simulated one before anybody needs it.
    """

    host: Host
    health: HostHealth | None = None
    passage: Passage = field(default_factory=Passage)
    in_flight: int = 0
    started: bool = True

    @property
    def offered(self) -> bool:
        """Whether it can be chosen here: one that is reached from inside only, where its name is known."""
        return not self.host.only_inside or (self.health is not None and self.health.resolves)

    @property
    def word(self) -> str:
        """Its state in a word: "paused", "idle", "asking", "answers" or "silent"."""
        if self.passage.closed(time.time()):
            return "paused"
        if not self.started:
            return "idle"
        if self.health is None:
            return "asking"
        return "answers" if self.health.reachable else "silent"

    @property
    def detail(self) -> str:
        """Its state in a sentence."""
        if sentence := self.passage.sentence(self.host.name, time.time()):
            return sentence
        if not self.started:
            return f"{self.host.name} is started when it is needed."
        if self.health is None:
            return f"{self.host.name} is being asked."
        version = f" It runs version {self.health.version}." if self.health.version else ""
        return self.health.detail + version

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        health, until = self.health, self.passage.paused_until
        return {
            "state": self.word,
            "detail": self.detail,
            "note": self.host.note,
            "version": health.version if health else "",
            "latency_s": health.latency if health and math.isfinite(health.latency) else None,
            "offered": self.offered,
            "jobs_in_flight": self.in_flight,
            "most_jobs_in_flight": self.host.jobs_in_flight,
            "poll_s": self.host.poll_seconds,
            "job_limit_s": self.host.job_seconds,
            "paused_until": datetime.fromtimestamp(until, UTC).isoformat() if self.word == "paused" and math.isfinite(until) else None,
        }


def look_at(settings: Settings, name: str) -> HostLook:
    """Blocking: ask a host how it is.

    Raises
    ------
    RunError
        When the database does not answer.
    """
    gate = Gate(open_database(settings), settings.hosts)
    host = present_host(settings, name)
    health = check_host(host) if host.dispatcher_url else None
    return HostLook(settings.hosts[name], health, gate.passage(name), gate.in_flight().get(name, 0), bool(host.dispatcher_url))


class HostBoard:
    """The thread, and what it has seen. `looks` never waits."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._looks = {name: HostLook(host) for name, host in settings.hosts.items()}
        self._wanted: dict[str, float] = {}
        self._asked: dict[str, float] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def looks(self, names: Collection[str]) -> dict[str, HostLook]:
        """The newest looks at all hosts; those named are asked from now on while this is called every few seconds."""
        with self._lock:
            self._wanted.update(dict.fromkeys(names, time.monotonic()))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="host board", daemon=True)
                self._thread.start()
            return dict(self._looks)

    def _work(self) -> None:
        pause = threading.Event()
        with ThreadPoolExecutor(max(1, len(self._looks)), "host board") as pool:
            while True:
                now = time.monotonic()
                with self._lock:
                    wanted = [name for name, at in self._wanted.items() if now - at < LOOKED_AT and name in self._looks]
                due = [name for name in wanted if now - self._asked.get(name, -ASKED_EVERY) >= self._pause(name)]
                self._asked.update(dict.fromkeys(due, now))
                try:
                    for name in due:
                        pool.submit(self._ask, name)
                except RuntimeError:  # the interpreter ends, and its pools before its daemon threads
                    return
                if wanted:
                    self._read_gates()
                pause.wait(TURN_SECONDS)

    def _pause(self, name: str) -> float:
        health = self._looks[name].health
        return ASKED_EVERY if health is not None and health.reachable else ASKED_AGAIN

    def _ask(self, name: str) -> None:
        host = present_host(self._settings, name)
        if not host.dispatcher_url:
            with self._lock:
                self._looks[name] = replace(self._looks[name], health=None, started=False)
            return
        before = self._looks[name].health
        known = before.version if before is not None and before.reachable else ""
        health = check_host(host, version=not known)
        with self._lock:
            self._looks[name] = replace(self._looks[name], health=replace(health, version=health.version or known), started=True)

    def _read_gates(self) -> None:
        try:
            gate = Gate(open_database(self._settings), self._settings.hosts)
            in_flight = gate.in_flight()
            passages = {name: gate.passage(name) for name in self._settings.hosts}
        except DashboardError:
            return  # the runs themselves tell that the database is away
        with self._lock:
            for name, passage in passages.items():
                self._looks[name] = replace(self._looks[name], passage=passage, in_flight=in_flight.get(name, 0))


host_board: Final = OneEach(HostBoard)
"""The process's board of a deployment."""
