"""Responses from FITS, whatever their HDUs are called, and their form in the store.

A dispatcher sends the redistribution matrix with every source: equal ones are decoded once and become one object. HDUs are
known by HDUCLAS2, EXTNAME and columns: the matrix is `SPECRESP MATRIX`, `ISGR-RMF.-RSP` or `MATRIX`, the channel bounds
`EBOUNDS` or `ISGR-EBDS-MOD`, in either order. `JMX1-AXIS-ARF` and its like go with the matrix and are not the area of a source.
Definitions after the OGIP memorandum CAL/GEN/92-002.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from dashboard.errors import ProductError
from dashboard.products.spectrum import Array, Redistribution

_CALIBRATION_AREAS = ("-AXIS-ARF", "-IMAG-ARF")


def table_with(hdus: fits.HDUList, *columns: str) -> fits.BinTableHDU | None:
    """The first table that has all these columns and is no area that belongs to the matrix."""
    for hdu in hdus:
        if isinstance(hdu, fits.BinTableHDU) and not hdu.name.upper().endswith(_CALIBRATION_AREAS) and {*columns} <= _names(hdu):
            return hdu
    return None


def _names(table: fits.BinTableHDU) -> set[str]:
    return {name.upper() for name in table.columns.names}


def area_of(hdus: fits.HDUList) -> Array | None:
    """(n_energy,) cm2: the ARF in these HDUs, None when they hold none. JEM-X files that say dm**2 hold cm2 all the same."""
    table = table_with(hdus, "ENERG_LO", "ENERG_HI", "SPECRESP")
    return None if table is None else native(table.data["SPECRESP"])


def native(column: Any) -> NDArray[Any]:
    """The column as a contiguous array of the machine's byte order."""
    array = np.asarray(column)
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))


class Redistributions:
    """Reads RMFs; equal ones come out as the same object."""

    def __init__(self) -> None:
        self._by_bytes: dict[bytes, Redistribution] = {}
        self._by_key: dict[str, Redistribution] = {}

    def one(self, redistribution: Redistribution) -> Redistribution:
        """The first one with this content."""
        return self._by_key.setdefault(redistribution.key, redistribution)

    def read(self, hdus: fits.HDUList) -> Redistribution | None:
        """The RMF in these HDUs, None when they hold none.

        Raises
        ------
        ProductError
            When the bounds of the channels are missing or the matrix does not fit them.
        """
        matrix, bounds = table_with(hdus, "ENERG_LO", "N_GRP", "F_CHAN", "MATRIX"), table_with(hdus, "CHANNEL", "E_MIN", "E_MAX")
        if matrix is None:
            return None
        if bounds is None:
            raise ProductError("A redistribution matrix came without the energy bounds of its channels (EBOUNDS): ask for the batch again.")
        flat = _Flat(matrix)
        digest = hashlib.sha256(str(flat.said_first).encode())
        for column in (*flat.columns, *(native(bounds.data[name]) for name in ("CHANNEL", "E_MIN", "E_MAX"))):
            digest.update(column.tobytes())
        found = self._by_bytes.get(digest.digest())
        if found is None:
            found = self._by_bytes[digest.digest()] = self.one(flat.expanded(bounds))
        return found


