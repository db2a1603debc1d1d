"""Sharing: links to runs, a link that only fills the form, and a report for those without access."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dashboard.commands.answer import own_store, say
from dashboard.commands.asking import text_of
from dashboard.commands.exit_codes import OK
from dashboard.errors import RequestError
from dashboard.settings import Settings

if TYPE_CHECKING:
    pass

LONGEST_DAYS = 36_500.0


def add_to(commands: Any) -> None:
    """Add `request link` to a parser's sub-commands."""
    acts = commands.add_parser("request", help="a request by itself").add_subparsers(dest="what", required=True)
    link = acts.add_parser("link", help="the end of an address that fills the page's form and starts nothing")
    link.add_argument("request", type=Path, help="JSON file")
    link.set_defaults(act=_request_link)


def add_to_runs(add: Callable[..., argparse.ArgumentParser]) -> None:
    """Add what shares a run to the commands of `runs`."""
    share = add("share", _share, "make a link by which anybody may look at it; shown once")
    share.add_argument("--days", type=float, help="how long it opens the run (default: for ever)")
    share.add_argument("--name", default="", help="for whom, as a note to yourself")
    add("links", _links, "the links to it")
    revoke = add("revoke", _revoke, "end a link", run=False)
    revoke.add_argument("link", help="its id, or the beginning of it, as runs links shows it")
    report = add("report", _report, "write figures, tables, method and provenance into one HTML file", to_json=False)
    report.add_argument("--out", type=Path, default=Path("report.html"), help="the file (default: report.html)")


def _share(options: argparse.Namespace) -> int:
    settings, store = own_store()
    if options.days is not None and not 0 < options.days <= LONGEST_DAYS:
        raise RequestError(f"--days is {options.days:g}: it must be above 0 and at most {LONGEST_DAYS:g}; leave it out for ever.")
    expires = None if options.days is None else time.time() + options.days * 86400.0
    secret = store.share(options.run_id, expires, name=options.name)
    address = f"{settings.address or 'app'}?link={secret}"
    return say(options, {"run_id": options.run_id, "link": address, "expires": expires}, address)


def _links(options: argparse.Namespace) -> int:
    _, store = own_store()
    found, now = store.links(options.run_id), time.time()
    lines = []
    for link in found:
        ended = "revoked" if link.revoked is not None else "opens" if link.opens(now) else "expired"
        until = "for ever" if link.expires is None else f"until {_day(link.expires)}"
        lines.append(f"{link.link_id[:12]}  {ended:<8} made {_day(link.created)}, {until}  {link.name}".rstrip())
    document = [{key: value for key, value in asdict(link).items() if key != "view"} | {"opens": link.opens(now)} for link in found]
    return say(options, document, *(lines or ["There is no link to it."]))


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"


def _revoke(options: argparse.Namespace) -> int:
    _, store = own_store()
    link = store.revoke(options.link)
    return say(options, {"link_id": link.link_id, "run_id": link.run_id, "opens": False}, f"It opens {link.run_id} no longer.")


def _report(options: argparse.Namespace) -> int:
    from dashboard.export.whole import written_whole
    from dashboard.report import report

    settings, store = own_store()
    text = report(settings, store, store.state(options.run_id))
    with written_whole(options.out.parent) as part:
        (part / options.out.name).write_text(text)
    print(options.out)
    return OK


def _request_link(options: argparse.Namespace) -> int:
    from dashboard.request.link import link_of_request
    from dashboard.request.request import Request

    request = Request.from_json(text_of(options.request, "the request"))
    print(f"{Settings.from_environment().address or 'app'}?ask={link_of_request(request)}")
    return OK
