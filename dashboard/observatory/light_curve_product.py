"""Light curves as the dispatcher sends them: one product a source."""

from __future__ import annotations

import json
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dashboard.observatory import isgri, jemx_channels, table
from dashboard.observatory.camera import Jemx
from dashboard.observatory.light_curve import Curve
from dashboard.observatory.mosaic_product import CREATOR, DATE, ORIGIN, data_unit
from dashboard.observatory.view import View

Array = NDArray[np.float64]
_BACKGROUND: Final = 7.5  # cts/s of JEM-X in 3.04-34.88 keV, as in published light curves
_SIMULATED: Final = "Simulated: not INTEGRAL data"
_TIME: Final = {"MJDREF": 51544.0, "TIMESYS": "TT", "TIMEUNIT": "d", "TIMEREF": "LOCAL"}
_FLAGS: Final = {"BACKAPP": True, "DEADAPP": True, "VIGNAPP": True}


def data_product(curve: Curve, view: View, e1: float, e2: float, time_bin: float, seed: int) -> dict[str, Any]:
    """The light curve of one source: HDUs in JSON form and what the dispatcher says of them."""
    camera = view.camera
    units = _jemx_units(curve, view, camera, e1, e2, time_bin) if isinstance(camera, Jemx) else _isgri_units(curve, view, e1, e2, time_bin)
    for unit in units:
        unit["header"] |= {"ORIGIN": ORIGIN, "SIMSEED": seed, "COMMENT": _SIMULATED}
    meta = {"src_name": curve.entry.name, "time_bin": time_bin / 86400.0, "time": "TIME", "rate": "RATE", "rate_err": "ERROR"}
    return {"data_unit_list": units, "name": f"{camera.instrument}_lc", "meta_data": json.dumps(meta)}


def _primary() -> dict[str, Any]:
    return data_unit("PRIMARY", {"SIMPLE": True, "BITPIX": 8, "NAXIS": 0, "EXTEND": True, "EXTNAME": "PRIMARY"}, None, "primary")


def _isgri_units(curve: Curve, view: View, e1: float, e2: float, time_bin: float) -> list[dict[str, Any]]:
    density = view.camera.variance_density(e1, e2)
    counts = (curve.coding * curve.rate + density) * curve.seconds
    columns = [
        table.column("TIME", "1D", curve.time, "d"),
        table.column("TOT_COUNTS", "1E", counts, "count/s"),  # with the unit that OSA gives these counts
        table.column("BACKV", "1E", np.full_like(counts, density), "count/s"),
        table.column("BACKE", "1E", np.sqrt(density / curve.seconds), "count/s"),
        table.column("RATE", "1E", curve.rate, "count/s"),
        table.column("ERROR", "1E", curve.error, "count/s"),
        table.column("FRACEXP", "1E", curve.fraction),
        table.column("XAX_E", "1E", curve.width / 2),
    ]
    header = {
        **{"EXTREL": "7.9.4", "BASETYPE": "DAL_TABLE", "TELESCOP": "INTEGRAL", "INSTRUME": "IBIS", "DETNAM": "ISGRI", "ISDCLEVL": "LCR"},
        **{"CREATOR": CREATOR, "CONFIGUR": "simulated", "DATE": DATE, **_TIME, **_window(curve, view), "SWBOUND": "String"},
        **{"TFIRST": float(curve.time[0] - curve.width[0] / 2), "TLAST": float(curve.time[-1] + curve.width[-1] / 2)},
        **{"ONTIME": float(curve.width.sum() * 86400.0), "DEADC": isgri.LIVE, "EXPOSURE": float(curve.seconds.sum())},
        **{"EXP_SRC": float((curve.seconds * curve.coding).sum()), "RADECSYS": "FK5", "EQUINOX": 2000.0, "TIERRELA": 0.0},
        **{"TIERABSO": 0.0, "CHANTYPE": "PI", "E_MIN": e1, "E_MAX": e2, "EUNIT": "keV", **_source(curve), **_detector(curve, view)},
        **{"FITTYPE": 6, "OFFCORR": "rebinned_corr_lcr.fits", "BKGPARAM": "rebinned_back_lcr.fits", "VIGNET": 1.0, **_mean(curve)},
        **{**_FLAGS, "BANDTYPE": "ENERGY", "TIMEDEL": time_bin / 86400.0, "TIMEPIXR": 0.5, "GRPID1": 1, "STAMP": f"{DATE} {CREATOR}"},
    }
    return [_primary(), data_unit("ISGR-SRC.-LCR", *table.stored("ISGR-SRC.-LCR", columns, header), "bintable")]


