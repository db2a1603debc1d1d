"""What an administrator should know of a deployment, in sentences; nothing when all is well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from dashboard.hosts import Host
from dashboard.runs.capacity import RESERVE
from dashboard.runs.gate import NOTED_SECONDS
from dashboard.runs.presence import WORKER
from dashboard.runs.tally import HostTally, Tally

LATE: Final = 0.5
"""Share of a job's time limit after which it is said that it takes long."""


def hints(found: Tally, hosts: Mapping[str, Host], free: int | None) -> tuple[str, ...]:
    """Sentences with what happens, and what can be done.

    Parameters
    ----------
    found
        How the deployment stands.
    hosts
        Those that are offered, by name.
    free
        Bytes that are free where products are stored; None where there is no disk.
    """
    told = [*_of_processes(found)]
    for name, host in hosts.items():
        told += _of_host(found, host, found.hosts[name])
    if free is not None and free < RESERVE:
        told.append(
            f"{free / 1e6:.0f} MB are free where products are stored, less than the {RESERVE / 1e6:.0f} MB that are kept back: no run "
            "begins, and those under way wait when nothing is left. integral-dashboard retention says what could go."
        )
    return tuple(told)


def _of_processes(found: Tally) -> Iterator[str]:
    if found.active_runs and not found.workers:
        yield (
            f"No worker is alive, and {_number(found.active_runs, 'run')} {_be(found.active_runs)} not finished: start one "
            "(integral-dashboard worker), or look at one on a page that sees to workers. Nothing is lost meanwhile."
        )
    for process in found.processes:
        if not process.alive:
            end = " Another worker takes over what it had." if process.kind == WORKER and found.workers else ""
            yield f"The {process.kind} {process.process_id} gave no sign of life for {_span(process.silent)}.{end}"
    versions = sorted({process.version for process in found.processes if process.alive})
    if len(versions) > 1:
        yield f"Processes of versions {' and '.join(versions)} work side by side: start the older ones anew."


def _of_host(found: Tally, host: Host, here: HostTally) -> Iterator[str]:
    name, at, jobs = host.name, found.at, _number(here.in_flight, "job")
    since = "" if here.oldest is None else _clock(here.oldest)
    if paused := here.passage.sentence(name, at):
        waiting = f" {_number(here.waiting, 'batch', 'batches')} wait for it." if here.waiting else ""
        yield f"{paused.rstrip('.')}.{waiting} It is asked again at once with: integral-dashboard hosts resume {name}."
    elif (silence := here.silence(at)) > host.request_seconds + host.poll_seconds + NOTED_SECONDS:
        yield (
            f"{name} has not answered for {_span(silence)} while {jobs} {_be(here.in_flight)} in flight: the oldest since {since}. "
            f"It is left alone from {_silence(host, here)} on, or at once with: integral-dashboard hosts pause {name}."
        )
    elif here.age(at) > LATE * host.job_seconds:
        yield (
            f"{name} answers, but the oldest of {jobs} is in flight for {_span(here.age(at))}, since {since}. "
            f"After {_span(host.job_seconds)} a job is submitted again, and found done if it was: its messages may have been lost."
        )
    if here.for_token:
        owners = f"{_number(here.for_token, 'batch', 'batches')} at {name} {'waits' if here.for_token == 1 else 'wait'}"
        yield f"{owners} for a token: the former one expired or was refused. Owners give another, or let them go on without."


def _clock(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _span(seconds: float) -> str:
    """A time in its natural unit."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _number(number: int, one: str, more: str = "") -> str:
    return f"{number} {one if number == 1 else more or f'{one}s'}"


def _be(number: int) -> str:
    return "is" if number == 1 else "are"


def _silence(host: Host, here: HostTally) -> str:
    """The silence from which on a host is left alone."""
    if here.passage.pauses:
        return "the next silence"
    number = host.failures_to_pause
    words = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
    return f"the {words[number - 1]} silence" if number <= len(words) else f"silence {number}"
