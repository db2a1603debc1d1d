"""status: what an administrator sees of a deployment: processes, runs, batches, hosts, disk, and what to do."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dashboard.commands.exit_codes import OK
from dashboard.settings import Settings

if TYPE_CHECKING:
    from dashboard.load import Load
    from dashboard.runs.tally import HostTally, Tally


def add_to(commands: Any) -> None:
    """Add this command to a parser's sub-commands."""
    status = commands.add_parser("status", help="how the deployment stands, and what to do about it; asks no host")
    status.add_argument("--json", action="store_true", help="answer in JSON")
    status.set_defaults(act=_status)


def _status(options: argparse.Namespace) -> int:
    from dashboard.load import load_of

    settings = Settings.from_environment()
    load = load_of(settings)
    if options.json:
        print(json.dumps(_document(load), indent=1))
    else:
        print("\n".join(_lines(settings, load)))
    return OK


def _document(load: Load) -> dict[str, Any]:
    found = load.tally
    return {
        "at": _moment(found.at),
        "processes": [
            {
                "process_id": process.process_id,
                "kind": process.kind,
                "machine": process.machine,
                "version": process.version,
                "began": _moment(process.began),
                "silence_s": round(process.silent, 1),
                "alive": process.alive,
            }
            for process in found.processes
        ],
        "runs": dict(found.runs),
        "batches": _batches(found),
        "hosts": {name: _host(found, host) for name, host in found.hosts.items()},
        "users": {name: {"runs": dict(numbers), "used_bytes": load.used_by.get(name)} for name, numbers in found.users.items()},
        "products": {"used_bytes": load.used, "free_bytes": load.free},
        "hints": list(load.told),
    }


def _host(found: Tally, host: HostTally) -> dict[str, Any]:
    passage, closed = host.passage, host.passage.closed(found.at)
    return {
        "in_flight": host.in_flight,
        "oldest": _moment(host.oldest),
        "oldest_age_s": round(host.age(found.at), 1),
        "answered": _moment(passage.answered),
        "silence_s": round(host.silence(found.at), 1),
        "paused": closed,
        "paused_by": passage.paused_by if closed else "",
        "paused_until": _moment(passage.paused_until) if closed else None,
        "reason": passage.reason if closed else "",
        "waiting": host.waiting,
        "in_queue": host.in_queue,
        "for_token": host.for_token,
    }


def _batches(found: Tally) -> dict[str, int]:
    """By state, at all hosts; "done": ever."""
    hosts = found.hosts.values()
    states = dict.fromkeys(state for host in hosts for state in host.batches)
    return {state: sum(host.batches[state] for host in hosts) for state in states} | {"done": sum(host.counts.done for host in hosts)}


def _lines(settings: Settings, load: Load) -> Iterator[str]:
    found = load.tally
    yield "processes" if found.processes else "processes  none has given a sign of life"
    for process in found.processes:
        sign = f"sign of life {process.silent:.0f} s ago" if process.alive else f"SILENT for {process.silent:.0f} s"
        yield f"  {process.kind:<7} {process.process_id:<34} since {_clock(process.began)}, {sign}, version {process.version}"
    yield f"runs       {_numbers(found.runs)}"
    yield f"batches    {_numbers(_batches(found))}"
    yield "hosts"
    for name, host in found.hosts.items():
        most = f" of {settings.hosts[name].jobs_in_flight}" if name in settings.hosts else ""
        oldest = f", the oldest for {host.age(found.at):.0f} s" if host.in_flight else ""
        answered = f"answered {found.at - host.passage.answered:.0f} s ago" if host.passage.answered else "never asked"
        yield f"  {name:<12} {host.in_flight}{most} jobs in flight{oldest}; {answered}; {host.waiting} batches wait"
        if paused := host.passage.sentence(name, found.at):
            yield f"  {'':<12} {paused} (by the {host.passage.paused_by})"
    sizes = (f"{size / 1e9:.2f} GB {word}" for size, word in ((load.used, "used"), (load.free, "free")) if size is not None)
    yield f"products   {', '.join(sizes) or 'not known'}"
    if not settings.single_user:
        yield "users"
        for name, numbers in sorted(found.users.items()):
            held = f"; {load.used_by[name] / 1e9:.2f} GB" if name in load.used_by else ""
            yield f"  {name:<20} {_numbers(numbers)}{held}"
    yield from (f"! {sentence}" for sentence in load.told)


def _numbers(numbers: Any) -> str:
    return ", ".join(f"{number} {state}" for state, number in numbers.items() if number) or "none"


def _clock(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _moment(moment: float | None) -> str | None:
    """For JSON; None for never, and for a pause without an end."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds") if moment and math.isfinite(moment) else None