def _jemx_units(curve: Curve, view: View, camera: Jemx, e1: float, e2: float, time_bin: float) -> list[dict[str, Any]]:
    instrument = f"JMX{camera.unit}"
    name = f"{instrument}-SRC.-LCR"
    low, high, e_min, e_max = jemx_channels.band(e1, e2)
    background = _BACKGROUND * camera.variance_density(e_min, e_max) / camera.variance_density(3.04, 34.88)
    seen = curve.seconds > 0
    seconds = np.where(seen, curve.seconds, 1.0)
    columns = [
        table.column("TIME", "1D", curve.time, "d"),
        table.column("RATE", "1E", curve.rate, "count/s"),
        table.column("ERROR", "1E", curve.error, "count/s"),
        table.column("BRATE", "1E", np.where(seen, background, 0.0), "count/s"),
        table.column("BERROR", "1E", np.where(seen, np.sqrt(background / seconds), 0.0), "count/s"),
        table.column("BARYTIME", "1D", np.zeros_like(curve.time), "d"),
        table.column("FRACEXP", "1E", curve.fraction),
    ]
    band = {"CHANTYPE": "PI", "CHANMIN": low, "CHANMAX": high, "E_MIN": e_min, "E_MAX": e_max, "EUNIT": "keV"}
    common = {
        **{"EXTREL": "7.7", "TELESCOP": "INTEGRAL", "INSTRUME": instrument, "ISDCLEVL": "LCR", "DATE": DATE, **_TIME},
        **{"RADECSYS": "FK5", "EQUINOX": 2000.0},
    }
    off_axis = float(np.rad2deg(np.arccos(np.clip(view.axes[:, 0] @ _direction(curve), -1, 1)).mean()))
    header = {
        **{**common, "BASETYPE": "DAL_TABLE", "CREATOR": CREATOR, "CONFIGUR": "simulated", **_window(curve, view), "SWBOUND": "OTF"},
        **{"ONTIME": float((curve.fraction * curve.width).sum() * 86400.0 / camera.live), "DEADC": 1.0, "DATAMODE": "FULL"},
        **{"TIMVERS": "OGIP/93-003", "TIERRELA": 0.0, "TIERABSO": 0.0001220703125, **band, **_source(curve), "OFFANGLE": off_axis},
        **{"VIGNET": float(curve.coding.mean()), **_mean(curve), "DETSIG": _mean(curve)["SRCCNT"] / _mean(curve)["SRCCNTE"], **_FLAGS},
        **{"TIMEDEL": time_bin / 86400.0, "TIMEPIXR": 0.5, "GRPID1": 1, "STAMP": f"{DATE} {CREATOR}"},
    }
    cards, rows = table.stored(name, columns, header)
    # the dispatcher appends TIMEDEL to the rows, and leaves the header as it was
    widened = np.empty(len(rows), [*rows.dtype.descr, ("TIMEDEL", "<f8")])
    for column in rows.dtype.names:
        widened[column] = rows[column]
    widened["TIMEDEL"] = curve.width
    return [_primary(), _grouping(curve, name, common, header), data_unit(name, cards, widened, "bintable")]


