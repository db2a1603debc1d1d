"""archive: who lists the science windows, a snapshot of them for when nobody answers, and what ISLA has ready-made."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from dashboard.commands import ready_made
from dashboard.commands.exit_codes import OK
from dashboard.errors import RequestError
from dashboard.hosts import SIMULATED
from dashboard.settings import Settings


def add_to(commands: Any) -> None:
    """Add this command to a parser's sub-commands."""
    archive = commands.add_parser(
        "archive", help="who lists the science windows; a snapshot of them for coverage without a network; ready-made products"
    )
    acts = archive.add_subparsers(dest="what", required=True)
    status = acts.add_parser("status", help="show the archives of each host in the order they are asked, and the snapshot")
    status.set_defaults(act=_status)
    snapshot = acts.add_parser("snapshot", help="write all science windows of the mission to one file, from one archive")
    snapshot.add_argument(
        "--archive",
        choices=("timesystem", "isla", "heasarc"),
        default="heasarc",
        help="who is asked (default: heasarc: it has good times)",
    )
    snapshot.add_argument("--host", default="production", help="host_type whose timesystem is meant (default: production)")
    for act in (status, snapshot):
        act.add_argument("--file", type=Path, help="the snapshot (default: in the data folder, where the page looks for it)")
    snapshot.set_defaults(act=_snapshot)
    ready_made.add_to(acts)


def _snapshot(options: argparse.Namespace) -> int:
    from dashboard.archive.archives import first_answer
    from dashboard.archive.snapshot import collect, write_snapshot

    settings = Settings.from_environment()
    if options.host not in settings.hosts:
        raise RequestError(f"There is no host {options.host[:60]!r}: choose one of {', '.join(settings.hosts)}.")
    if options.host == SIMULATED:
        raise RequestError("The simulated observatory is always at hand and needs no snapshot: name another --host.")
    found = first_answer(settings.hosts[options.host], options.archive, None, lambda archive: collect(archive, print))
    write_snapshot(_place(settings, options), found)
    print("\n".join(_described(_place(settings, options))))
    return OK


def _status(options: argparse.Namespace) -> int:
    from dashboard.archive.archives import HEASARC, ISLA

    settings = Settings.from_environment()
    for host in settings.hosts.values():
        others = ((ISLA[0], f"{host.isla_url}/tap"), HEASARC[:2]) if host.asks_others else ()
        asked = [url or "its own, once it is started" for url in host.timesystems] + [f"{name} ({url})" for name, url in others]
        print(f"{host.name:<12} {', then '.join(asked)}")
    print("\n".join(_described(_place(settings, options))))
    return OK


def _place(settings: Settings, options: argparse.Namespace) -> Path:
    from dashboard.archive.snapshot import FILE_NAME

    return options.file.expanduser() if options.file else settings.data_dir / FILE_NAME


def _described(path: Path) -> list[str]:
    """A snapshot in lines of text."""
    from dashboard.archive.snapshot import read_snapshot
    from dashboard.request.times import TimePoint

    if not path.is_file():
        return [f"No snapshot at {path}: `integral-dashboard archive snapshot` makes one."]
    found = read_snapshot(path)
    windows = found.pointings
    first, last = (TimePoint("ijd", float(edge)).isot[:10] for edge in (windows.tstart.min(), windows.tstop.max()))
    known = ", ".join(found.good) or "of no instrument"
    return [
        f"Snapshot {path}, {path.stat().st_size / 1e6:.1f} MB: {len(found)} science windows, {first} to {last}",
        f"  {windows.origin}, asked {windows.asked} UTC{f', index version {windows.index_version}' if windows.index_version else ''}",
        f"  good times: {known}; public {int((found.public == 1).sum())}, private {int((found.public == 0).sum())}, "
        f"not told {int((found.public < 0).sum())}",
    ]
