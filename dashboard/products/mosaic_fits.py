"""Mosaics to and from FITS, as OSA writes them.

HDUs are chosen by IMATYPE, never by position: ISGRI's `INTENSITY` and JEM-X's `RECONSTRUCTED` are the flux. ISGRI pads
the unexposed area with zeros, JEM-X with NaN; a `Mosaic` has NaN there (and exposure 0). A file with one image and no
IMATYPE opens as significance-only. Unset header fields may hold the template text of their type ("Real",
"UTC_format"): such a value is treated as absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from dashboard.errors import EmptyProduct, ProductError
from dashboard.products.mosaic import Mosaic, Provenance
from dashboard.products.origin_cards import known_cards, origin_cards

FLUX_TYPES = ("INTENSITY", "RECONSTRUCTED")
KEPT_KEYWORDS = ("CREATOR", "MOSASPR", "OBJECT", "RA_OBJ", "DEC_OBJ", "DEADC", "RESAMPLE", "SYSFRAC")
_DETECTORS = {
    "isgri": ("IBIS", "ISGRI", "ISGR"),
    "jemx1": ("JMX1", "JEMX1", "JMX1"),
    "jemx2": ("JMX2", "JEMX2", "JMX2"),
    "jemx": ("JEMX", "JMX1+JMX2", "JEMX"),
}
"""INSTRUME, DETNAM and the beginning of EXTNAME; "jemx" is the mean of both units."""
_WCS_KEYWORDS = (
    *("CTYPE1", "CTYPE2", "CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2", "CUNIT1", "CUNIT2", "LONPOLE", "LATPOLE"),
    *("CD1_1", "CD1_2", "CD2_1", "CD2_2", "PC1_1", "PC1_2", "PC2_1", "PC2_2", "CDELT1", "CDELT2", "EQUINOX"),
)


def celestial_wcs(header: Mapping[str, Any]) -> WCS:
    """WCS of an image header from its celestial cards alone.

    Dates and other cards are left out: real headers hold `DATE-OBS = 'UTC_format'` and the deprecated RADECSYS.
    A CD matrix excludes CDELT (FITS standard 4.0, section 8.1).
    """
    cards = {key: header[key] for key in _WCS_KEYWORDS if key in header}
    if "CTYPE1" not in cards or "CRVAL1" not in cards:
        raise ProductError("The image has no celestial coordinates (CTYPE1, CRVAL1): it cannot be placed on the sky.")
    if "CD1_1" in cards:
        cards.pop("CDELT1", None)
        cards.pop("CDELT2", None)
    cards["RADESYS"] = str(header.get("RADESYS", header.get("RADECSYS", "FK5"))).strip() or "FK5"
    return WCS(fits.Header(cards), naxis=2)


def _number(header: Mapping[str, Any], *keys: str) -> float:
    """First of the keys that holds a number, else NaN."""
    for key in keys:
        value = header.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    return float("nan")


def _instrument(header: Mapping[str, Any]) -> str:
    name = f"{header.get('INSTRUME', '')} {header.get('DETNAM', '')} {header.get('EXTNAME', '')}".upper()
    for token, instrument in (("JMX1+JMX2", "jemx"), ("JMX1", "jemx1"), ("JMX2", "jemx2"), ("IBIS", "isgri"), ("ISGR", "isgri")):
        if token in name:
            return instrument
    return ""


def _words(header: Mapping[str, Any], key: str) -> tuple[str, ...]:
    return tuple(str(header.get(key, "")).split())


def _provenance(header: Mapping[str, Any], tables: Mapping[str, fits.BinTableHDU]) -> Provenance:
    def column(name: str) -> tuple[str, ...]:
        hdu = tables.get("BATCHES" if name == "JOB_ID" else "SCW")
        return tuple(str(value).strip() for value in hdu.data[name]) if hdu is not None else ()

    seed = header.get("SIMSEED")
    return Provenance(
        origin=str(header.get("ORIGIN", "")).strip(),
        host=str(header.get("MMODAHST", "")),
        osa_version=str(header.get("OSAVERS", "")),
        data_version=str(header.get("DATAVERS", "")),
        job_ids=column("JOB_ID"),
        scw=column("SWID"),
        batches_used=int(header.get("NBATUSED", 1)),
        batches_asked=int(header.get("NBATASK", 1)),
        seed=int(seed) if isinstance(seed, int) else None,
    )


def mosaic_from_hdulist(hdus: fits.HDUList) -> Mosaic:
    """Read the first band of a mosaic.

    Raises
    ------
    EmptyProduct
        For the dispatcher's all-zero placeholder.
    ProductError
        When no image is found.
    """
    images: dict[str, Any] = {}
    for hdu in hdus:
        if hdu.is_image and hdu.data is not None and hdu.data.ndim == 2:
            images.setdefault(str(hdu.header.get("IMATYPE", "")).strip().upper(), hdu)
    flux_hdu = next((images[name] for name in FLUX_TYPES if name in images), None)
    if flux_hdu is None and not images:
        raise ProductError("The file holds no two-dimensional image: it is not a mosaic.")
    if not any(np.any(hdu.data) for hdu in images.values()):
        # JEM-X's placeholder of 100 x 100 pixels may come without coordinates.
        raise EmptyProduct("The mosaic holds zeros alone: the dispatcher found nothing to image in these science windows.")
    main = flux_hdu or images.get("SIGNIFICANCE") or next(iter(images.values()))
    header = main.header
    tables = {hdu.name: hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU)}
    band = (_number(header, "E_MIN"), _number(header, "E_MAX"))
    meta: dict[str, Any] = {
        "wcs": celestial_wcs(header),
        "band": band if np.all(np.isfinite(band)) else None,
        "instrument": _instrument(header),
        "tstart": _number(header, "TSTART", "TFIRST"),
        "tstop": _number(header, "TSTOP", "TLAST"),
        "ontime": _number(header, "ONTIME"),
        "provenance": _provenance(header, tables),
        "keywords": MappingProxyType({key: header[key] for key in KEPT_KEYWORDS if key in header}),
    }
    if flux_hdu is None or "VARIANCE" not in images:
        significance = _native(main.data)
        valid = np.isfinite(significance) & (significance != 0)
        if not valid.any():
            raise EmptyProduct("The map holds no valid pixel: the dispatcher found nothing to image in these science windows.")
        return Mosaic(None, None, np.where(valid, significance, np.nan), None, unit="", **meta)
    flux, variance = _native(flux_hdu.data), _native(images["VARIANCE"].data)
    with np.errstate(invalid="ignore"):
        valid = (variance > 0) & np.isfinite(variance) & np.isfinite(flux) & (flux != 0)
    if not valid.any():
        raise EmptyProduct("The mosaic holds no exposed pixel: the dispatcher found nothing to image in these science windows.")
    nan = np.array(np.nan, dtype=flux.dtype)
    flux, variance = np.where(valid, flux, nan), np.where(valid, variance, nan)
    significance = np.where(valid, _native(images["SIGNIFICANCE"].data), nan) if "SIGNIFICANCE" in images else flux / np.sqrt(variance)
    exposure = _native(images["EXPOSURE"].data) if "EXPOSURE" in images else np.zeros_like(flux)
    exposure = np.where(valid & np.isfinite(exposure), exposure, np.array(0, dtype=exposure.dtype))
    return Mosaic(flux, variance, significance, exposure, unit=str(header.get("BUNIT", "")).strip(), **meta)


def _native(data: Any) -> np.ndarray[Any, Any]:
    """The pixels in the machine's byte order, float32 or float64."""
    array = np.asarray(data)
    dtype = np.dtype("f8") if array.dtype.itemsize == 8 else np.dtype("f4")
    return np.ascontiguousarray(array, dtype=dtype)


def read_mosaic(path: str | Path) -> Mosaic:
    """Read a mosaic file (FITS, gzip-compressed or not).

    Raises
    ------
    ProductError
        When the file is no FITS file or no mosaic.
    """
    try:
        with fits.open(path, memmap=False) as hdus:
            return mosaic_from_hdulist(hdus)
    except OSError as error:
        raise ProductError(f"{path} cannot be read as FITS: {error}.") from error


def mosaic_to_hdulist(mosaic: Mosaic) -> fits.HDUList:
    """A mosaic in OSA's layout: images told apart by IMATYPE, then the science windows and jobs it came from."""
    instrume, detnam, prefix = _DETECTORS.get(mosaic.instrument, ("", "", "SKY"))
    origin = mosaic.provenance
    common = fits.Header()
    common.update(mosaic.wcs.to_header())
    for key in ("DATE-OBS", "MJD-OBS", "MJDREF", "MJDREFI", "MJDREFF", "DATEREF"):
        common.remove(key, ignore_missing=True)
    cards: dict[str, tuple[Any, str]] = {
        "TELESCOP": ("INTEGRAL", "mission"),
        "INSTRUME": (instrume, "instrument"),
        "DETNAM": (detnam, "detector"),
        **origin_cards(origin),
        "MJDREF": (51544.0, "IJD 0 as MJD (TT)"),
        "TIMESYS": ("TT", "time system"),
        "TIMEUNIT": ("d", "unit of TSTART, TSTOP"),
        "TSTART": (mosaic.tstart, "[d] IJD"),
        "TSTOP": (mosaic.tstop, "[d] IJD"),
        "ONTIME": (mosaic.ontime, "[s] sum of good times"),
        "E_MIN": (mosaic.band[0] if mosaic.band else None, "[keV]"),
        "E_MAX": (mosaic.band[1] if mosaic.band else None, "[keV]"),
    }
    common.update(dict(known_cards(cards)))
    for key, value in mosaic.keywords.items():
        common[key] = value
    hdus: list[Any] = [fits.PrimaryHDU()]
    if origin.origin:
        hdus[0].header["ORIGIN"] = origin.origin
    unit = mosaic.unit
    flux_type = "RECONSTRUCTED" if mosaic.instrument.startswith("jemx") else "INTENSITY"
    for imatype, bunit, data in (
        (flux_type, unit, mosaic.flux),
        ("VARIANCE", f"({unit})**2" if unit else "", mosaic.variance),
        ("SIGNIFICANCE", "no units", mosaic.significance),
        ("EXPOSURE", "sec", mosaic.exposure),
    ):
        if data is not None:
            hdu = fits.ImageHDU(np.asarray(data), header=common.copy(), name=f"{prefix}-MOSA-IMA", ver=len(hdus))
            hdu.header["IMATYPE"] = (imatype, "kind of image")
            hdu.header["BUNIT"] = (bunit, "unit of the pixels")
            hdus.append(hdu)
    if origin.scw:
        hdus.append(_text_table("SCW", "SWID", origin.scw))
    if origin.job_ids:
        hdus.append(_text_table("BATCHES", "JOB_ID", origin.job_ids))
    return fits.HDUList(hdus)


def _text_table(name: str, column: str, values: tuple[str, ...]) -> fits.BinTableHDU:
    width = max(len(value) for value in values)
    return fits.BinTableHDU.from_columns([fits.Column(column, f"{width}A", array=np.array(values))], name=name)


def write_mosaic(mosaic: Mosaic, path: str | Path) -> None:
    """Write a mosaic in OSA's layout, replacing an existing file."""
    mosaic_to_hdulist(mosaic).writeto(path, overwrite=True)
