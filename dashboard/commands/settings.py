"""settings: what is set, and where it came from; what is wrong with it."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from dashboard.commands.exit_codes import BROKEN, OK
from dashboard.errors import SettingsError
from dashboard.logs import MASK, Redactor
from dashboard.variables import VARIABLES, Variable, given, origin


def add_to(commands: Any) -> None:
    """Add this command to a parser's sub-commands."""
    command = commands.add_parser("settings", help="what is set here and where it came from, secrets masked; what is wrong with it")
    command.set_defaults(act=_settings)


def _settings(_: argparse.Namespace) -> int:
    from dashboard.runs.beginning import mistakes

    for variable in VARIABLES:
        name = origin(variable, os.environ)
        print(f"{variable.name:<34} {_shown(variable, name)}")
    found = mistakes(os.environ)
    for sentence in found:
        print(f"! {sentence}", file=sys.stderr)
    return BROKEN if found else OK


def _shown(variable: Variable, name: str) -> str:
    if not name:
        return f"not set: {variable.default.replace('`', '')}"
    try:
        value = given(os.environ).get(variable.name) or os.environ[name]
    except SettingsError:
        value = os.environ[name]
    shown = MASK if variable.secret == "all" else Redactor()(value)
    return shown if name == variable.name else f"{shown} (from {name})"
