"""The folder one takes home: mosaic, sources in four forms, picture, provenance."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dashboard.export.figure import write_mosaic_png
from dashboard.export.provenance import write_provenance
from dashboard.export.tables import SOURCE_FORMS
from dashboard.export.whole import written_whole
from dashboard.products.catalog import SourceTable
from dashboard.products.mosaic import Mosaic
from dashboard.products.mosaic_fits import write_mosaic

FILES = ("mosaic.fits", *SOURCE_FORMS, "provenance.json", "mosaic.png")


def write_folder(folder: Path, mosaic: Mosaic, table: SourceTable, document: Mapping[str, Any], title: str = "") -> tuple[Path, ...]:
    """Write the files of `FILES`, replacing older ones once all are whole, and return their paths.

    Raises
    ------
    StorageFull
        When no space is left.
    ProductError
        When the folder cannot be written for another reason.
    """
    with written_whole(folder) as part:
        write_mosaic(mosaic, part / "mosaic.fits")
        for name, text in SOURCE_FORMS.items():
            (part / name).write_text(text(table, mosaic.provenance.origin))
        write_provenance(part, document)
        write_mosaic_png(mosaic, table, part / "mosaic.png", title)
    return tuple(folder / name for name in FILES)
