"""backup and restore: a copy of a deployment on SQLite, and the way back."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dashboard.commands.exit_codes import OK
from dashboard.settings import Settings

if TYPE_CHECKING:
    from dashboard.runs.backup import Backup


def add_to(commands: Any) -> None:
    """Add these commands to a parser's sub-commands."""
    backup = commands.add_parser("backup", help="copy database, key and products of a deployment on SQLite, while it works")
    backup.add_argument("--out", type=Path, required=True, help="a new folder, or a file that ends with .tar or .tar.gz")
    backup.add_argument("--without-key", action="store_true", help="leave secret.key out: tokens have to be given again after a restore")
    backup.set_defaults(act=_backup)
    restore = commands.add_parser("restore", help="put a backup into a data folder that has no database yet")
    restore.add_argument("backup", type=Path, help="folder or file that `backup` made")
    restore.set_defaults(act=_restore)


def _backup(options: argparse.Namespace) -> int:
    from dashboard.runs.backup import back_up

    settings = Settings.from_environment()
    found = back_up(settings, options.out.absolute(), with_key=not options.without_key)
    print(f"{options.out}: {_line(found)}")
    if found.missing:
        first = f"{found.missing[0]} first: ask their batches again."
        print(f"{len(found.missing)} files that the database names cannot be read, {first}", file=sys.stderr)
    if found.has_key:
        print("It holds sealed tokens and the key that opens them: keep it as you keep passwords.")
    return OK


def _restore(options: argparse.Namespace) -> int:
    from dashboard.runs.backup import restore

    settings = Settings.from_environment()
    found = restore(settings, options.backup.absolute())
    print(f"{settings.data_dir}: {_line(found)}")
    if not found.has_key and not settings.key:
        print("The backup holds no key: tokens have to be given again, and links to downloads asked for anew.")
    return OK


def _line(found: Backup) -> str:
    at = datetime.fromtimestamp(found.at, UTC)
    return f"the database as of {at:%Y-%m-%d %H:%M:%S} UTC and {found.files} files of products, {found.n_bytes / 1e6:.1f} MB."
