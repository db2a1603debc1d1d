"""What commands on the user's runs begin and end with: his store, and the answer as lines or as JSON."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from dashboard.commands.exit_codes import OK
from dashboard.identity import Identity
from dashboard.settings import Settings

if TYPE_CHECKING:
    from dashboard.runs.store import RunStore


def own_store() -> tuple[Settings, RunStore]:
    """The deployment, and the runs of the command line's user in it."""
    from dashboard.runs.store import RunStore

    settings = Settings.from_environment()
    return settings, RunStore(settings, Identity().user)


def say(options: argparse.Namespace, document: Any, *lines: str) -> int:
    """Print the document with --json, else the lines; the exit code of what went well."""
    print(json.dumps(document, indent=1) if options.json else "\n".join(lines))
    return OK
