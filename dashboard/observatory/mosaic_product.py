"""A mosaic as the dispatcher sends it: HDUs in JSON, arrays as base64 of pickles, and the catalogue of sources above threshold."""

from __future__ import annotations

import base64
import json
import pickle
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dashboard.observatory import chance, sky, table
from dashboard.observatory.calibration import OSA11
from dashboard.observatory.image import Grid, Image
from dashboard.observatory.isgri import LIVE, PSF_SIGMA
from dashboard.observatory.orbit import iso_of_ijd
from dashboard.observatory.pointings import history
from dashboard.observatory.sources import SOURCES

CREATOR: Final = "simulated observatory 1"
ORIGIN: Final = "SIMULATED"
DATE: Final = "2025-03-01T00:00:00"
UNITS: Final = {"INTENSITY": "counts/sec", "VARIANCE": "(counts/sec)**2", "SIGNIFICANCE": "no units", "EXPOSURE": "sec"}
_TIMES: Final = {"TFIRST": "d", "TLAST": "d", "TELAPSE": "s", "ONTIME": "s"}
_COMMON: Final = {
    **{"TELESCOP": "INTEGRAL", "ORIGIN": ORIGIN, "INSTRUME": "IBIS", "DETNAM": "ISGRI", "ISDCLEVL": "IMA", "CREATOR": CREATOR},
    **{"CONFIGUR": "simulated", "DATE": DATE, "MJDREF": 51544.0, "TIMESYS": "TT", "TIMEUNIT": "d", "TIMEREF": "LOCAL"},
}


def data_unit(name: str, header: dict[str, Any], data: NDArray[Any] | None, kind: str) -> dict[str, Any]:
    """One HDU as oda-api's NumpyDataUnit encodes it."""
    binary = None if data is None else base64.b64encode(pickle.dumps(data, protocol=4)).decode()
    dtype = None if data is None else str(data.dtype) if data.dtype.names else data.dtype.str
    return {
        "data": None,
        "dt": dtype,
        "name": name,
        "header": header,
        "binarys": binary,
        "meta_data": {},
        "hdu_type": kind,
        "units_dict": None,
    }


def data_product(units: list[dict[str, Any]], instrument: str = "isgri") -> dict[str, Any]:
    """The list of HDUs as a dispatcher's product."""
    meta = {"product": "mosaic", "instrument": instrument, "src_name": "", "query_parameters": None}
    return {"data_unit_list": units, "name": "mosaic_image", "meta_data": json.dumps(meta)}


def mosaic_units(image: Image, e1: float, e2: float, seed: int) -> list[dict[str, Any]]:
    """PRIMARY, GROUPING and the four maps, in OSA's order."""
    rows = image.field.rows
    past = history()
    start, stop, elapsed = float(past.tstart[rows].min()), float(past.tstop[rows].max()), float(past.telapse[rows].sum())
    dates = {"DATE-OBS": iso_of_ijd(start, "seconds"), "DATE-END": iso_of_ijd(stop, "seconds"), "TSTART": start, "TSTOP": stop}
    times = {"TFIRST": start, "TLAST": stop, "TELAPSE": elapsed, "ONTIME": elapsed}
    band = {"CHANMIN": int(e1), "CHANMAX": int(e2), "E_MIN": e1, "E_MEAN": (e1 + e2) / 2, "E_MAX": e2}
    primary = {"SIMPLE": True, "BITPIX": 8, "NAXIS": 0, "EXTEND": True, "EXTNAME": "PRIMARY", "ORIGIN": ORIGIN, "SIMSEED": seed}
    primary["COMMENT"] = "Simulated: not INTEGRAL data"
    units = [data_unit("PRIMARY", primary, None, "primary"), _grouping(times, band, dates, seed)]
    maps = {"INTENSITY": image.intensity, "VARIANCE": image.variance, "SIGNIFICANCE": image.significance, "EXPOSURE": image.exposure}
    for version, (kind, pixels) in enumerate(maps.items(), start=1):
        header = {
            **{
                "XTENSION": "IMAGE",
                "BITPIX": -32,
                "NAXIS": 2,
                "NAXIS1": pixels.shape[1],
                "NAXIS2": pixels.shape[0],
                "PCOUNT": 0,
                "GCOUNT": 1,
            },
            **{"EXTNAME": "ISGR-MOSA-IMA", "EXTREL": "7.4", "BASETYPE": "DAL_ARRAY", **_COMMON, "OGID": "String", **dates, **times},
            **{"DEADC": LIVE, "BUNIT": UNITS[kind], **wcs(image.grid), "HDUCLASS": "OGIP", "HDUDOC": "ISDC-IBIS ICD", "HDUVERS": "1.1.0"},
            **{"HDUCLAS1": "IMAGE", "CHANTYPE": "PI", **band, "IMATYPE": kind, "MOSASPR": 1, "EXTVER": version, "GRPID1": 1},
            **{"STAMP": f"{DATE} {CREATOR}", "SIMSEED": seed, "COMMENT": "Simulated: not INTEGRAL data"},
        }
        units.append(data_unit("ISGR-MOSA-IMA", header, pixels.astype(">f4"), "image"))
    return units


def empty_units(seed: int) -> list[dict[str, Any]]:
    """The placeholder for "no result": a map of 100 by 100 zeros."""
    primary = {"SIMPLE": True, "BITPIX": 8, "NAXIS": 0, "EXTEND": True, "ORIGIN": ORIGIN, "SIMSEED": seed}
    header = {"XTENSION": "IMAGE", "BITPIX": -32, "NAXIS": 2, "NAXIS1": 100, "NAXIS2": 100, "PCOUNT": 0, "GCOUNT": 1, "ORIGIN": ORIGIN}
    return [data_unit("PRIMARY", primary, None, "primary"), data_unit("image", header, np.zeros((100, 100), ">f4"), "image")]


