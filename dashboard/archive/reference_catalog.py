"""The list of known sources that names what a mosaic shows."""

from __future__ import annotations

import difflib
import json
from functools import lru_cache
from pathlib import Path

import numpy as np
from astropy.io import fits

from assets import asset_path
from dashboard.errors import RequestError
from dashboard.products.catalog import CatalogSource, SourceCatalog
from dashboard.products.catalog_api import catalog_from_api

_COLUMNS = {"NAME", "RA_OBJ", "DEC_OBJ"}


def reference_catalog(isdc_cat_url: str = "") -> SourceCatalog:
    """Read the reference catalogue.

    Parameters
    ----------
    isdc_cat_url
        "" for the catalogue that ships with the dashboard, else the path of a FITS file with the columns of ISDC's
        general reference catalogue: NAME, RA_OBJ, DEC_OBJ (degrees) and, where present, ERR_RAD (degrees) and ISGRI_FLAG.

    Raises
    ------
    RequestError
        For a web address, a file that cannot be read, or one without such a table.
    """
    if not isdc_cat_url:
        return _shipped()
    if "://" in isdc_cat_url:
        raise RequestError(
            "isdc_cat_url is a web address, which this installation does not fetch: download the catalogue and give its path.",
            "isdc_cat_url",
        )
    return _from_fits(Path(isdc_cat_url).expanduser())


def close_names(name: str, count: int = 3) -> tuple[str, ...]:
    """Names of the shipped catalogue that resemble `name`, spaces and case aside."""
    by_key = {_key(known): known for known in _shipped().names}
    return tuple(by_key[key] for key in difflib.get_close_matches(_key(name), by_key, n=count, cutoff=0.7))


def _key(name: str) -> str:
    return "".join(name.lower().split())


@lru_cache(maxsize=1)
def _shipped() -> SourceCatalog:
    return catalog_from_api(json.loads(asset_path("reference_catalog.json").read_text()))


def _from_fits(path: Path) -> SourceCatalog:
    try:
        with fits.open(path, memmap=False) as hdus:
            tables = [hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU) and set(hdu.columns.names) >= _COLUMNS]
            if not tables:
                raise RequestError(f"isdc_cat_url: {path} has no table with the columns {', '.join(sorted(_COLUMNS))}.", "isdc_cat_url")
            return _from_table(tables[0])
    except OSError:
        raise RequestError(f"isdc_cat_url: {path} cannot be read as a FITS file.", "isdc_cat_url") from None


def _from_table(table: fits.BinTableHDU) -> SourceCatalog:
    rows, present = table.data, set(table.columns.names)
    err_rad = rows["ERR_RAD"] if "ERR_RAD" in present else np.zeros(len(rows))
    isgri_flag = rows["ISGRI_FLAG"] if "ISGRI_FLAG" in present else np.ones(len(rows), dtype=int)
    columns = zip(rows["NAME"], rows["RA_OBJ"], rows["DEC_OBJ"], err_rad, isgri_flag, strict=True)
    return SourceCatalog(
        tuple(
            CatalogSource(str(name).strip(), float(ra), float(dec), isgri_flag=int(flag), flag=1, err_rad=float(error))
            for name, ra, dec, error, flag in columns
        )
    )
