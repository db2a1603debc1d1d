"""Tables of an answer, written as FITS and read once, so that they are what a file holds.

astropy is loaded with the first table: the server starts without it.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from astropy.io import fits


def column(name: str, form: str, values: ArrayLike, unit: str | None = None, **more: Any) -> fits.Column:
    """A column in a FITS format, e.g. "1E"; `more` as astropy's Column takes it."""
    from astropy.io import fits

    return fits.Column(name, form, unit=unit, array=np.asarray(values), **more)


def text(name: str, width: int, values: Sequence[str]) -> fits.Column:
    """A column of text."""
    return column(name, f"{width}A", np.array(values, f"S{width}"))


def stored(name: str, columns: Sequence[fits.Column], header: Mapping[str, Any]) -> tuple[dict[str, Any], fits.FITS_rec]:
    """Header and rows of the extension `name` with version 1 and those further cards."""
    from astropy.io import fits

    table = fits.BinTableHDU.from_columns(columns, name=name)
    table.ver = 1
    for key, value in header.items():
        table.header[key] = value
    file = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(file)
    file.seek(0)
    with fits.open(file) as written:
        hdu = written[1]
        return dict(hdu.header.items()), hdu.data
