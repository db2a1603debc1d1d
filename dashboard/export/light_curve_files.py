"""Light curves as others read them: OGIP FITS (OGIP/93-003), ECSV, CSV and VOTable, one of each a source.

In the FITS files times are seconds (TT) since MJD 51544 and refer to the middle of the bin. RATE is corrected for the
exposed fraction of the bin already; the exposure therefore stands in a column EXPOSURE in seconds and not as FRACEXP,
by which several readers, stingray among them, divide the rate.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.io.votable import from_table
from astropy.io.votable.tree import Info
from astropy.table import Column, Table
from astropy.time import Time

from dashboard.analysis.rebin import exposure, with_systematics
from dashboard.export.csv_cell import csv_cell
from dashboard.export.whole import written_whole
from dashboard.products.light_curve import CUT_AT_BATCH_EDGE, LOW_EXPOSURE, TOTAL_ERROR, LightCurve, LightCurveSet
from dashboard.products.origin_cards import known_cards, origin_cards

_DAY = 86400.0
_DETECTORS = {"isgri": ("IBIS", "ISGRI"), "jemx1": ("JMX1", "JEMX1"), "jemx2": ("JMX2", "JEMX2")}


def write_light_curve_files(folder: Path, curves: LightCurveSet, systematic_fraction: float) -> tuple[Path, ...]:
    """Write `.fits`, `.ecsv`, `.csv` and `.vot` of every curve, replacing older ones once all are whole; their paths.

    Parameters
    ----------
    systematic_fraction
        Fraction of the rate that is added in quadrature in the column of total errors; a curve that has that column keeps it.

    Raises
    ------
    RequestError
        When the fraction is negative.
    StorageFull
        When no space is left.
    ProductError
        When the folder cannot be written for another reason.
    """
    complete = [c if TOTAL_ERROR in c.columns else with_systematics(c, systematic_fraction) for c in curves.curves]
    names: list[str] = []
    with written_whole(folder) as part:
        for stem, curve in zip(file_stems(curves), complete, strict=True):
            ogip_hdulist(curve).writeto(part / f"{stem}.fits")
            for suffix, text in FORMS.items():
                (part / f"{stem}{suffix}").write_text(text(curve))
            names += [f"{stem}{suffix}" for suffix in (".fits", *FORMS)]
    return tuple(folder / name for name in names)


def file_stems(curves: LightCurveSet) -> tuple[str, ...]:
    """A name for each curve, of letters, digits and "+-._" alone, different even where case does not count."""
    stems: list[str] = []
    for curve in curves.curves:
        band = "" if curve.band is None else f"_{curve.band[0]:g}-{curve.band[1]:g}keV"
        source = re.sub(r"[^A-Za-z0-9+-]+", "_", curve.source)[:60]
        stem = plain = f"lightcurve_{source}_{curve.instrument}{band}"
        while stem.casefold() in {other.casefold() for other in stems}:
            stem = f"{plain}_{len(stems) + 1}"
        stems.append(stem)
    return tuple(stems)


def systematic_fraction_of(curve: LightCurve) -> float:
    """The fraction that is in the column of total errors."""
    seen = np.abs(curve.rate) > 0
    squared = (curve.columns[TOTAL_ERROR][seen] ** 2 - curve.error[seen] ** 2) / curve.rate[seen] ** 2
    return round(float(np.sqrt(max(np.median(squared), 0.0))), 9) if seen.any() else 0.0


def facts(curve: LightCurve) -> dict[str, Any]:
    """What the curve is and where it comes from, for the header of any form."""
    known: dict[str, Any] = {
        "OBJECT": (curve.source, "source"),
        "RA_OBJ": (curve.ra, "[deg]"),
        "DEC_OBJ": (curve.dec, "[deg]"),
        "RADESYS": ("FK5", "frame of the position"),
        "EQUINOX": (2000.0, "of the position"),
        "E_MIN": (curve.band[0] if curve.band else None, "[keV] lower bound of the band"),
        "E_MAX": (curve.band[1] if curve.band else None, "[keV] upper bound of the band"),
        "EUNIT": ("keV", "unit of E_MIN, E_MAX"),
        **origin_cards(curve.provenance),
        "SYSFRAC": (systematic_fraction_of(curve), "fraction of the rate, in TOTAL_ERROR only"),
        "NDROPPED": (curve.dropped, "rows left out: no measurement, or repeated"),
    }
    return dict(known_cards(known))


def ogip_hdulist(curve: LightCurve) -> fits.HDUList:
    """RATE, GTI, and the batches, jobs and science windows it was made of."""
    time, half = curve.time * _DAY, curve.half_width * _DAY
    columns: dict[str, tuple[str, str, Any, str]] = {
        "TIME": ("D", "s", time, "middle of the bin, seconds (TT) since MJDREF"),
        "TIMEDEL": ("D", "s", 2 * half, "full width of the bin"),
        "RATE": ("D", curve.unit, curve.rate, "corrected for the exposed fraction"),
        "ERROR": ("D", curve.unit, curve.error, "statistical, 1 sigma"),
        TOTAL_ERROR: ("D", curve.unit, curve.columns[TOTAL_ERROR], "with SYSFRAC of the rate in quadrature"),
        "EXPOSURE": ("D", "s", exposure(curve), "exposure of the bin"),
        "FLAGS": ("B", "", curve.flags, "1 cut at edge of batch, 2 exposed below 10 %"),
        "BATCH": ("J", "", curve.batch + 1, "row of BATCHES, 0: several or none"),
    }
    for name, values in curve.columns.items():
        if name not in columns:
            columns[name] = (fits.column.NUMPY2FITS[values.dtype.str[1:]], "", values, "as in the product")
    table = fits.BinTableHDU.from_columns(
        [fits.Column(n, form, unit=unit, array=v) for n, (form, unit, v, _) in columns.items()], name="RATE"
    )
    for number, (_, _, _, meaning) in enumerate(columns.values(), 1):
        table.header.comments[f"TTYPE{number}"] = meaning
    start, stop = time - half, time + half
    instrume, detnam = _DETECTORS.get(curve.instrument, (curve.instrument.upper(), ""))
    classes = {"HDUCLASS": "OGIP", "HDUCLAS1": "LIGHTCURVE", "HDUCLAS2": "NET", "HDUCLAS3": "RATE", "HDUVERS": "1.1.0"}
    clock = {"TIMESYS": "TT", "MJDREFI": 51544, "MJDREFF": 0.0, "TIMEUNIT": "s", "TIMEZERO": 0.0, "TIMEREF": "LOCAL"}
    table.header.update(classes | {"TELESCOP": "INTEGRAL", "INSTRUME": instrume, "DETNAM": detnam} | clock)
    if len(curve):
        begin, end = float(start.min()), float(stop.max())
        table.header.update({"TSTART": (begin, "[s]"), "TSTOP": (end, "[s]"), "TELAPSE": (end - begin, "[s]")})
        table.header["TIMEDEL"] = (2 * float(np.median(half)), "[s] typical width; each row has its own")
        dates = Time([51544 + begin / _DAY, 51544 + end / _DAY], format="mjd", scale="tt").isot
        table.header.update({"DATE-OBS": (str(dates[0]), "TT"), "DATE-END": (str(dates[1]), "TT")})
    table.header["EXPOSURE"] = (float(exposure(curve).sum()), "[s] sum over the bins")
    table.header["TIMEPIXR"] = (0.5, "TIME is the middle of the bin")
    for card in ("BACKAPP", "DEADAPP", "VIGNAPP"):
        table.header[card] = (True, "correction applied by OSA")
    table.header.update(facts(curve))
    origin = curve.provenance
    texts = {"BATCHES": ("BATCH_ID", curve.batch_ids), "JOBS": ("JOB_ID", origin.job_ids), "SCW": ("SWID", origin.scw)}
    primary = fits.PrimaryHDU()
    if origin.origin:
        primary.header["ORIGIN"] = (origin.origin, "SIMULATED: no observation of the sky")
    return fits.HDUList([primary, table, _gti(start, stop, clock), *(_texts(name, *rest) for name, rest in texts.items() if rest[1])])


def _gti(start: Any, stop: Any, clock: Mapping[str, Any]) -> fits.BinTableHDU:
    """Stretches without a gap."""
    reach = np.maximum.accumulate(stop)
    gap = start[1:] > reach[:-1] + 1e-3
    first, last = np.append(True, gap)[: len(start)], np.append(gap, True)[: len(start)]
    columns = [fits.Column("START", "D", unit="s", array=start[first]), fits.Column("STOP", "D", unit="s", array=reach[last])]
    table = fits.BinTableHDU.from_columns(columns, name="GTI")
    table.header.update({"HDUCLASS": "OGIP", "HDUCLAS1": "GTI", "HDUCLAS2": "STANDARD"} | dict(clock))
    return table


def _texts(name: str, column: str, values: tuple[str, ...]) -> fits.BinTableHDU:
    width = max(map(len, values))
    return fits.BinTableHDU.from_columns([fits.Column(column, f"{width}A", array=np.array(values))], name=name)


def light_curve_table(curve: LightCurve) -> Table:
    """The rows with units, and in the meta data what the header of the FITS file says; times also as MJD."""
    unit = u.Unit(curve.unit, parse_strict="silent")
    ids = np.array([*curve.batch_ids, ""])
    columns = {
        "mjd_tt": (curve.mjd, u.d),
        "ijd_tt": (curve.time, u.d),
        "half_width": (curve.half_width, u.d),
        "rate": (curve.rate, unit),
        "error": (curve.error, unit),
        "total_error": (curve.columns[TOTAL_ERROR], unit),
        "fracexp": (curve.fracexp, None),
        "cut_at_batch_edge": (curve.flags & CUT_AT_BATCH_EDGE > 0, None),
        "low_exposure": (curve.flags & LOW_EXPOSURE > 0, None),
        "batch": (ids[curve.batch], None),
    }
    for name, values in curve.columns.items():
        columns.setdefault(name.lower(), (values, None))
    meta = {key.lower(): value for key, (value, _) in facts(curve).items()}
    times = {"timesys": "TT", "time": "middle of the bin", "job_ids": " ".join(curve.provenance.job_ids)}
    return Table([Column(values, name, unit=of) for name, (values, of) in columns.items()], meta=meta | times)


def _ecsv(curve: LightCurve) -> str:
    text = io.StringIO()
    light_curve_table(curve).write(text, format="ascii.ecsv")
    return text.getvalue()


def _csv(curve: LightCurve) -> str:
    """Units in the column names; source and origin on every line; what is not known is empty."""
    table = light_curve_table(curve)
    units = [{"": "", "d": "_d"}.get(str(table[name].unit or ""), f"[{curve.unit}]") for name in table.colnames]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*(csv_cell(f"{name}{unit}") for name, unit in zip(table.colnames, units, strict=True)), "source", "origin"))
    words = (csv_cell(curve.source), csv_cell(curve.provenance.origin))
    for row in zip(*(table[name].tolist() for name in table.colnames), strict=True):
        writer.writerow((*(_cell(value) for value in row), *words))
    return text.getvalue()


def _cell(value: Any) -> Any:
    return csv_cell(value) if isinstance(value, str) else "" if value != value else value


def _votable(curve: LightCurve) -> str:
    table = light_curve_table(curve)
    infos = table.meta | {"rate_unit": curve.unit}
    table.meta = {}
    for column in table.itercols():
        if isinstance(column.unit, u.UnrecognizedUnit):
            column.description, column.unit = f"in {column.unit}", None
    document = from_table(table)
    document.description = f"Light curve of {curve.source}; times are days (TT), middle of the bin."
    document.infos.extend(Info(name=key, value=str(value)) for key, value in infos.items())
    content = io.BytesIO()
    document.to_xml(content)
    return content.getvalue().decode()


FORMS: Mapping[str, Callable[[LightCurve], str]] = {".ecsv": _ecsv, ".csv": _csv, ".vot": _votable}
"""Suffix to the function that gives the text."""
