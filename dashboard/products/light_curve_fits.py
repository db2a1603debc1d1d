"""Light curves from what OSA and the dispatcher write, and the form in which they are stored.

Tables are chosen by their columns TIME, RATE, ERROR. Widths come in two conventions: ISGRI's column XAX_E is the half
width, JEM-X's column TIMEDEL and the keyword TIMEDEL are the full one, all in days. Rows without a measurement (RATE and
ERROR both 0, not finite) are left out and counted. BARYTIME is zero in real files and is never used. Unset header fields
may hold the template text of their type ("String"): such a value is treated as absent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from dashboard.errors import EmptyProduct, ProductError
from dashboard.products.light_curve import LOW_EXPOSURE, LightCurve, LightCurveSet
from dashboard.products.light_curve_rows import ROW_COLUMNS, joined, taken
from dashboard.products.mosaic import Provenance

LEAST_FRACEXP = 0.1
"""Fraction of a bin that must be exposed; bins with less are flagged."""
_TEMPLATES = ("", "String", "Real", "Integer", "UTC_format", "None")
_CUT_LENGTHS = (16, 20)
_COUNT_RATES = ("count/s", "counts/s", "count/sec", "counts/sec", "cts/s", "ct/s", "ct / s")
_OWN = {"TIME", "RATE", "ERROR", "FRACEXP", "XAX_E", "TIMEDEL", "BARYTIME", *(name.upper() for name in ROW_COLUMNS)}
_INSTRUMENTS = {"JMX1": "jemx1", "JMX2": "jemx2", "IBIS": "isgri"}


def light_curves_from_products(
    parts: Sequence[tuple[Mapping[str, Any], fits.HDUList]],
    instrument: str,
    band: tuple[float, float] | None,
    provenance: Provenance,
    names: Sequence[str] = (),
) -> LightCurveSet:
    """The light curves of an answer, one a source, each in time order.

    Parameters
    ----------
    parts
        (meta data, HDUs) of each product. `src_name` of the meta data is the source, before the header's NAME and SOURCEID.
    instrument
        "isgri", "jemx1" or "jemx2".
    band
        (E_min, E_max) in keV as asked; None takes the header's.
    provenance
        Of the answer; ORIGIN is added from the header when empty there, and SIMULATED in a header always wins.
    names
        Full names of the sources asked for: they replace names that the backend cut or wrote without "-" and "+".

    Raises
    ------
    EmptyProduct
        When no row holds a measurement.
    ProductError
        When there is no light curve, or one without source name or bin width, in another time system or of another instrument.
    """
    curves: dict[str, list[LightCurve]] = {}
    for meta, hdus in parts:
        tables = [hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU) and {"TIME", "RATE", "ERROR"} <= set(hdu.columns.names)]
        for table in tables:
            curve = _curve(meta if len(tables) == 1 else {}, table, instrument, band, provenance, names)
            curves.setdefault(curve.source, []).append(curve)
    if not curves:
        raise ProductError("The answer holds no table with TIME, RATE and ERROR: it is no light curve.")
    found = LightCurveSet(tuple(joined(group) for group in curves.values()))
    if not any(map(len, found.curves)):
        raise EmptyProduct(f"The light curves of {', '.join(found.sources)} hold no measurement: the source was not in the exposed field.")
    return found


def full_name(name: str, names: Sequence[str]) -> str:
    """The one of `names` that is meant, "" when none or several may be.

    An equal name is taken first, then one that is equal with "-" and "+" written as blanks, then the only one that begins
    with `name` where that has one of the lengths at which OSA cuts names.
    """
    if name in names:
        return name
    blank = str.maketrans("-+", "  ")
    plain = name.translate(blank)
    for meant in (
        [full for full in names if full.translate(blank) == plain],
        [full for full in names if len(name) in _CUT_LENGTHS and full.translate(blank).startswith(plain)],
    ):
        if len(meant) == 1:
            return meant[0]
    return ""


def _source(meta: Mapping[str, Any], header: fits.Header, names: Sequence[str]) -> str:
    values = (str(value).strip() for value in (meta.get("src_name", ""), *(header.get(key, "") for key in ("NAME", "OBJECT", "SOURCEID"))))
    written = [value for value in values if value not in _TEMPLATES]
    if not written:
        raise ProductError("A light curve names no source, neither in its meta data nor in NAME or SOURCEID: it cannot be attributed.")
    return full_name(written[0], names) or written[0]


def _number(header: Mapping[str, Any], key: str, missing: float = float("nan")) -> float:
    value = header.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else missing


def _per_day(unit: Any) -> float:
    return 86400.0 if str(unit or "").strip().lower() in ("s", "sec", "second") else 1.0


def _widths(meta: Mapping[str, Any], table: fits.BinTableHDU, source: str) -> NDArray[np.float64]:
    """(n,) full widths, days. XAX_E is zero, and TIMEDEL negative, where the backend lost track."""
    header, units = table.header, dict(zip(table.columns.names, table.columns.units, strict=True))
    nominal = abs(_number(header, "TIMEDEL") / _per_day(header.get("TIMEUNIT")))
    if not nominal > 0:
        nominal = abs(_number(meta, "time_bin"))
    width = np.full(len(table.data), nominal)
    for name, factor in (("XAX_E", 2.0), ("TIMEDEL", 1.0)):
        if name in units:
            column = factor * np.abs(np.asarray(table.data[name], dtype=float)) / _per_day(units[name])
            width = np.where(np.isfinite(column) & (column > 0), column, nominal)
            break
    if not np.all(width > 0):
        raise ProductError(f"The light curve of {source} has bins of unknown width (no XAX_E, no TIMEDEL): it cannot be used.")
    return width


def _curve(
    meta: Mapping[str, Any],
    table: fits.BinTableHDU,
    instrument: str,
    band: tuple[float, float] | None,
    provenance: Provenance,
    names: Sequence[str],
) -> LightCurve:
    header = table.header
    source = _source(meta, header, names)
    written = _INSTRUMENTS.get(str(header.get("INSTRUME", "")).strip().upper(), instrument)
    if written != instrument:
        raise ProductError(f"The light curve of {source} is of {written}, not of {instrument} as asked: it is not used.")
    if str(header.get("TIMESYS", "TT")).strip() not in ("TT", *_TEMPLATES):
        raise ProductError(f"The times of the light curve of {source} are in {header['TIMESYS']}, not TT: convert the file first.")
    units = dict(zip(table.columns.names, table.columns.units, strict=True))

    def column(name: str) -> NDArray[np.float64]:
        return np.array(table.data[name], dtype=np.float64)

    width = _widths(meta, table, source)
    reference = _number(header, "MJDREF", _number(header, "MJDREFI", 51544.0) + _number(header, "MJDREFF", 0.0))
    time = column("TIME") / _per_day(units["TIME"] or header.get("TIMEUNIT")) + (reference - 51544.0)
    fracexp = column("FRACEXP") if "FRACEXP" in units else np.full(len(time), np.nan)
    edges = (_number(header, "E_MIN"), _number(header, "E_MAX"))
    unit = str(units["RATE"] or "").strip()
    origin = str(header.get("ORIGIN", "")).strip()
    curve = LightCurve(
        source,
        instrument,
        time=time + (0.5 - _number(header, "TIMEPIXR", 0.5)) * width,
        half_width=width / 2,
        rate=column("RATE"),
        error=column("ERROR"),
        fracexp=fracexp,
        flags=np.where(fracexp < LEAST_FRACEXP, LOW_EXPOSURE, 0).astype(np.uint8),
        batch=np.full(len(time), -1, dtype=np.int32),
        ra=_number(header, "RA_OBJ"),
        dec=_number(header, "DEC_OBJ"),
        band=band or (edges if np.all(np.isfinite(edges)) else None),
        unit="count/s" if unit in ("", *_COUNT_RATES) else unit,
        columns={name: _native(table.data[name]) for name in units if name.upper() not in _OWN and _is_numeric(table.data[name])},
        provenance=replace(provenance, origin=origin if origin == "SIMULATED" else provenance.origin or origin),
    )
    measured = np.isfinite(curve.time) & np.isfinite(curve.rate) & np.isfinite(curve.error) & (curve.error > 0)
    return replace(taken(curve, measured), dropped=int(np.sum(~measured)))


def _is_numeric(column: Any) -> bool:
    return column.ndim == 1 and column.dtype.kind in "iuf"


def _native(column: Any) -> NDArray[Any]:
    """In the machine's byte order."""
    return np.array(column, dtype=column.dtype.newbyteorder("="))


