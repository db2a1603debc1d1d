"""hosts, token: whom one may ask, how they are, and what one may ask of them."""

from __future__ import annotations

import argparse
import json
import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from dashboard.commands.asking import add_token_option, standing
from dashboard.commands.exit_codes import OK
from dashboard.errors import RequestError
from dashboard.hosts import SIMULATED
from dashboard.settings import Settings


def add_to(commands: Any) -> None:
    """Add these commands to a parser's sub-commands."""
    hosts = commands.add_parser("hosts", help="show the hosts, how they are, and their limits; pause one")
    hosts.add_argument("--json", action="store_true", help="as JSON")
    hosts.set_defaults(act=_hosts)
    acts = hosts.add_subparsers(dest="what")
    pause = acts.add_parser("pause", help="ask nothing of a host; runs wait")
    pause.add_argument("host")
    pause.add_argument("--minutes", type=float, default=math.inf, help="until it ends by itself; not given: until resume")
    pause.add_argument("--reason", default="paused by the administrator")
    pause.set_defaults(act=_pause)
    resume = acts.add_parser("resume", help="end a pause")
    resume.add_argument("host")
    resume.set_defaults(act=_resume)
    token = commands.add_parser("token", help="show what a token says, and what it allows; never the token")
    token.add_argument("--host", default="production", help="host_type (default: production)")
    give = token.add_mutually_exclusive_group()
    give.add_argument("--give", action="store_true", help="use it from now on for the runs that wait or work at this host")
    give.add_argument("--forget", action="store_true", help="let the runs that wait or work at this host go on without any")
    add_token_option(token)
    token.set_defaults(act=_token)


def _hosts(options: argparse.Namespace) -> int:
    from dashboard.host_board import look_at

    settings = Settings.from_environment()
    with ThreadPoolExecutor(len(settings.hosts)) as pool:
        looks = list(pool.map(lambda name: look_at(settings, name), settings.hosts))
    if options.json:
        print(json.dumps({look.host.name: look.to_dict() for look in looks}, indent=1))
        return OK
    for look in looks:
        host = look.host
        print(f"{host.name:<12} {look.word:<9} {look.detail}")
        print(
            f"{'':<12} {look.in_flight} of {host.jobs_in_flight} jobs in flight, polled every {host.poll_seconds:g} s, "
            f"a job at most {host.job_seconds / 60:g} min"
        )
    return OK


def _pause(options: argparse.Namespace) -> int:
    if not options.minutes > 0:
        raise RequestError(f"--minutes is {options.minutes:g}: it must be above 0.")
    gate, name = _gate(options)
    gate.pause(name, options.minutes * 60, options.reason)
    print(gate.sentence(name))
    return OK


def _resume(options: argparse.Namespace) -> int:
    gate, name = _gate(options)
    gate.resume(name)
    print(f"{name} may be asked again.")
    return OK


def _gate(options: argparse.Namespace) -> tuple[Any, str]:
    from dashboard.runs.database import open_database
    from dashboard.runs.gate import Gate

    settings = Settings.from_environment()
    if options.host not in settings.hosts:
        raise RequestError(f"There is no host {options.host[:60]!r}: choose one of {', '.join(settings.hosts)}.")
    return Gate(open_database(settings), settings.hosts), options.host


def _give(settings: Settings, host: str, token: str) -> int:
    """Let the runs at a host go on with this token, or with none."""
    from dashboard.identity import Identity
    from dashboard.runs.process import ensure_worker
    from dashboard.runs.vault import Vault

    needed = Vault(settings).replace(Identity().user, host, token)
    ensure_worker(settings, lasting=True)
    if not token:
        print(f"Runs at {host} go on without a token.")
    else:
        print(f"Runs at {host} go on with it." if needed else f"No run at {host} needs a token at present: it was not kept.")
    return OK


def _token(options: argparse.Namespace) -> int:
    settings = Settings.from_environment()
    if options.host not in settings.hosts:
        raise RequestError(f"There is no host {options.host[:60]!r}: choose one of {', '.join(settings.hosts)}.")
    user = standing(settings, options.host, options)
    if options.give or options.forget:
        if options.give and not user.token:
            raise RequestError(f"No token that is still good was found for {options.host}: name its file with --token-file.")
        return _give(settings, options.host, user.token if options.give else "")
    facts = user.facts
    if facts is None:
        print(f"No token was found for {options.host}: queries are anonymous." + (" It needs none." if options.host == SIMULATED else ""))
    else:
        expires = f"{facts.expires:%Y-%m-%d %H:%M} UTC" if facts.expires else "never"
        print(f"Token ({user.place}) of {facts.name or 'somebody without a name'}, expires: {expires}{' (EXPIRED)' * facts.expired}")
        print(f"Roles: {', '.join(facts.roles) or 'none'}")
    largest = user.largest_batch
    print(f"Allowed: up to {largest} ScW a batch (s_max)" if largest else "Allowed: batches of any size (s_max)")
    for right in user.rights:
        print(f"  {'yes' if right.held else 'no ':<3} {right.what} ({right.role})")
    return OK