def wcs(grid: Grid) -> dict[str, Any]:
    """The cards of a grid's projection."""
    axis1 = {"CTYPE1": "RA---TAN", "CRPIX1": grid.half_x + 1.0, "CRVAL1": grid.ra, "CUNIT1": "deg"}
    axis2 = {"CTYPE2": "DEC--TAN", "CRPIX2": grid.half_y + 1.0, "CRVAL2": grid.dec, "CUNIT2": "deg"}
    matrix = {"CD1_1": -grid.pixel, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": grid.pixel, "LONGPOLE": 180, "LATPOLE": 0}
    return {**axis1, **axis2, **matrix, "RADECSYS": "FK5", "EQUINOX": 2000.0}


def _grouping(times: dict[str, float], band: dict[str, Any], dates: dict[str, Any], seed: int) -> dict[str, Any]:
    """The index of the maps."""
    count = len(UNITS)

    columns = [
        *members("ISGR-MOSA-IMA", count),
        table.text("IMATYPE", 32, list(UNITS)),
        *(table.column(n, "1I", np.full(count, band[n], np.uint16), bscale=1, bzero=32768) for n in ("CHANMIN", "CHANMAX")),
        *(table.column(name, "1E", np.full(count, band[name]), "keV") for name in ("E_MIN", "E_MEAN", "E_MAX")),
        *(table.column(name, "1D", np.full(count, times[name]), unit) for name, unit in _TIMES.items()),
    ]
    index = {"GRPNAME": "ISGR-MOSA-IMA-IDX", "GRPID1": -1, "GRPLC1": "ogg.fits", "IDXMEMBR": "ISGR-MOSA-IMA", "EXTREL": "7.2"}
    header = {**index, "BASETYPE": "DAL_GROUP", **_COMMON, **dates, "STAMP": f"{DATE} {CREATOR}", "SIMSEED": seed}
    return data_unit("GROUPING", *table.stored("GROUPING", columns, header), "bintable")


def members(name: str, count: int) -> list[Any]:
    """The columns of a GROUPING table that say where its members are: `count` images of one name that follow it."""
    number = np.arange(1, count + 1)
    return [
        *(table.text("MEMBER_XTENSION", 8, ["IMAGE"] * count), table.text("MEMBER_NAME", 32, [name] * count)),
        *(table.column("MEMBER_VERSION", "1J", number, null=0), table.column("MEMBER_POSITION", "1J", number + 2, null=0)),
        *(table.text("MEMBER_LOCATION", 256, [""] * count), table.text("MEMBER_URI_TYPE", 3, [""] * count)),
    ]


_COLUMNS: Final = {
    **{"meta_ID": "<i8", "src_names": "<U18", "significance": ">f4", "ra": ">f4", "dec": ">f4"},
    **{"NEW_SOURCE": ">i2", "ISGRI_FLAG": "<i8", "FLAG": "<i8", "ERR_RAD": "<f8"},
}


def catalogue(image: Image, e1: float, e2: float, threshold: float, seed: int, osa_version: str = OSA11) -> dict[str, Any]:
    """Sources whose significance in this mosaic reaches the threshold, brightest first.

    Significance is the true flux over its error plus the noise at the source's pixel; positions are off by sigma_psf over it.
    """
    field, grid = image.field, image.grid
    fluxes, variances = field.source_means(e1, e2, osa_version)
    x, y = grid.project(sky.DIRECTIONS[field.sources])
    column, row = np.rint(x).astype(int) + grid.half_x, np.rint(y).astype(int) + grid.half_y
    noise = image.noise[np.clip(row, 0, grid.shape[0] - 1), np.clip(column, 0, grid.shape[1] - 1)]
    significance = (fluxes + noise) / np.sqrt(variances)
    rows: list[tuple[Any, ...]] = []
    for i in np.argsort(-significance):
        if significance[i] < threshold:
            break
        source = SOURCES[field.sources[i]]
        sigma = PSF_SIGMA / float(significance[i])
        shift = sigma * chance.generator("position", source.name, e1, e2, seed, *field.swids).standard_normal(2)
        ra, dec = (source.ra + shift[0] / np.cos(np.deg2rad(source.dec))) % 360.0, source.dec + shift[1]
        unknown = sum(name.startswith("NEW_") for _, name, *_ in rows)
        name = source.name if source.catalogued else f"NEW_{unknown + 1}"
        new, error = (-32768, 0.00028) if source.catalogued else (1, 2.15 * sigma)
        rows.append((int(field.sources[i]), name, float(significance[i]), float(ra), float(dec), new, source.flag, 0, error))
    return catalogue_json(rows)


def catalogue_json(rows: list[tuple[Any, ...]], columns: Mapping[str, str] = _COLUMNS) -> dict[str, Any]:
    """The table as the dispatcher writes it; rows in the order of its columns."""
    lists = [list(values) for values in zip(*rows, strict=True)] if rows else [[] for _ in columns]
    return {
        **{"cat_frame": "fk5", "cat_coord_units": "deg", "cat_column_list": lists, "cat_column_names": list(columns)},
        **{"cat_column_descr": [list(pair) for pair in columns.items()], "cat_lat_name": "dec", "cat_lon_name": "ra"},
    }