def light_curves_to_hdulist(curves: LightCurveSet) -> fits.HDUList:
    """A table LIGHT_CURVE a curve; the table ORIGINS holds each provenance and list of batches once."""
    origins: dict[str, int] = {}
    tables: list[fits.BinTableHDU] = []
    for curve in curves.curves:
        described = json.dumps({"provenance": asdict(curve.provenance), "batch_ids": curve.batch_ids})
        meta = {name: getattr(curve, name) for name in ("source", "instrument", "ra", "dec", "band", "unit", "dropped")}
        values = {name.upper(): getattr(curve, name) for name in ROW_COLUMNS} | curve.columns
        rows = np.empty(len(curve), [(name, column.dtype) for name, column in values.items()])
        for name, value in values.items():
            rows[name] = value
        table = fits.BinTableHDU(rows, name="LIGHT_CURVE", ver=len(tables) + 1)
        for name, unit in {"TIME": "d", "HALF_WIDTH": "d", "RATE": curve.unit, "ERROR": curve.unit}.items():
            table.columns[name].unit = unit
        table.header["META"] = json.dumps(meta | {"origin": origins.setdefault(described, len(origins))})
        table.header["ORIGIN"] = curve.provenance.origin
        tables.append(table)
    texts = np.array(list(origins) or [""], dtype=np.bytes_)
    column = fits.Column("JSON", f"{texts.dtype.itemsize}A", array=texts)
    return fits.HDUList([fits.PrimaryHDU(), *tables, fits.BinTableHDU.from_columns([column], name="ORIGINS")])


