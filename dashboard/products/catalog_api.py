"""The API catalogue: the column-major JSON in which a dispatcher sends and takes source lists."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from dashboard.errors import ProductError
from dashboard.products.catalog import UNSET_NEW_SOURCE, CatalogSource, SourceCatalog

ISGRI_COLUMNS = ("meta_ID", "src_names", "significance", "ra", "dec", "NEW_SOURCE", "ISGRI_FLAG", "FLAG", "ERR_RAD")
_DTYPES = ("<i8", "<U128", "<f8", "<f8", "<f8", "<i8", "<i8", "<i8", "<f8")


def catalog_from_api(document: Mapping[str, Any]) -> SourceCatalog:
    """Read a catalogue; null numbers and absent optional columns take their defaults.

    Raises
    ------
    ProductError
        When names and columns do not fit, a required column is missing, or the frame is not equatorial.
    """
    names, columns = document.get("cat_column_names"), document.get("cat_column_list")
    if not isinstance(names, list) or not isinstance(columns, list) or len(names) != len(columns):
        raise ProductError("The catalogue's cat_column_names and cat_column_list do not fit together: it is no API catalogue.")
    table = dict(zip(names, columns, strict=True))
    lon, lat = str(document.get("cat_lon_name", "ra")), str(document.get("cat_lat_name", "dec"))
    missing = [name for name in ("src_names", lon, lat) if name not in table]
    if missing:
        raise ProductError(f"The catalogue lacks the columns {', '.join(missing)}.")
    if str(document.get("cat_frame", "fk5")).lower() not in ("fk5", "icrs"):
        raise ProductError(f"The catalogue's frame {document['cat_frame']!r} is not supported: give it in fk5.")
    if len({len(column) for column in columns}) > 1:
        raise ProductError("The catalogue's columns differ in length.")

    def number(name: str, row: int, default: float) -> float:
        value = table[name][row] if name in table else default
        return default if value is None or not math.isfinite(float(value)) else float(value)

    return SourceCatalog(
        tuple(
            CatalogSource(
                name=str(table["src_names"][row]).strip(),
                ra=number(lon, row, math.nan),
                dec=number(lat, row, math.nan),
                significance=number("significance", row, 0.0),
                isgri_flag=int(number("ISGRI_FLAG", row, 0)),
                flag=int(number("FLAG", row, 0)),
                err_rad=number("ERR_RAD", row, 0.001),
                new_source=int(number("NEW_SOURCE", row, UNSET_NEW_SOURCE)),
            )
            for row in range(len(table["src_names"]))
        )
    )


def catalog_to_api(catalog: SourceCatalog) -> dict[str, Any]:
    """The catalogue in ISGRI's column order, `meta_ID` numbering the rows; what `selected_catalog` takes as JSON."""
    rows = [(i, s.name, s.significance, s.ra, s.dec, s.new_source, s.isgri_flag, s.flag, s.err_rad) for i, s in enumerate(catalog.sources)]
    return {
        "cat_frame": "fk5",
        "cat_coord_units": "deg",
        "cat_lon_name": "ra",
        "cat_lat_name": "dec",
        "cat_column_names": list(ISGRI_COLUMNS),
        "cat_column_list": [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in ISGRI_COLUMNS],
        "cat_column_descr": [list(pair) for pair in zip(ISGRI_COLUMNS, _DTYPES, strict=True)],
    }
