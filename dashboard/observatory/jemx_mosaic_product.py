"""A mosaic of JEM-X as the dispatcher sends it, and its catalogue."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dashboard.observatory import chance, sky, table
from dashboard.observatory.jemx import PSF_SIGMA
from dashboard.observatory.jemx_image import Image
from dashboard.observatory.mosaic_product import CREATOR, DATE, ORIGIN, catalogue_json, data_unit, members, wcs
from dashboard.observatory.sources import SOURCES

UNITS: Final = {
    **{"RECONSTRUCTED": "counts/cm2/s", "VARIANCE": "counts2/cm4/s2", "SIGNIFICANCE": "None"},
    **{"EXPOSURE": "second", "OBS_TIME": "second"},
}
_WITHOUT_BAND: Final = "OBS_TIME"
_COLUMNS: Final = {
    **{"meta_ID": "<i8", "src_names": "|S20", "significance": "<f4", "ra": "<f4", "dec": "<f4"},
    **{"FLAG": "<i8", "ERR_RAD": "<f8"},
}
_ERR_RAD: Final = 0.05  # degrees


def mosaic_units(image: Image, seed: int) -> list[dict[str, Any]]:
    """PRIMARY, GROUPING and the five maps, in OSA's order; template text where OSA leaves it."""
    view, (low, high, e_min, e_max) = image.view, image.band
    instrument = view.camera.name.replace("jemx", "JMX")
    name = f"{instrument}-MOSA-IMA"
    times = {"TSTART": float(view.start.min()), "TSTOP": float(view.stop.max())}
    onboard = {"OBTSTART": "OBT_format", "OBTEND": "OBT_format"}
    band = {"CHANMIN": low, "CHANMAX": high, "EVNTYPES": 0, "E_MIN": e_min, "E_MEAN": (e_min + e_max) / 2, "E_MAX": e_max}
    unset = {**dict.fromkeys(("CHANMIN", "CHANMAX", "EVNTYPES"), "Integer"), **dict.fromkeys(("E_MIN", "E_MEAN", "E_MAX"), "Real")}
    common = {"TELESCOP": "INTEGRAL", "ORIGIN": ORIGIN, "INSTRUME": instrument, "ISDCLEVL": "IMA2"}
    primary = {"SIMPLE": True, "BITPIX": 8, "NAXIS": 0, "EXTEND": True, "ORIGIN": ORIGIN, "SIMSEED": seed}
    units = [data_unit("PRIMARY", {**primary, "COMMENT": "Simulated: not INTEGRAL data"}, None, "primary")]
    units.append(_grouping(name, common, band, times, onboard))
    with np.errstate(invalid="ignore"):
        significance = image.intensity / np.sqrt(image.variance)
    maps: list[NDArray[Any]] = [image.intensity, image.variance, significance, image.exposure, image.observed]
    for version, (kind, pixels) in enumerate(zip(UNITS, maps, strict=True), start=1):
        layout = {"XTENSION": "IMAGE", "BITPIX": -64, "NAXIS": 2, "NAXIS1": pixels.shape[1], "NAXIS2": pixels.shape[0]}
        header = {
            **{**layout, "PCOUNT": 0, "GCOUNT": 1, "EXTNAME": name, "EXTREL": "10.7", "BASETYPE": "DAL_ARRAY", **common},
            **{"CREATOR": CREATOR, "CONFIGUR": "simulated", "DATE": DATE, "MJDREF": 51544.0, "TIMESYS": "TT", "TIMEUNIT": "d"},
            **{"TIMEREF": "LOCAL", **onboard, **times, "TELAPSE": "Real", "BUNIT": UNITS[kind], "BSCALE": 1, "BZERO": 0},
            **{**wcs(image.grid), "OGID": "String", "DATE-OBS": "UTC_format", "DATE-END": "UTC_format", "HDUCLASS": "OGIP"},
            **{"HDUDOC": "ISDC-JEMX ADD", "HDUVERS": "1.1.0", "HDUCLAS1": "IMAGE", "CHANTYPE": "PI"},
            **{**(unset if kind == _WITHOUT_BAND else band), "IMATYPE": kind, "EXTVER": version, "GRPID1": 1},
            **({"PSFSIGMA": PSF_SIGMA} if kind != _WITHOUT_BAND else {}),
            **({"IMADESCR": "NOPIF"} if version <= 3 else {}),
            **{"STAMP": f"{DATE} {CREATOR}", "SIMSEED": seed, "COMMENT": "Simulated: not INTEGRAL data"},
        }
        units.append(data_unit(name, header, pixels.astype(">f8"), "image"))
    return units


