"""The list of known sources that names what a mosaic shows."""

from __future__ import annotations

import difflib
import io
import json
import warnings
import zlib
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path

import httpx
import numpy as np
from astropy.io import fits
from astropy.io.fits.verify import VerifyError
from astropy.utils.exceptions import AstropyWarning

from assets import asset_path
from dashboard.archive.catalog_download import LARGEST_BYTES, download
from dashboard.errors import RequestError
from dashboard.products.catalog import CatalogSource, SourceCatalog
from dashboard.products.catalog_api import catalog_from_api
from dashboard.request.catalog_address import catalog_address

_COLUMNS = {"NAME", "RA_OBJ", "DEC_OBJ"}


def reference_catalog(isdc_cat_url: str = "", hosts: Collection[str] = (), client: httpx.Client | None = None) -> SourceCatalog:
    """Read the reference catalogue.

    Parameters
    ----------
    isdc_cat_url
        "" for the catalogue that ships with the dashboard, else path or http(s) address of a FITS file, gzipped or not, with the
        columns of ISDC's general reference catalogue: NAME, RA_OBJ, DEC_OBJ (degrees) and, where present, ERR_RAD (degrees) and
        ISGRI_FLAG.
    hosts
        `Settings.catalog_hosts`, from which addresses may be fetched.
    client
        Connections to use.

    Raises
    ------
    RequestError
        For an address that is not allowed, a file that cannot be read or is too large, or one without such a table.
    ArchiveUnavailable
        When a host that is allowed does not answer.
    """
    if not isdc_cat_url:
        return _shipped()
    if "://" in isdc_cat_url:
        return _from_fits(download(catalog_address(isdc_cat_url, hosts), client), isdc_cat_url)
    return _from_fits(_from_disk(Path(isdc_cat_url).expanduser()), isdc_cat_url)


def close_names(name: str, count: int = 3) -> tuple[str, ...]:
    """Names of the shipped catalogue that resemble `name`, spaces and case aside."""
    by_key = {_key(known): known for known in _shipped().names}
    return tuple(by_key[key] for key in difflib.get_close_matches(_key(name), by_key, n=count, cutoff=0.7))


def _key(name: str) -> str:
    return "".join(name.lower().split())


@lru_cache(maxsize=1)
def _shipped() -> SourceCatalog:
    return catalog_from_api(json.loads(asset_path("reference_catalog.json").read_text()))


def _from_disk(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise _refused(f"names {str(path)[:200]!r}, and there is no such file: check the path.")
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except OSError:
        raise _refused(f"names {str(path)[:200]!r}, which cannot be read: check its permissions.") from None
    if len(content) > LARGEST_BYTES:
        raise _refused(f"names a file larger than {LARGEST_BYTES / 1e6:g} MB, which no catalogue is.")
    return content


def _unpacked(content: bytes) -> bytes:
    """Content without gzip, which may blow up to LARGEST_BYTES and no further; zlib.error when it is damaged."""
    if not content.startswith(b"\x1f\x8b"):
        return content
    stream = zlib.decompressobj(wbits=31)
    plain = stream.decompress(content, LARGEST_BYTES)
    if not stream.eof:
        raise zlib.error("too large or cut short")
    return plain


def _from_fits(content: bytes, name: str) -> SourceCatalog:
    try:
        with fits.open(io.BytesIO(_unpacked(content)), memmap=False) as hdus, warnings.catch_warnings():
            warnings.simplefilter("error", AstropyWarning)  # a file cut short is only warned about
            tables = [hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU) and set(hdu.columns.names) >= _COLUMNS]
            if not tables:
                raise _refused(f"{name[:200]!r} has no table with the columns {', '.join(sorted(_COLUMNS))}.")
            return _from_table(tables[0])
    except (OSError, ValueError, TypeError, KeyError, VerifyError, AstropyWarning, zlib.error, MemoryError):
        raise _refused(f"{name[:200]!r} cannot be read as a FITS file of at most {LARGEST_BYTES / 1e6:g} MB.") from None


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


def _refused(what: str) -> RequestError:
    return RequestError(f"isdc_cat_url {what}", "isdc_cat_url")