class _Flat:
    """The columns of a matrix table without padding: each group of each row stands in one line of arrays."""

    def __init__(self, table: fits.BinTableHDU) -> None:
        data = table.data
        self.said_first = table.header.get(f"TLMIN{[name.upper() for name in table.columns.names].index('F_CHAN') + 1}")
        self.energ_lo, self.energ_hi = native(data["ENERG_LO"]), native(data["ENERG_HI"])
        groups = np.asarray(data["N_GRP"], dtype=np.int64)
        self.row = np.repeat(np.arange(len(groups)), groups)
        self.first, self.count = _joined(data["F_CHAN"], groups), _joined(data["N_CHAN"], groups)
        elements = np.bincount(self.row, weights=self.count, minlength=len(groups)).astype(np.int64)
        self.values = _joined(data["MATRIX"], elements)

    @property
    def columns(self) -> tuple[NDArray[Any], ...]:
        """Everything the matrix is made of."""
        return self.energ_lo, self.energ_hi, self.row, self.first, self.count, self.values

    def expanded(self, bounds: fits.BinTableHDU) -> Redistribution:
        """The dense matrix (n_energy, n_channel), channels in the order of their numbers."""
        order = np.argsort(bounds.data["CHANNEL"], kind="stable")
        n_channels = len(order)
        first_channel = self._first_channel(int(bounds.data["CHANNEL"][order[0]]), n_channels)
        count = self.count.astype(np.int64)
        row = np.repeat(self.row, count)
        within = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
        matrix = np.zeros((len(self.energ_lo), n_channels), dtype=self.values.dtype)
        matrix[row, np.repeat(self.first.astype(np.int64) - first_channel, count) + within] = self.values
        e_min, e_max = (native(bounds.data[name][order]) for name in ("E_MIN", "E_MAX"))
        return Redistribution(self.energ_lo, self.energ_hi, matrix, e_min, e_max, first_channel)

    def _first_channel(self, in_bounds: int, n_channels: int) -> int:
        """TLMIN of F_CHAN where it fits, else the first channel of the bounds, else the lowest F_CHAN."""
        used = self.count > 0
        first, stop = self.first[used], self.first[used] + self.count[used]
        low, high = (int(first.min()), int(stop.max())) if used.any() else (in_bounds, in_bounds)
        said = self.said_first if isinstance(self.said_first, int) else in_bounds
        for candidate in (said, in_bounds, low):
            if candidate <= low and high - candidate <= n_channels:
                return candidate
        raise ProductError(f"A redistribution matrix reaches over {high - low} channels, its EBOUNDS has {n_channels}: ask again.")


def _joined(column: Any, counts: NDArray[np.int64]) -> NDArray[Any]:
    """The first `counts` elements of each row in one line."""
    array = np.asarray(column)
    variable = array.dtype == object
    rows = array if variable else array.reshape(len(array), -1)
    if np.any(counts > (np.array([len(row) for row in rows]) if variable else rows.shape[1])):
        raise ProductError("A redistribution matrix holds fewer elements than its N_GRP and N_CHAN say: ask for the batch again.")
    if variable:
        return native(np.concatenate([np.asarray(row)[:count] for row, count in zip(rows, counts, strict=True)]))
    return native(rows[np.arange(rows.shape[1]) < counts[:, None]])


def redistribution_hdus(redistributions: Sequence[Redistribution]) -> list[fits.ImageHDU | fits.BinTableHDU]:
    """The store's form: matrix as an image RMF, grids as tables ENERGIES and CHANNELS, told apart by the card RMFKEY."""
    made: list[fits.ImageHDU | fits.BinTableHDU] = []
    for number, rmf in enumerate(redistributions, start=1):
        hdus = [
            fits.ImageHDU(rmf.matrix, name="RMF", ver=number),
            _table("ENERGIES", number, {"ENERG_LO": rmf.energ_lo, "ENERG_HI": rmf.energ_hi}),
            _table("CHANNELS", number, {"E_MIN": rmf.e_min, "E_MAX": rmf.e_max}),
        ]
        for hdu in hdus:
            hdu.header["RMFKEY"] = (rmf.key, "identity of the redistribution")
        hdus[0].header["CHAN1"] = (rmf.first_channel, "number of the first channel")
        made += hdus
    return made


def redistributions_from_hdus(hdus: fits.HDUList) -> dict[str, Redistribution]:
    """What `redistribution_hdus` wrote, by key, bit for bit."""
    parts: dict[str, dict[str, Any]] = {}
    for hdu in hdus:
        if "RMFKEY" in hdu.header:
            parts.setdefault(str(hdu.header["RMFKEY"]), {})[hdu.name] = hdu
    return {key: _stored(part) for key, part in parts.items()}


def _stored(part: Mapping[str, Any]) -> Redistribution:
    energies, channels, rmf = part["ENERGIES"].data, part["CHANNELS"].data, part["RMF"]
    return Redistribution(
        native(energies["ENERG_LO"]),
        native(energies["ENERG_HI"]),
        native(rmf.data),
        native(channels["E_MIN"]),
        native(channels["E_MAX"]),
        int(rmf.header["CHAN1"]),
    )


def _table(name: str, number: int, columns: Mapping[str, Array]) -> fits.BinTableHDU:
    made = [fits.Column(title, "D" if values.dtype.itemsize == 8 else "E", unit="keV", array=values) for title, values in columns.items()]
    return fits.BinTableHDU.from_columns(made, name=name, ver=number)
