"""The API catalogue: the column-major JSON in which a dispatcher sends and takes source lists."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dashboard.errors import ProductError, RequestError
from dashboard.products.catalog import UNSET_NEW_SOURCE, CatalogSource, SourceCatalog
from dashboard.products.catalog_edits import checked_position

LARGEST_TEXT = 5_000_000
MOST_ROWS = 5000
_TYPES = {
    "meta_ID": "<i8",
    "src_names": "<U128",
    "significance": "<f8",
    "ra": "<f8",
    "dec": "<f8",
    "NEW_SOURCE": "<i8",
    "ISGRI_FLAG": "<i8",
    "FLAG": "<i8",
    "ERR_RAD": "<f8",
}
ISGRI_COLUMNS = tuple(_TYPES)
JEMX_COLUMNS = tuple(name for name in _TYPES if name not in {"NEW_SOURCE", "ISGRI_FLAG"})


def catalog_from_api(document: Mapping[str, Any]) -> SourceCatalog:
    """Read a catalogue; null numbers and absent optional columns take their defaults.

    Raises
    ------
    ProductError
        When names and columns do not fit, a required column is missing, a number is none, or the frame is not equatorial in degrees.
    """
    names, columns = document.get("cat_column_names"), document.get("cat_column_list")
    if not isinstance(names, list) or not isinstance(columns, list) or len(names) != len(columns):
        raise ProductError("The catalogue's cat_column_names and cat_column_list do not fit together: it is no API catalogue.")
    if not all(isinstance(name, str) for name in names) or not all(isinstance(column, list) for column in columns):
        raise ProductError("The catalogue's cat_column_names must be texts and its cat_column_list lists: it is no API catalogue.")
    table = dict(zip(names, columns, strict=True))
    lon, lat = str(document.get("cat_lon_name", "ra")), str(document.get("cat_lat_name", "dec"))
    missing = [name for name in ("src_names", lon, lat) if name not in table]
    if missing:
        raise ProductError(f"The catalogue lacks the columns {', '.join(missing)}.")
    if str(document.get("cat_frame", "fk5")).lower() not in ("fk5", "icrs"):
        raise ProductError(f"The catalogue's frame {document['cat_frame']!r} is not supported: give it in fk5.")
    if (unit := str(document.get("cat_coord_units", "deg"))) != "deg":
        raise ProductError(f"The catalogue's positions are in {unit!r}: give them in deg.")
    if len({len(column) for column in columns}) > 1:
        raise ProductError("The catalogue's columns differ in length.")

    def number(name: str, row: int, default: float) -> float:
        value = table[name][row] if name in table else default
        try:
            value = default if value is None else float(value)
        except (TypeError, ValueError, OverflowError):
            raise ProductError(f"The catalogue's column {name} holds {str(value)[:40]!r} in row {row + 1}, which is no number.") from None
        return value if math.isfinite(value) else default

    return SourceCatalog(
        tuple(
            CatalogSource(
                name="" if name is None else str(name).strip(),
                ra=number(lon, row, math.nan),
                dec=number(lat, row, math.nan),
                significance=number("significance", row, 0.0),
                isgri_flag=int(number("ISGRI_FLAG", row, 0)),
                flag=int(number("FLAG", row, 0)),
                err_rad=number("ERR_RAD", row, 0.001),
                new_source=int(number("NEW_SOURCE", row, UNSET_NEW_SOURCE)),
            )
            for row, name in enumerate(table["src_names"])
        )
    )


def catalog_to_api(catalog: SourceCatalog, instrument: str = "isgri") -> dict[str, Any]:
    """The catalogue in the column order of its instrument, `meta_ID` numbering the rows; JEM-X has neither NEW_SOURCE nor ISGRI_FLAG."""
    names = ISGRI_COLUMNS if instrument == "isgri" else JEMX_COLUMNS
    columns: dict[str, list[Any]] = {
        "meta_ID": list(range(len(catalog))),
        "src_names": [s.name for s in catalog.sources],
        "significance": [_or_null(s.significance) for s in catalog.sources],
        "ra": [_or_null(s.ra) for s in catalog.sources],
        "dec": [_or_null(s.dec) for s in catalog.sources],
        "NEW_SOURCE": [s.new_source for s in catalog.sources],
        "ISGRI_FLAG": [s.isgri_flag for s in catalog.sources],
        "FLAG": [s.flag for s in catalog.sources],
        "ERR_RAD": [_or_null(s.err_rad) for s in catalog.sources],
    }
    return {
        "cat_frame": "fk5",
        "cat_coord_units": "deg",
        "cat_lon_name": "ra",
        "cat_lat_name": "dec",
        "cat_column_names": list(names),
        "cat_column_list": [columns[name] for name in names],
        "cat_column_descr": [[name, _TYPES[name]] for name in names],
    }


def catalog_from_text(text: str) -> SourceCatalog:
    """Read a catalogue a user gives as JSON.

    Raises
    ------
    RequestError
        For what is no API catalogue, is too large, or holds an entry without name or position; its field is `api_catalog_file`.
    """
    if len(text) > LARGEST_TEXT:
        raise _refused(f"The catalogue has {len(text) / 1e6:.1f} MB of text, more than {LARGEST_TEXT / 1e6:g}: leave out what is far away.")
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise _refused(f"The catalogue is no valid JSON: {error.msg} in line {error.lineno}, column {error.colno}.") from None
    except (RecursionError, ValueError):
        raise _refused("The catalogue is no JSON this program can hold: a number is too long or it is nested too deeply.") from None
    if not isinstance(document, dict):
        raise _refused("The catalogue must be a JSON object with cat_column_names and cat_column_list.")
    try:
        catalog = catalog_from_api(document)
    except ProductError as error:
        raise _refused(error.sentence) from None
    if len(catalog) > MOST_ROWS:
        raise _refused(f"The catalogue has {len(catalog)} entries, more than {MOST_ROWS}: leave out what is far away.")
    for row, source in enumerate(catalog.sources, 1):
        if not source.name:
            raise _refused(f"Row {row} of the catalogue has no name in src_names.")
        try:
            checked_position(source.ra, source.dec)
        except RequestError as error:
            raise _refused(f"{source.name[:60]} in the catalogue: {error.sentence}") from None
    return catalog


def selected_catalog(catalog: SourceCatalog, instrument: str) -> str:
    """The value of `selected_catalog`: one text for all catalogues with which the backend would do the same.

    The dispatcher hands only name, position and flags to the analysis. They are rounded (1e-6 deg) and sorted; the other columns,
    which it demands, hold constants, so that a source measured a little better does not make a batch a different one.
    """
    rows = [
        CatalogSource(s.name, round(s.ra % 360, 6) % 360, round(s.dec, 6) + 0.0, flag=s.flag, isgri_flag=s.isgri_flag)
        for s in catalog.sources
    ]
    if instrument != "isgri":
        rows = [replace(row, isgri_flag=0) for row in rows]
    ordered = SourceCatalog(tuple(sorted(rows, key=lambda s: (s.name, s.ra, s.dec, s.flag, s.isgri_flag))))
    return json.dumps(catalog_to_api(ordered, instrument), allow_nan=False, separators=(",", ":"), sort_keys=True)


def _or_null(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _refused(sentence: str) -> RequestError:
    return RequestError(sentence, "api_catalog_file")