def _grouping(curve: Curve, name: str, common: dict[str, Any], header: dict[str, Any]) -> dict[str, Any]:
    """The index of the one light curve; most of its cards are left as OSA's template has them."""
    columns = [
        *(table.text("MEMBER_XTENSION", 8, ["BINTABLE"]), table.text("MEMBER_NAME", 32, [name])),
        *(table.column(f"MEMBER_{key}", "1J", [at], null=0) for key, at in (("VERSION", 1), ("POSITION", 3))),
        *(table.text("MEMBER_LOCATION", 256, [""]), table.text("MEMBER_URI_TYPE", 3, [""])),
        *(table.text("SOURCEID", 16, [header["SOURCEID"]]), table.text("NAME", 20, [curve.entry.name])),
        *(
            table.column(key, "1E", [header[key]], unit)
            for key, unit in (("RA_OBJ", "deg"), ("DEC_OBJ", "deg"), ("DETSIG", None), ("OFFANGLE", "deg"))
        ),
        table.text("DATAMODE", 4, ["FULL"]),
        *(table.column(key, "1I", np.array([header[key]], np.uint16), bscale=1, bzero=32768) for key in ("CHANMIN", "CHANMAX")),
        *(table.column(key, "1E", [header[key]], "keV") for key in ("E_MIN", "E_MAX")),
    ]
    unset = {"REVOL": "Integer", **dict.fromkeys(("SWID", "SW_TYPE", "SWBOUND"), "String"), **dict.fromkeys(("TSTART", "TSTOP"), "Real")}
    cards = {"GRPNAME": f"{name}-IDX", "IDXMEMBR": name, "BASETYPE": "DAL_GROUP", "CREATOR": "String", "CONFIGUR": "String"}
    times = {"OBTSTART": "OBT_format", "OBTEND": "OBT_format"}
    return data_unit("GROUPING", *table.stored("GROUPING", columns, {**cards, **common, **unset, **times}), "bintable")


def _window(curve: Curve, view: View) -> dict[str, Any]:
    """Of the first science window; times of all."""
    start, stop = float(view.start[0]), float(view.stop[-1])
    onboard = {key: f"{int(ijd * 86400 * 2**20):020d}" for key, ijd in (("OBTSTART", start), ("OBTEND", stop))}
    window = {"REVOL": int(view.swids[0][:4]), "SWID": view.swids[0], "SW_TYPE": "POINTING"}
    return {**window, **onboard, "TSTART": start, "TSTOP": stop, "TELAPSE": (stop - start) * 86400.0}


def _source(curve: Curve) -> dict[str, Any]:
    entry = curve.entry
    return {"SOURCEID": _designation(entry.ra, entry.dec), "NAME": entry.name, "RA_OBJ": entry.ra, "DEC_OBJ": entry.dec}


def _designation(ra: float, dec: float) -> str:
    """JHHMMSS.s+DDMMSS."""
    tenths, seconds = round(ra % 360.0 / 15.0 * 36000) % 864000, round(abs(dec) * 3600)
    east = f"{tenths // 36000:02d}{tenths // 600 % 60:02d}{tenths % 600 / 10:04.1f}"
    return f"J{east}{'-' if dec < 0 else '+'}{seconds // 3600:02d}{seconds // 60 % 60:02d}{seconds % 60:02d}"


def _direction(curve: Curve) -> Array:
    return isgri.unit_vectors(curve.entry.ra, curve.entry.dec)


def _detector(curve: Curve, view: View) -> dict[str, float]:
    """Where the source's axis meets the detector in the first science window: 7.25 pixels a degree from the middle of 130 by 134."""
    x, y, z = view.axes[0] @ _direction(curve)
    return {"Y_FIN": float(65.0 + 7.25 * np.rad2deg(np.arctan2(y, x))), "Z_FIN": float(67.0 + 7.25 * np.rad2deg(np.arctan2(z, x)))}


def _mean(curve: Curve) -> dict[str, float]:
    """Mean rate and its error, with inverse variances as weights."""
    good = curve.error > 0
    weight = 1.0 / curve.error[good] ** 2
    return {"SRCCNT": float((weight * curve.rate[good]).sum() / weight.sum()), "SRCCNTE": float(weight.sum() ** -0.5)}
