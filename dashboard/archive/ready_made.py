"""What ISLA has ready-made of a source: values, read from its FITS files.

Its files are OSA's, put together by "ISLA post-processing": a light curve of the whole mission for each instrument (extension TIMESERIES:
TIME, RATE, ERROR, TIME in single precision), spectra with their responses, and mosaics for each epoch, that is an observation in a
revolution. astroquery's test data are such files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from astropy.io import fits
from astropy.time import Time
from numpy.typing import NDArray

from dashboard.archive.packed_files import PackedFile
from dashboard.errors import ProductError
from dashboard.products.mosaic import Provenance
from dashboard.products.spectrum import Spectrum
from dashboard.products.spectrum_fits import spectra_from_products

RATE_UNIT: Final = "counts/s"
"""Of light curves: the files name none; astroquery drew them as cps when it still drew."""
_DETECTORS: Final = {"IBIS": "isgri", "JMX1": "jemx1", "JMX2": "jemx2"}
_SECONDS: Final = {"d": 86400.0, "s": 1.0}
_LONGEST: Final = 60
MOST_ROWS: Final = 200_000
"""Of a table: fifty times what the brightest source has, and more than any response."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ReadySource:
    """A source of ISLA's catalogue.

    Attributes
    ----------
    name, source_id
        As ISLA calls it, e.g. "Crab", "J053432.0+220052".
    ra, dec
        Degrees.
    apart_arcmin
        From the place that was asked.
    others
        Names of further sources as near as that counts.
    """

    name: str
    source_id: str
    ra: float
    dec: float
    apart_arcmin: float
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadyEpoch:
    """An observation in a revolution of which an instrument has products.

    Attributes
    ----------
    instrument
        "isgri" or "jemx".
    instrument_oid
        Its number at ISLA.
    epoch
        Revolution and observation, e.g. "0745_06340000001".
    bands
        Name and number at ISLA of each band, e.g. ("28_40", "7").
    """

    instrument: str
    instrument_oid: str
    epoch: str
    bands: tuple[tuple[str, str], ...] = ()

    @property
    def revolution(self) -> int:
        """Its number, -1 where the epoch is called otherwise."""
        return int(head) if (head := self.epoch.partition("_")[0]).isdecimal() else -1


@dataclass(frozen=True, slots=True)
class ReadyOffer:
    """What there is of a source: its epochs, in time order. `address` and `asked` (UTC) say whose answer it is, and when it was given."""

    source: ReadySource
    epochs: tuple[ReadyEpoch, ...]
    address: str
    asked: str

    @property
    def instruments(self) -> tuple[str, ...]:
        """Those with products, ISGRI first."""
        return tuple(sorted({epoch.instrument for epoch in self.epochs}))

    def of(self, instrument: str) -> tuple[ReadyEpoch, ...]:
        """The epochs of an instrument."""
        return tuple(epoch for epoch in self.epochs if epoch.instrument == instrument)


@dataclass(frozen=True, eq=False)
class ReadyLightCurve:
    """Rates of the whole mission, in time order.

    Attributes
    ----------
    instrument
        "isgri", "jemx1" or "jemx2".
    band
        (E_min, E_max) in keV; None when the file does not say.
    mjd
        (n,) MJD (TT).
    rate, error
        (n,) `unit`, 1 sigma.
    unit
        As the file has it, else `RATE_UNIT`.
    precision_s
        Seconds to which times are known: ISLA writes them in single precision.
    software
        As the header names it.
    file
        Name of the file.
    """

    instrument: str
    band: tuple[float, float] | None
    mjd: Array
    rate: Array
    error: Array
    unit: str
    precision_s: float
    software: str
    file: str

    def __len__(self) -> int:
        return len(self.mjd)


@dataclass(frozen=True, eq=False)
class ReadySpectrum:
    """A spectrum of one epoch with its response, the software that made it, and the files as they came."""

    spectrum: Spectrum
    software: str
    files: tuple[PackedFile, ...]


@dataclass(frozen=True, slots=True)
class ReadyMosaic:
    """A mosaic: its file's name at ISLA, and the address that sends it."""

    file: str
    url: str


def light_curves_of(files: Sequence[PackedFile]) -> tuple[ReadyLightCurve, ...]:
    """The light curves of ISGRI and JEM-X in these files; those of other instruments are left out.

    Raises
    ------
    ValueError
        When no file holds one, or times cannot be read; its text completes "an answer that".
    """
    curves, seen = [], False
    for file in files:
        with file.open() as hdus:
            for table in hdus:
                if isinstance(table, fits.BinTableHDU) and {"TIME", "RATE", "ERROR"} <= {name.upper() for name in table.columns.names}:
                    seen = True
                    _refuse_long(table, file.name)
                    if (instrument := _detector(table.header)) is not None:
                        curves.append(_light_curve(table, instrument, file.name))
    if not seen:
        raise ValueError("holds no table with TIME, RATE and ERROR, so its form has changed")
    return tuple(curves)