def _grouping(name: str, common: dict[str, Any], band: dict[str, Any], times: dict[str, float], onboard: dict[str, str]) -> dict[str, Any]:
    """The index of the maps; the last one has no band."""
    count = len(UNITS)

    def in_band(key: str, none: float) -> NDArray[Any]:
        return np.array([band[key]] * (count - 1) + [none])

    columns = [
        *members(name, count),
        *(table.text(key, 20, [value] * count) for key, value in onboard.items()),
        *(table.column(key, "1D", np.full(count, value), "d") for key, value in times.items()),
        table.text("IMATYPE", 32, list(UNITS)),
        *(table.column(key, "1B", in_band(key, 255)) for key in ("CHANMIN", "CHANMAX")),
        table.column("EVNTYPES", "1I", in_band("EVNTYPES", -32768)),
        *(table.column(key, "1E", in_band(key, float("nan")), "keV") for key in ("E_MIN", "E_MEAN", "E_MAX")),
    ]
    index = {"GRPNAME": f"{name}-IDX", "IDXMEMBR": name, "EXTREL": "7.7", "BASETYPE": "DAL_GROUP", **common}
    header = {**index, "CREATOR": "String", "CONFIGUR": "String", "DATE": DATE}
    return data_unit("GROUPING", *table.stored("GROUPING", columns, header), "bintable")


def catalogue(image: Image, threshold: float, seed: int) -> dict[str, Any]:
    """Sources whose significance in this mosaic reaches the threshold, brightest first.

    As for ISGRI, without NEW_SOURCE and ISGRI_FLAG; FLAG is 0. What nobody knows is called NEW SOURCE, or NEW_1, NEW_2, ... when there
    are several.
    """
    grid, view = image.grid, image.view
    fluxes, variances = image.fluxes()
    x, y = grid.project(sky.DIRECTIONS[view.sources])
    column, row = np.rint(x).astype(int) + grid.half_x, np.rint(y).astype(int) + grid.half_y
    rows_of, columns_of = grid.shape
    inside = (row >= 0) & (row < rows_of) & (column >= 0) & (column < columns_of)
    noise = np.where(inside, image.noise[np.clip(row, 0, rows_of - 1), np.clip(column, 0, columns_of - 1)], 0.0)
    significance = np.where(inside, (fluxes + noise) / np.sqrt(variances), -np.inf)
    found = [i for i in np.argsort(-significance) if significance[i] >= threshold]
    unknown = [i for i in found if not SOURCES[view.sources[i]].catalogued]
    rows: list[tuple[Any, ...]] = []
    for number, i in enumerate(found):
        source = SOURCES[view.sources[i]]
        shift = chance.generator("position", view.camera.name, source.name, *image.band, seed, *view.swids).standard_normal(2)
        east, north = shift * PSF_SIGMA / float(significance[i])
        ra, dec = (source.ra + east / np.cos(np.deg2rad(source.dec))) % 360.0, source.dec + north
        new = "NEW SOURCE" if len(unknown) == 1 else f"NEW_{unknown.index(i) + 1}" if i in unknown else ""
        rows.append((number, source.name if source.catalogued else new, float(significance[i]), ra, dec, 0, _ERR_RAD))
    return catalogue_json(rows, _COLUMNS)


def empty_catalogue() -> dict[str, Any]:
    """That of a mosaic without result."""
    return catalogue_json([], _COLUMNS)
