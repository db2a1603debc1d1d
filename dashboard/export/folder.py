"""The folder one takes home: mosaic, sources in three forms, picture, provenance."""

from __future__ import annotations

import errno
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dashboard.errors import ProductError, StorageFull
from dashboard.export.figure import write_mosaic_png
from dashboard.export.regions import ds9_regions
from dashboard.products.catalog import SourceTable
from dashboard.products.mosaic import Mosaic
from dashboard.products.mosaic_fits import write_mosaic

FILES = ("mosaic.fits", "sources.ecsv", "sources.csv", "sources.reg", "provenance.json", "mosaic.png")


def write_folder(folder: Path, mosaic: Mosaic, table: SourceTable, document: Mapping[str, Any], title: str = "") -> tuple[Path, ...]:
    """Write the six files of `FILES`, replacing older ones, and return their paths.

    Raises
    ------
    StorageFull
        When no space is left.
    ProductError
        When the folder cannot be written for another reason.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_mosaic(mosaic, folder / "mosaic.fits")
        rows = table.to_table()
        if mosaic.provenance.origin:
            rows.meta["origin"] = mosaic.provenance.origin
        rows.write(folder / "sources.ecsv", format="ascii.ecsv", overwrite=True)
        (folder / "sources.csv").write_text(csv_text(table, mosaic.provenance.simulated))
        label = f"# {mosaic.provenance.origin}\n" if mosaic.provenance.simulated else ""
        (folder / "sources.reg").write_text(label + ds9_regions(table))
        (folder / "provenance.json").write_text(json.dumps(_finite(document), indent=1, allow_nan=False) + "\n")
        write_mosaic_png(mosaic, table, folder / "mosaic.png", title)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(f"No space is left in {folder}: free some and export again; the run itself is kept.") from error
        raise ProductError(f"{folder} cannot be written: {error.strerror or error}. Choose another folder.") from error
    return tuple(folder / name for name in FILES)


def csv_text(table: SourceTable, simulated: bool) -> str:
    """The source table as plain CSV with the units in the column names; simulated sources say so in a column."""
    columns = ("name", "kind", "ra_deg", "dec_deg", "position_error_arcmin", "significance", "scaled_significance")
    flux = f"[{table.flux_unit}]" if table.flux_unit else ""
    header = (*columns, f"flux{flux}", f"flux_error{flux}", f"upper_limit{flux}", "exposure_s", "offset_arcmin", "origin")
    lines = [",".join(header)]
    for s in table.sources:
        numbers = (s.ra, s.dec, s.position_error, s.significance, s.scaled_significance)
        fluxes = (s.flux, s.flux_error, s.upper_limit, s.exposure, s.offset)
        text = [f"{value:.6g}" if math.isfinite(value) else "" for value in (*numbers, *fluxes)]
        text[:2] = f"{s.ra:.5f}", f"{s.dec:.5f}"
        name = '"' + s.name.replace('"', '""') + '"' if "," in s.name or '"' in s.name else s.name
        lines.append(",".join((name, s.kind, *text, "SIMULATED" if simulated else "")))
    return "\n".join(lines) + "\n"


def _finite(value: Any) -> Any:
    """JSON has no NaN: null says "not known"."""
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
