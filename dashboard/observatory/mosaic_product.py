"""A mosaic as the dispatcher sends it: HDUs in JSON, arrays as base64 of pickles, and the catalogue of sources above threshold."""

from __future__ import annotations

import base64
import io
import json
import pickle
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dashboard.observatory import chance, sky
from dashboard.observatory.calibration import OSA11
from dashboard.observatory.image import Image
from dashboard.observatory.isgri import LIVE, PIXEL, PSF_SIGMA
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


def data_product(units: list[dict[str, Any]]) -> dict[str, Any]:
    """The list of HDUs as a dispatcher's product."""
    meta = {"product": "mosaic", "instrument": "isgri", "src_name": "", "query_parameters": None}
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
            **{"DEADC": LIVE, "BUNIT": UNITS[kind], **_wcs(image), "HDUCLASS": "OGIP", "HDUDOC": "ISDC-IBIS ICD", "HDUVERS": "1.1.0"},
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


def _wcs(image: Image) -> dict[str, Any]:
    grid = image.grid
    axis1 = {"CTYPE1": "RA---TAN", "CRPIX1": grid.half_x + 1.0, "CRVAL1": grid.ra, "CUNIT1": "deg"}
    axis2 = {"CTYPE2": "DEC--TAN", "CRPIX2": grid.half_y + 1.0, "CRVAL2": grid.dec, "CUNIT2": "deg"}
    matrix = {"CD1_1": -PIXEL, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": PIXEL, "LONGPOLE": 180, "LATPOLE": 0}
    return {**axis1, **axis2, **matrix, "RADECSYS": "FK5", "EQUINOX": 2000.0}


def _grouping(times: dict[str, float], band: dict[str, Any], dates: dict[str, Any], seed: int) -> dict[str, Any]:
    """The index of the maps, written and read once so that it is what a FITS file holds."""
    from astropy.io import fits

    count = len(UNITS)
    texts = {
        "MEMBER_XTENSION": (8, "IMAGE"),
        "MEMBER_NAME": (32, "ISGR-MOSA-IMA"),
        "MEMBER_LOCATION": (256, ""),
        "MEMBER_URI_TYPE": (3, ""),
    }

    def text(name: str) -> fits.Column:
        width, value = texts[name]
        return fits.Column(name, f"{width}A", array=np.full(count, value, f"S{width}"))

    def channel(name: str) -> fits.Column:
        return fits.Column(name, "1I", bscale=1, bzero=32768, array=np.full(count, band[name], np.uint16))

    columns = [
        *(text("MEMBER_XTENSION"), text("MEMBER_NAME"), fits.Column("MEMBER_VERSION", "1J", null=0, array=np.arange(1, count + 1))),
        *(fits.Column("MEMBER_POSITION", "1J", null=0, array=np.arange(3, count + 3)), text("MEMBER_LOCATION"), text("MEMBER_URI_TYPE")),
        *(fits.Column("IMATYPE", "32A", array=np.array(list(UNITS), "S32")), channel("CHANMIN"), channel("CHANMAX")),
        *(fits.Column(name, "1E", unit="keV", array=np.full(count, band[name], np.float32)) for name in ("E_MIN", "E_MEAN", "E_MAX")),
        *(fits.Column(name, "1D", unit=unit, array=np.full(count, times[name])) for name, unit in _TIMES.items()),
    ]
    table = fits.BinTableHDU.from_columns(columns, name="GROUPING")
    table.ver = 1
    extra = {"GRPNAME": "ISGR-MOSA-IMA-IDX", "GRPID1": -1, "GRPLC1": "ogg.fits", "IDXMEMBR": "ISGR-MOSA-IMA", "EXTREL": "7.2"}
    for key, value in {**extra, "BASETYPE": "DAL_GROUP", **_COMMON, **dates, "STAMP": f"{DATE} {CREATOR}", "SIMSEED": seed}.items():
        table.header[key] = value
    file = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(file)
    file.seek(0)
    with fits.open(file) as written:
        stored = written["GROUPING"]
        return data_unit("GROUPING", dict(stored.header.items()), stored.data, "bintable")


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


def catalogue_json(rows: list[tuple[Any, ...]]) -> dict[str, Any]:
    """The table as the dispatcher writes it; rows in the order of its columns."""
    lists = [list(values) for values in zip(*rows, strict=True)] if rows else [[] for _ in _COLUMNS]
    return {
        **{"cat_frame": "fk5", "cat_coord_units": "deg", "cat_column_list": lists, "cat_column_names": list(_COLUMNS)},
        **{"cat_column_descr": [list(pair) for pair in _COLUMNS.items()], "cat_lat_name": "dec", "cat_lon_name": "ra"},
    }