def spectra_of(files: Sequence[PackedFile]) -> tuple[ReadySpectrum, ...]:
    """The spectra in these files: each with the response whose file is called alike.

    Raises
    ------
    ValueError
        As `light_curves_of`.
    """
    groups: dict[str, list[PackedFile]] = {}
    for file in files:
        groups.setdefault(file.name.rsplit("_", 1)[0], []).append(file)
    return tuple(found for group in groups.values() for found in _spectra(group))


def _spectra(files: Sequence[PackedFile]) -> Iterator[ReadySpectrum]:
    opened = [file.open() for file in files]
    for file, hdus in zip(files, opened, strict=True):
        for table in hdus:
            _refuse_long(table, file.name)
    headers = [hdu.header for hdus in opened for hdu in hdus if hdu.header.get("HDUCLAS1") == "SPECTRUM"]
    if not headers:
        raise ValueError("holds no spectrum (HDUCLAS1), so its form has changed")
    instrument = _detector(headers[0])
    if instrument is None:
        return
    provenance = Provenance(origin="ISLA", osa_version=_word(headers[0], "CONFIGUR"))
    try:
        found = spectra_from_products([({}, hdus) for hdus in opened], instrument, provenance)
    except ProductError as error:
        raise ValueError(f"cannot be used ({error.sentence})") from None
    except (TypeError, KeyError, IndexError, OSError):
        raise ValueError("holds a spectrum whose columns cannot be read") from None
    for spectrum in found.spectra:
        yield ReadySpectrum(replace(spectrum, provenance=provenance), _software(headers[0]), tuple(files))


def _refuse_long(table: Any, file: str) -> None:
    if table.header.get("NAXIS2", 0) > MOST_ROWS:
        raise ValueError(f"holds a table of {table.header['NAXIS2']} rows in {file}")


def _light_curve(table: fits.BinTableHDU, instrument: str, file: str) -> ReadyLightCurve:
    header = table.header
    try:
        raw = np.asarray(table.data["TIME"])
        time, rate, error = (np.array(table.data[name], dtype=np.float64) for name in ("TIME", "RATE", "ERROR"))
        unit = str(table.columns["TIME"].unit or header.get("TIMEUNIT", "d")).strip()
        zero = float(header["MJDREF"]) if "MJDREF" in header else float(header["MJDREFI"]) + float(header["MJDREFF"])
        per_day = 86400.0 / _SECONDS[unit]
        mjd = zero + time / per_day
    except (KeyError, TypeError, ValueError, OSError):
        raise ValueError(f"has times or rates in {file} that cannot be read") from None
    if time.ndim != 1 or rate.shape != time.shape or error.shape != time.shape:
        raise ValueError(f"has several rates a time in {file}, so its form has changed")
    good = np.isfinite(time) & np.isfinite(rate) & np.isfinite(error) & (error > 0)
    mjd, rate, error = (column[good][np.argsort(mjd[good], kind="stable")] for column in (mjd, rate, error))
    match str(header.get("TIMESYS", "TT")).strip().upper():
        case "UTC":
            mjd = np.asarray(Time(mjd, format="mjd", scale="utc").tt.mjd)
        case "TT":
            pass
        case system:
            raise ValueError(f"has times in {system[:20]} in {file}, which are not known here")
    spacing = np.spacing(np.abs(raw[good]).max()) if good.any() and raw.dtype.kind == "f" else 0.0
    edges = [header.get(key) for key in ("E_MIN", "E_MAX")]
    known = all(isinstance(edge, int | float) for edge in edges)
    return ReadyLightCurve(
        instrument=instrument,
        band=(float(edges[0]), float(edges[1])) if known else None,
        mjd=mjd,
        rate=rate,
        error=error,
        unit=str(table.columns["RATE"].unit or RATE_UNIT)[:_LONGEST],
        precision_s=float(spacing) * 86400.0 / per_day,
        software=_software(header),
        file=file,
    )


def _detector(header: fits.Header) -> str | None:
    return _DETECTORS.get(_word(header, "INSTRUME").upper())


def _software(header: fits.Header) -> str:
    return ", ".join(filter(None, (_word(header, "CONFIGUR"), _word(header, "CREATOR"))))


def _word(header: fits.Header, key: str) -> str:
    value: Any = header.get(key, "")
    return "".join(letter for letter in str(value).strip() if letter.isprintable())[:_LONGEST]
