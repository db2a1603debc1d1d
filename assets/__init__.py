"""Files that ship with the dashboard: style sheets, logos, tables."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def asset_path(name: str) -> Path:
    """Where a shipped file is, in a checkout as in an installed wheel.

    Raises
    ------
    FileNotFoundError
        When no such file ships.
    """
    path = Path(str(files("assets").joinpath(name)))
    if not path.is_file():
        raise FileNotFoundError(f"No asset named {name!r} ships with the dashboard.")
    return path