def light_curves_from_hdulist(hdus: fits.HDUList) -> LightCurveSet:
    """What `light_curves_to_hdulist` wrote, bit for bit.

    Raises
    ------
    ProductError
        When the file is no such store.
    """
    if "ORIGINS" not in hdus:
        raise ProductError("The file holds no stored light curves; build them again from the dispatcher's answers.")
    origins = [json.loads(text) for text in hdus["ORIGINS"].data["JSON"] if text]
    curves = []
    for table in (hdu for hdu in hdus if hdu.name == "LIGHT_CURVE"):
        meta: dict[str, Any] = json.loads(table.header["META"])
        origin = origins[meta.pop("origin")]
        kept: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in origin["provenance"].items()}
        rows: dict[str, Any] = {name: _native(table.data[name]) for name in table.columns.names}
        meta |= {name: rows.pop(name.upper()) for name in ROW_COLUMNS}
        meta |= {"band": meta["band"] and tuple(meta["band"]), "batch_ids": tuple(origin["batch_ids"])}
        curves.append(LightCurve(**meta, columns=rows, provenance=Provenance(**kept)))
    return LightCurveSet(tuple(curves))


def write_light_curves(curves: LightCurveSet, path: str | Path) -> None:
    """Store a set, replacing an existing file."""
    light_curves_to_hdulist(curves).writeto(path, overwrite=True)


def read_light_curves(path: str | Path) -> LightCurveSet:
    """Read what `write_light_curves` wrote.

    Raises
    ------
    ProductError
        When the file cannot be read as FITS or is no store of light curves.
    """
    try:
        with fits.open(path, memmap=False) as hdus:
            return light_curves_from_hdulist(hdus)
    except OSError as error:
        raise ProductError(f"{path} cannot be read as FITS: {error}.") from error
