"""Spectra as the dispatcher sends them: for each source [spectrum, ARF, RMF], each a list of HDUs in JSON.

As in real products: the responses repeat for each source; ISGRI's tables name no units, its files of OSA11 have EBOUNDS before a
matrix of variable length, those of OSA10 a GROUPING table and a dense matrix before them; JEM-X counts channels of spectrum and matrix
from 1 but those of EBOUNDS from 0, and adds two more areas. Channels without data: the first of OSA10 (rate and error 0, QUALITY 3)
and those above 850 keV of OSA11 (NaN, QUALITY 3).
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from dashboard.observatory import spectrum, table
from dashboard.observatory.camera import Camera
from dashboard.observatory.extraction import Extraction
from dashboard.observatory.mosaic_product import CREATOR, DATE, ORIGIN, data_unit
from dashboard.observatory.orbit import iso_of_ijd
from dashboard.observatory.response import Response
from dashboard.observatory.spectrum import Spectrum
from dashboard.observatory.view import View

if TYPE_CHECKING:
    from astropy.io.fits import FITS_rec

Unit = dict[str, Any]
Header = dict[str, Any]
Columns = dict[str, tuple[str, str, Any]]  # name: (FITS format, unit, values)
_NO_DATA: Final = 850.0  # keV
_STAMP: Final = {"CREATOR": CREATOR, "CONFIGUR": "simulated", "DATE": DATE, "STAMP": f"{DATE} {CREATOR}"}
_CLOCK: Final = {"MJDREF": 51544.0, "TIMESYS": "TT", "TIMEUNIT": "d", "TIMEREF": "LOCAL"}
_TABLE: Final = {"EXTREL": "10.4", "BASETYPE": "DAL_TABLE", "TELESCOP": "INTEGRAL", "ORIGIN": ORIGIN}


def products(view: View, extraction: Extraction, seed: int) -> list[dict[str, Any]]:
    """All products of a query.

    Raises
    ------
    MixedResponses
        When science windows of ISGRI do not share one response.
    """
    camera, revolutions, listed = view.camera, sorted({int(swid[:4]) for swid in view.swids}), []
    area = _area(camera, spectrum.area(view), seed)
    for one in spectrum.spectra(view, extraction, seed):
        times = {"TSTART": one.start, "TSTOP": one.stop}
        content = {
            "spectrum": [_primary(seed), _spectrum(camera, one, revolutions, seed)],
            "arf": [_primary(seed), {**area, "header": area["header"] | times}],
            "rmf": _matrix(camera, seed),
        }
        for kind, units in content.items():
            meta = json.dumps({"src_name": one.entry.name, "product": f"{camera.instrument}_{kind}"})
            listed.append({"data_unit_list": units, "name": "", "meta_data": meta})
    return listed


def _primary(seed: int) -> Unit:
    header = {"SIMPLE": True, "BITPIX": 8, "NAXIS": 0, "EXTEND": True, "EXTNAME": "PRIMARY", "ORIGIN": ORIGIN, "SIMSEED": seed}
    return data_unit("PRIMARY", header | {"COMMENT": "Simulated: not INTEGRAL data"}, None, "primary")


@lru_cache(maxsize=8)
def _blank(camera: Camera) -> tuple[Header, FITS_rec]:
    """Layout and rows of a spectrum of zeros, to be copied and filled."""
    isgri, found = camera.instrument == "isgri", spectrum.of_camera(camera)
    count, first, real = len(found.density), 0 if isgri else 1, "1E" if isgri else "1D"
    dead = isgri & ((np.arange(count) == 0) if count == 62 else found.channels[:-1] > _NO_DATA)
    zeros = np.zeros(count)
    values = {"RATE": (real, "count/s", zeros), "SYS_ERR": (real, "", zeros), "STAT_ERR": (real, "count/s", zeros)}
    order = ("RATE", "SYS_ERR", "STAT_ERR") if isgri else ("RATE", "STAT_ERR", "SYS_ERR")
    columns: Columns = {"CHANNEL": ("1I", "", np.arange(first, first + count)), **{name: values[name] for name in order}}
    columns |= {"QUALITY": ("1I", "", np.where(dead, 3, 0)), "GROUPING": ("1I", "", zeros + 1)}
    return _rows(_spectrum_name(camera), columns, not isgri)


def _spectrum_name(camera: Camera) -> str:
    return "ISGR-EVTS-SPE" if camera.instrument == "isgri" else f"JMX{camera.name[-1]}-PHA1-SPE"


def _spectrum(camera: Camera, one: Spectrum, revolutions: list[int], seed: int) -> Unit:
    isgri, name = camera.instrument == "isgri", _spectrum_name(camera)
    layout, blank = _blank(camera)
    rows = blank.copy()
    fields = rows.view(np.ndarray)
    count, first = len(rows), int(fields["CHANNEL"][0])
    for column, values in (("RATE", one.rate), ("STAT_ERR", one.error)):
        fields[column] = np.where(fields["QUALITY"] == 0, values, 0.0 if count == 62 else np.nan)
    where = {"RADECSYS": "FK5", "EQUINOX": 2000.0, "RA_OBJ": one.entry.ra, "DEC_OBJ": one.entry.dec}
    kept = {"EXPOSURE": one.exposure, "EXP_SRC": one.coded, "ONTIME": one.elapsed, "TELAPSE": one.elapsed, "DEADC": camera.live}
    files = dict.fromkeys(("BACKFILE", "CORRFILE", "RESPFILE", "ANCRFILE"), "NONE")
    span = {"REVOL": revolutions[0]} if len(revolutions) == 1 else {"REVOLS": ",".join(map(str, revolutions))}
    header = {
        **{"EXTNAME": name, **_TABLE, **_instrument(camera), "ISDCLEVL": "SPE", **_STAMP, **_CLOCK, **span},
        **{"TSTART": one.start, "TSTOP": one.stop, "TFIRST": one.start, "TLAST": one.stop, **kept, **where, "NAME": one.entry.name},
        **{"SOURCEID": _source_id(one.entry.ra, one.entry.dec), "SW_TYPE": "POINTING", "CHANTYPE": "PI", "DETCHANS": count},
        **{"HDUCLASS": "OGIP", "HDUCLAS1": "SPECTRUM", "HDUCLAS2": "TOTAL" if isgri else "NET", "HDUCLAS3": "RATE"},
        **{"HDUVERS": "1.2.1", "AREASCAL": 1.0, "BACKSCAL": 1.0, "CORRSCAL": 0.0, **files, "FILTER": "none"},
        **{"TLMIN1": first, "TLMAX1": first + count - 1, "EXTVER": 1},
    }
    if not isgri:
        header |= {"DATE-OBS": iso_of_ijd(one.start, "seconds"), "DATE-END": iso_of_ijd(one.stop, "seconds"), "POISSERR": False}
    return _unit(name, {**layout, **header}, rows, seed)


def _area(camera: Camera, area: NDArray[np.float64], seed: int) -> Unit:
    name = "ISGR-ARF.-RSP" if camera.instrument == "isgri" else "SPECRESP"
    head = {"EXTNAME": name, **_TABLE, **_instrument(camera), **_STAMP, **_CLOCK, **_class("SPECRESP"), "EXTVER": 1}
    return _table("SPECRESP", _energies(spectrum.of_camera(camera)) | {"SPECRESP": ("1E", "cm**2", area)}, head, seed)


@lru_cache(maxsize=16)
def _matrix(camera: Camera, seed: int) -> list[Unit]:
    """The redistribution: the same for all sources and times, so encoded once."""
    found, isgri = spectrum.of_camera(camera), camera.instrument == "isgri"
    count, rows = len(found.density), len(found.area)
    ragged = isgri and count == 256
    first, filled = found.groups if ragged else (np.full(rows, 0 if isgri else 1), np.full(rows, count))
    if ragged:
        matrix = np.empty(rows, object)
        matrix[:] = [row[a : a + n].astype(">f4") for row, a, n in zip(found.matrix, first, filled, strict=True)]
    columns = _energies(found) | {
        **{"N_GRP": ("1I", "", np.minimum(filled, 1)), "F_CHAN": ("1I", "", first), "N_CHAN": ("1I", "", filled)},
        "MATRIX": (f"PE({filled.max()})", "", matrix) if ragged else (f"{count}E", "", found.matrix),
    }
    lowest, highest = (0, count - 1) if isgri else (1, count)
    common = {**_TABLE, **_instrument(camera), **_STAMP, "CHANTYPE": "PI", "DETCHANS": count, "EFFAREA": 1.0, "RMFVERSN": "1992a"}
    head = {"EXTNAME": "ISGR-RMF.-RSP" if isgri else "SPECRESP MATRIX", **common, **_class("RSP_MATRIX"), "HDUCLAS3": "", "EXTVER": 1}
    head |= {"TLMIN4": lowest, "TLMAX4": highest, "NUMGRP": int(np.minimum(filled, 1).sum()), "NUMELT": int(filled.sum()), "LO_THRES": 0.0}
    units = {"SPECRESP MATRIX": _table("SPECRESP MATRIX", columns, head, seed)}
    bounds: Columns = {
        "CHANNEL": ("1J", "", np.arange(count)),
        **{"E_MIN": ("1E", "keV", found.channels[:-1]), "E_MAX": ("1E", "keV", found.channels[1:])},
    }
    head = {"EXTNAME": "ISGR-EBDS-MOD" if isgri else "EBOUNDS", **common, **_class("EBOUNDS"), "EXTVER": 1}
    units["EBOUNDS"] = _table("EBOUNDS", bounds, head | {"TLMIN1": 0, "TLMAX1": count - 1}, seed)
    if ragged:
        return [_primary(seed), units["EBOUNDS"], units["SPECRESP MATRIX"]]
    if not isgri:
        for name, share in ((f"JMX{camera.name[-1]}-AXIS-ARF", 1.0), (f"JMX{camera.name[-1]}-IMAG-ARF", 1.0 / 3.0)):
            extra: Columns = _energies(found) | {"SPECRESP": ("1E", "dm**2", share * found.area)}
            units[name] = _table(name, extra, {"EXTNAME": name, **_TABLE, **_instrument(camera), **_STAMP, **_class("SPECRESP")}, seed)
    return [_primary(seed), _grouping(camera, [str(unit["header"]["EXTNAME"]) for unit in units.values()], seed), *units.values()]


def _energies(found: Response) -> Columns:
    return {"ENERG_LO": ("1E", "keV", found.energies[:-1]), "ENERG_HI": ("1E", "keV", found.energies[1:])}


def _class(kind: str) -> Header:
    return {"HDUCLASS": "OGIP", "HDUCLAS1": "RESPONSE", "HDUCLAS2": kind, "HDUVERS": "1.3.0"}


def _instrument(camera: Camera) -> Header:
    return {"INSTRUME": "IBIS", "DETNAM": "ISGRI"} if camera.instrument == "isgri" else {"INSTRUME": f"JMX{camera.name[-1]}"}


def _grouping(camera: Camera, members: list[str], seed: int) -> Unit:
    group = "ISGR-RMF.-GRP" if camera.instrument == "isgri" else f"JMX{camera.name[-1]}-RMF.-GRP"
    count = len(members)
    columns: Columns = {
        **{"MEMBER_XTENSION": ("8A", "", ["BINTABLE"] * count), "MEMBER_NAME": ("32A", "", members)},
        **{"MEMBER_VERSION": ("1J", "", np.ones(count)), "MEMBER_POSITION": ("1J", "", np.arange(3, 3 + count))},
        **{"MEMBER_LOCATION": ("256A", "", [""] * count), "MEMBER_URI_TYPE": ("3A", "", [""] * count)},
    }
    head = {
        **_TABLE,
        **_instrument(camera),
        **_STAMP,
        **_CLOCK,
        "EXTNAME": "GROUPING",
        "BASETYPE": "DAL_GROUP",
        "GRPNAME": group,
        "EXTVER": 1,
    }
    return _table("GROUPING", columns, head, seed)


def _source_id(ra: float, dec: float) -> str:
    """JHHMMSS.s+DDMMSS."""
    tenths, seconds = round(ra % 360.0 / 15.0 * 36000.0) % 864000, round(abs(dec) * 3600.0)
    hours = f"{tenths // 36000:02d}{tenths // 600 % 60:02d}{tenths % 600 / 10:04.1f}"
    return f"J{hours}{'-' if dec < 0 else '+'}{seconds // 3600:02d}{seconds // 60 % 60:02d}{seconds % 60:02d}"


def _table(name: str, columns: Columns, header: Header, seed: int) -> Unit:
    layout, rows = _rows(name, columns, header["INSTRUME"] != "IBIS")
    return _unit(name, {**layout, **header}, rows, seed)


def _rows(name: str, columns: Columns, units: bool) -> tuple[Header, FITS_rec]:
    made = [table.column(key, form, values, unit if unit and units else None) for key, (form, unit, values) in columns.items()]
    layout, rows = table.stored(name, made, {})
    if "PE" in columns.get("MATRIX", ("",))[0]:
        rows["MATRIX"]  # a pickle holds columns of variable length only once they were read
    return layout, rows


def _unit(name: str, header: Header, rows: FITS_rec, seed: int) -> Unit:
    return data_unit(name, {**header, "SIMSEED": seed, "COMMENT": "Simulated: not INTEGRAL data"}, rows, "bintable")
