"""A source table as JSON, for whoever reads a run without this program."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from dashboard.products.catalog import MeasuredSource, SourceTable

_NUMBERS = {field.name for kind in (MeasuredSource, SourceTable) for field in fields(kind) if field.type == "float"}
_LISTS = {"candidates", "warnings", "notes", "band"}


def write_sources(table: SourceTable, path: Path) -> None:
    """Write the table; unknown numbers (NaN) are null."""
    path.write_text(json.dumps(_plain(asdict(table)), indent=1, allow_nan=False) + "\n")


def read_sources(path: Path) -> SourceTable:
    """The table that `write_sources` wrote; what an older one did not write yet is unknown."""
    document = _values(json.loads(path.read_text()))
    sources = tuple(MeasuredSource(**_values(source)) for source in document.pop("sources"))
    return SourceTable(sources=sources, **document)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _values(document: dict[str, Any]) -> dict[str, Any]:
    unknown = {key: math.nan for key, value in document.items() if value is None and key in _NUMBERS}
    return document | unknown | {key: tuple(value) for key, value in document.items() if key in _LISTS and value is not None}
