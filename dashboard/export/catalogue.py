"""The list of sources that spectra and light curves are extracted for, as the file one edits and gives back."""

from __future__ import annotations

import json
from pathlib import Path

from dashboard.products.catalog import SourceCatalog
from dashboard.products.catalog_api import catalog_to_api

NAME = "catalog.json"


def write_catalogue(folder: Path, catalog: SourceCatalog, instrument: str) -> Path:
    """Write the API's JSON, what `api_catalog_file` takes."""
    path = folder / NAME
    path.write_text(json.dumps(catalog_to_api(catalog, instrument), allow_nan=False) + "\n")
    return path
