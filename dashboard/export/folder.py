"""The folder one takes home: mosaic, sources in three forms, picture, provenance."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dashboard.errors import ProductError, StorageFull
from dashboard.export.figure import write_mosaic_png
from dashboard.export.provenance import write_provenance
from dashboard.export.tables import SOURCE_FORMS
from dashboard.products.catalog import SourceTable
from dashboard.products.disk import is_full
from dashboard.products.mosaic import Mosaic
from dashboard.products.mosaic_fits import write_mosaic

FILES = ("mosaic.fits", *SOURCE_FORMS, "provenance.json", "mosaic.png")


def write_folder(folder: Path, mosaic: Mosaic, table: SourceTable, document: Mapping[str, Any], title: str = "") -> tuple[Path, ...]:
    """Write the six files of `FILES`, replacing older ones once all are whole, and return their paths.

    Raises
    ------
    StorageFull
        When no space is left.
    ProductError
        When the folder cannot be written for another reason.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".export-", dir=folder) as name_of_part:
            part = Path(name_of_part)
            write_mosaic(mosaic, part / "mosaic.fits")
            for name, text in SOURCE_FORMS.items():
                (part / name).write_text(text(table, mosaic.provenance.origin))
            write_provenance(part, document)
            write_mosaic_png(mosaic, table, part / "mosaic.png", title)
            for name in FILES:
                (part / name).replace(folder / name)
    except OSError as error:
        if is_full(error):
            raise StorageFull(f"No space is left in {folder}: free some and export again; the run itself is kept.") from error
        raise ProductError(f"{folder} cannot be written: {error.strerror or error}. Choose another folder.") from error
    return tuple(folder / name for name in FILES)
