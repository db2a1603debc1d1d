"""Numbers for Prometheus: how runs, batches and hosts stand. `docs/operations.md` says what each of them means.

Labels are hosts, states and kinds of processes, never runs, sources or users.
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
import math
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from tornado.web import RequestHandler

from dashboard import __version__
from dashboard.errors import DashboardError
from dashboard.routes.deadline import within_deadline
from dashboard.runs.capacity import free_bytes
from dashboard.runs.counts import LIMITS
from dashboard.runs.gate import ADMINISTRATOR, BREAKER
from dashboard.runs.presence import PAGE, WORKER
from dashboard.runs.tally import HostTally, Tally, tally
from dashboard.runs.upgrade import HEAD
from dashboard.settings import Settings

PREFIX: Final = "integral_dashboard"
FORWARDED: Final = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "X-Scheme", "Via")
"""What a proxy on this machine adds: who asks through it is somewhere else."""

log = logging.getLogger(__name__)


class Metrics(RequestHandler):
    """GET metrics."""

    async def get(self) -> None:
        """The numbers; without a database, that it is away. 401 without the token that is set; without one, 403 but for this machine."""
        settings = Settings.from_environment()
        if not self._may_read(settings.metrics_token):
            return
        try:
            found, free = await within_deadline(lambda: (tally(settings), free_bytes(settings)))
        except DashboardError as error:
            log.warning("Metrics: %s", error.sentence)
            found, free = None, None
        self.set_header("Content-Type", CONTENT_TYPE_LATEST)
        self.finish(exposition(settings, found, free))

    def _may_read(self, token: str) -> bool:
        given = self.request.headers.get("Authorization", "")
        if token:
            if hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
                return True
            self.set_status(401)
            self.set_header("WWW-Authenticate", "Bearer")
            self.finish("Metrics are for whoever has the bearer token of this deployment.\n")
        elif _from_here(self.request.remote_ip or "") and not any(name in self.request.headers for name in FORWARDED):
            return True
        else:
            self.set_status(403)
            self.finish("Metrics are for this machine alone, unless INTEGRAL_DASHBOARD_METRICS_TOKEN is set.\n")
        return False


def exposition(settings: Settings, found: Tally | None, free: int | None) -> bytes:
    """The numbers in Prometheus' text form; None for a database that does not answer, and for a store without a disk."""
    registry = CollectorRegistry()
    registry.register(_Read(settings, found, free))
    return generate_latest(registry)


class _Read(Collector):
    def __init__(self, settings: Settings, found: Tally | None, free: int | None) -> None:
        self._settings, self._found, self._free = settings, found, free

    def collect(self) -> Iterator[Metric]:
        """All families."""
        about = {"version": __version__, "schema": HEAD, "database": "postgresql" if self._settings.shared else "sqlite"}
        build = GaugeMetricFamily(f"{PREFIX}_build_info", "The program, its schema and the kind of its database.", labels=list(about))
        build.add_metric(list(about.values()), 1)
        yield build
        words = "1 when the database of runs answers, 0 when it does not."
        yield GaugeMetricFamily(f"{PREFIX}_database_up", words, float(self._found is not None))
        if self._free is not None:
            yield GaugeMetricFamily(f"{PREFIX}_products_free_bytes", "Free where products are stored.", self._free)
        if self._found is not None:
            yield from _of_runs(self._found)
            yield from _of_processes(self._found)
            yield from _of_hosts(self._found)
            yield from _counted(self._found)


def _of_runs(found: Tally) -> Iterator[Metric]:
    family = GaugeMetricFamily(f"{PREFIX}_runs", "Runs by state.", labels=["state"])
    for state in ("planned", "running", "waiting", "review", "done", "done with failures", "cancelled"):
        family.add_metric([state], found.runs.get(state, 0))
    yield family


def _of_processes(found: Tally) -> Iterator[Metric]:
    alive = GaugeMetricFamily(f"{PREFIX}_processes", "Processes that gave a sign of life lately.", labels=["kind"])
    silence = GaugeMetricFamily(f"{PREFIX}_process_silence_seconds", "Since the last sign of life of the most silent.", labels=["kind"])
    for kind in (WORKER, PAGE):
        mine = [process for process in found.processes if process.kind == kind]
        alive.add_metric([kind], sum(process.alive for process in mine))
        silence.add_metric([kind], max((process.silent for process in mine), default=0.0))
    yield from (alive, silence)


def _of_hosts(found: Tally) -> Iterator[Metric]:
    batches = GaugeMetricFamily(f"{PREFIX}_batches", "Batches that are not done, by state.", labels=["host", "state"])
    for name, host in found.hosts.items():
        for state, number in host.batches.items():
            batches.add_metric([name, state], number)
    yield batches

    def gauge(name: str, words: str, value: Callable[[HostTally], float | None]) -> Metric:
        family = GaugeMetricFamily(f"{PREFIX}_{name}", words, labels=["host"])
        for label, host in found.hosts.items():
            if (number := value(host)) is not None:
                family.add_metric([label], number)
        return family

    at = found.at
    yield gauge("queue_batches", "Batches in the queue for a place at the host.", lambda host: host.in_queue)
    yield gauge("batches_waiting_for_token", "Batches that wait for their owners' tokens.", lambda host: host.for_token)
    yield gauge("jobs_in_flight", "Jobs that the host has.", lambda host: host.in_flight)
    yield gauge("oldest_job_age_seconds", "Since the submission of the oldest job in flight; 0 for none.", lambda host: host.age(at))
    yield gauge("host_silence_seconds", "Without an answer while jobs are in flight; 0 without any.", lambda host: host.silence(at))
    yield gauge(
        "host_answer_age_seconds",
        "Since the host last answered a query; absent before the first.",
        lambda host: max(0.0, at - host.passage.answered) if host.passage.answered else None,
    )
    paused = GaugeMetricFamily(f"{PREFIX}_host_paused", "1 while nothing is asked of the host, by who decided it.", labels=["host", "by"])
    for name, host in found.hosts.items():
        for by in (BREAKER, ADMINISTRATOR):
            paused.add_metric([name, by], float(host.passage.closed(at) and host.passage.paused_by == by))
    yield paused


def _counted(found: Tally) -> Iterator[Metric]:
    done = CounterMetricFamily(f"{PREFIX}_batches_done", "Batches whose product was stored.", labels=["host"])
    failed = CounterMetricFamily(f"{PREFIX}_batch_failures", "Tries of a batch that ended without a product.", labels=["host", "outcome"])
    received = CounterMetricFamily(f"{PREFIX}_received_bytes", "Size of the answers that held products.", labels=["host"])
    seconds = HistogramMetricFamily(f"{PREFIX}_batch_duration_seconds", "From submission to stored product.", labels=["host"])
    for name, host in found.hosts.items():
        counts = host.counts
        done.add_metric([name], counts.done)
        failed.add_metric([name, "asked again"], counts.asked_again)
        failed.add_metric([name, "given up"], counts.given_up)
        received.add_metric([name], counts.n_bytes)
        edges = ["+Inf" if math.isinf(limit) else f"{limit:g}" for limit in LIMITS]
        seconds.add_metric([name], list(zip(edges, map(float, accumulate(counts.durations)), strict=True)), counts.seconds)
    yield from (done, failed, received, seconds)


def _from_here(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback
