"""retention: what the store need not keep any longer, and letting it go."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dashboard.commands.exit_codes import OK
from dashboard.settings import Settings

if TYPE_CHECKING:
    from dashboard.runs.retention import Removal

NOTHING_SET = (
    "Nothing goes: neither --days nor --gigabytes is given, and the deployment sets neither INTEGRAL_DASHBOARD_KEEP_DAYS "
    "nor INTEGRAL_DASHBOARD_KEEP_GB."
)


def add_to(commands: Any) -> None:
    """Add this command to a parser's sub-commands."""
    command = commands.add_parser("retention", help="list what may go from the store, of all users, and why; with --apply let it go")
    command.add_argument("--days", type=float, help="keep runs so long after their end (default: INTEGRAL_DASHBOARD_KEEP_DAYS)")
    command.add_argument("--gigabytes", type=float, help="most that the store may hold (default: INTEGRAL_DASHBOARD_KEEP_GB)")
    command.add_argument("--apply", action="store_true", help="remove it; without this nothing is changed")
    command.add_argument("--json", action="store_true", help="as JSON")
    command.set_defaults(act=_retention)


def _retention(options: argparse.Namespace) -> int:
    from dashboard.runs.retention import planned_removals, remove, what_stays

    settings = Settings.from_environment()
    days = settings.keep_days if options.days is None else options.days
    gigabytes = settings.keep_gigabytes if options.gigabytes is None else options.gigabytes
    removals = planned_removals(settings, days=days, gigabytes=gigabytes, now=time.time())
    total = sum(removal.n_bytes for removal in removals)
    freed = remove(settings, removals) if options.apply else 0
    stays = what_stays(settings, () if options.apply else removals, gigabytes)
    if options.json:
        document = {"days": days, "gigabytes": gigabytes, "applied": options.apply, "bytes": total, "bytes_freed": freed, "stays": stays}
        print(json.dumps({**document, "removals": [_document(removal) for removal in removals]}, indent=1))
        return OK
    for removal in removals:
        of = f" {removal.name} of {removal.owner}" if removal.kind == "run" else ""
        print(f"{removal.kind:<5}  {removal.n_bytes / 1e6:>10.3f} MB  {removal.id}{of}. {removal.reason}")
    if days is None and gigabytes is None:
        print(NOTHING_SET)
    elif options.apply:
        print(f"{freed / 1e6:.3f} MB are free again.")
    else:
        print(f"{len(removals)} would go, {total / 1e6:.3f} MB. Nothing was removed: that takes --apply.")
    if stays:
        print(stays)
    return OK


def _document(removal: Removal) -> dict[str, Any]:
    document = asdict(removal)
    moment = datetime.fromtimestamp(document.pop("at"), UTC).isoformat(timespec="seconds")
    return {"bytes": document.pop("n_bytes"), "at": moment, **document}
