"""A source table as JSON, for whoever reads a run without this program."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from dashboard.products.catalog import MeasuredSource, SourceTable

_NUMBERS = {field.name for kind in (MeasuredSource, SourceTable) for field in fields(kind) if field.type == "float"}


def write_sources(table: SourceTable, path: Path) -> None:
    """Write the table; unknown numbers (NaN) are null."""
    path.write_text(json.dumps(_plain(asdict(table)), indent=1, allow_nan=False) + "\n")


def read_sources(path: Path) -> SourceTable:
    """The table that `write_sources` wrote."""
    document = _numbers(json.loads(path.read_text()))
    sources = tuple(MeasuredSource(**{**s, "candidates": tuple(s["candidates"])}) for s in map(_numbers, document.pop("sources")))
    return SourceTable(sources=sources, **{**document, "notes": tuple(document["notes"])})


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _numbers(document: dict[str, Any]) -> dict[str, Any]:
    return {key: math.nan if value is None and key in _NUMBERS else value for key, value in document.items()}
