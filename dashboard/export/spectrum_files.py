"""Spectra with their responses as files for XSPEC, ISIS, sherpa and others.

Strictly after the OGIP memoranda 92-007 (spectra, format 1.2.1) and CAL/GEN/92-002, 92-002a (responses, format 1.3.0): what OSA leaves
out or names its own way (SPECTRUM, MATRIX, POISSERR, units) is there. TELAPSE is left out: readers refuse it beside TSTOP.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from dashboard.analysis.grouping import Grouping, grouped_channels
from dashboard.errors import ProductError, RequestError
from dashboard.export.whole import written_whole
from dashboard.products.origin_cards import known_cards, origin_cards, plain
from dashboard.products.spectrum import Redistribution, Spectrum, SpectrumSet

_DETECTORS = {"isgri": ("IBIS", "ISGRI"), "jemx1": ("JMX1", "JEMX1"), "jemx2": ("JMX2", "JEMX2")}
_LONGEST_NAME = 36
"""So that RESPFILE and ANCRFILE hold any of the names in one card of 80 characters."""


def write_spectrum_files(
    folder: Path, spectra: SpectrumSet, grouping: tuple[float, float, int], systematic_fraction: float
) -> tuple[Path, ...]:
    """Write a spectrum (.pha) and an area (.arf) for each spectrum and each redistribution once (.rmf); return their paths.

    Files of the same name are replaced, once all are whole. Within the folder they refer to each other by name.

    Parameters
    ----------
    grouping
        (E_min, E_max, number of bins) as in `analysis.grouping`.
    systematic_fraction
        Added in quadrature to the fractions of the spectra, as column SYS_ERR; STAT_ERR stays statistical.

    Raises
    ------
    RequestError
        For an impossible grouping or fraction.
    StorageFull
        When no space is left.
    ProductError
        When a spectrum has no exposure or no good channel in the range, or the folder cannot be written.
    """
    if not 0 <= systematic_fraction < 1:
        raise RequestError(f"A systematic fraction of {systematic_fraction:g} is not possible: give 0 to 1.", "systematic_fraction")
    files: dict[str, fits.HDUList] = {}
    for stem, spectrum in zip(stems(spectra.spectra), spectra.spectra, strict=True):
        _refuse_without_exposure(spectrum)
        rmf = f"{spectrum.instrument}_{spectrum.redistribution.key}.rmf"
        groups = grouped_channels(spectrum, *grouping)
        files[f"{stem}.pha"] = spectrum_hdulist(spectrum, groups, systematic_fraction, rmf, f"{stem}.arf")
        files[f"{stem}.arf"] = area_hdulist(spectrum)
        if rmf not in files:
            files[rmf] = redistribution_hdulist(spectrum.redistribution, spectrum)
    with written_whole(folder) as part:
        for name, hdus in files.items():
            hdus.writeto(part / name, checksum=True)
    return tuple(folder / name for name in files)


def writable(spectra: SpectrumSet, grouping: tuple[float, float, int]) -> tuple[SpectrumSet, dict[str, str]]:
    """Those spectra that `write_spectrum_files` can write, and by source why it cannot write the others.

    Raises
    ------
    RequestError
        For an impossible grouping.
    """
    kept, refused = [], {}
    for spectrum in spectra.spectra:
        try:
            _refuse_without_exposure(spectrum)
            grouped_channels(spectrum, *grouping)
            kept.append(spectrum)
        except ProductError as error:
            refused[spectrum.source] = error.sentence
    return SpectrumSet(tuple(kept)), refused


def _refuse_without_exposure(spectrum: Spectrum) -> None:
    if not spectrum.exposure > 0:
        raise ProductError(f"The exposure of the spectrum of {spectrum.source} is not known: it cannot be written as an OGIP file.")


def stems(spectra: Iterable[Spectrum]) -> list[str]:
    """A file name without ending for each: instrument and source in plain letters, different also where capitals do not count.

    Everything but letters, digits, `-`, `_` and `.` becomes `_`; `+` becomes `p`, for "+1" after a name means an extension.
    """
    taken: set[str] = set()
    made = []
    for spectrum in spectra:
        plain = re.sub(r"[^A-Za-z0-9._-]+", "_", spectrum.source.replace("+", "p"))[:_LONGEST_NAME]
        stem = base = f"{spectrum.instrument}_{plain}"
        number = 1
        while stem.lower() in taken:
            number += 1
            stem = f"{base}_{number}"
        taken.add(stem.lower())
        made.append(stem)
    return made


def spectrum_hdulist(spectrum: Spectrum, grouping: Grouping, systematic_fraction: float, respfile: str, ancrfile: str) -> fits.HDUList:
    """The spectrum, background subtracted, with bad channels 0 and not NaN."""
    first, number = spectrum.redistribution.first_channel, len(spectrum.rate)
    use = grouping.quality == 0
    rate, error = (np.where(spectrum.good, values, 0.0) for values in (spectrum.rate, spectrum.stat_err))
    columns = [
        fits.Column("CHANNEL", "I", array=np.arange(first, first + number)),
        fits.Column("RATE", "E", unit="count/s", array=rate),
        fits.Column("STAT_ERR", "E", unit="count/s", array=error),
        fits.Column("SYS_ERR", "E", array=np.where(spectrum.good, np.hypot(spectrum.sys_err, systematic_fraction), 0.0)),
        fits.Column("QUALITY", "I", array=grouping.quality),
        fits.Column("GROUPING", "I", array=grouping.flags),
    ]
    cards = {
        **_channel_cards(spectrum, 1),
        "HDUCLAS1": "SPECTRUM",
        "HDUCLAS2": "NET",
        "HDUCLAS3": "RATE",
        "HDUCLAS4": "TYPE:I",
        "HDUVERS": "1.2.1",
        "HDUVERS1": "1.2.1",
        "EXPOSURE": (spectrum.exposure, "[s] effective, corrected for dead time"),
        "ONTIME": (spectrum.ontime, "[s] sum of good times"),
        "AREASCAL": 1.0,
        "BACKSCAL": 1.0,
        "CORRSCAL": 0.0,
        "BACKFILE": "none",
        "CORRFILE": "none",
        "RESPFILE": respfile,
        "ANCRFILE": ancrfile,
        "POISSERR": (False, "errors are in STAT_ERR"),
        "SYSFRAC": (systematic_fraction, "fraction asked, part of SYS_ERR"),
        "SIGRATIO": (spectrum.sigma_ratio, "error, exposure over variance weights"),
        "NBINS": (grouping.given, "bins of GROUPING to use"),
        "NBINASK": (grouping.asked, "bins asked"),
        "NBINEMPT": (grouping.dropped, "bins asked that hold no good channel"),
        "NCHANUSE": (int(use.sum()), "channels with QUALITY 0"),
    }
    return _file(spectrum, "SPECTRUM", columns, cards)


def area_hdulist(spectrum: Spectrum) -> fits.HDUList:
    """The effective area."""
    energies = spectrum.redistribution
    columns = [*_energies(energies), fits.Column("SPECRESP", "E", unit="cm**2", array=spectrum.area)]
    cards = {
        "HDUCLAS1": "RESPONSE",
        "HDUCLAS2": "SPECRESP",
        "HDUVERS": "1.1.0",
        "HDUVERS1": "1.0.0",
        "HDUVERS2": "1.1.0",
        "ARFVERSN": "1992a",
    }
    return _file(spectrum, "SPECRESP", columns, cards)


def redistribution_hdulist(rmf: Redistribution, spectrum: Spectrum) -> fits.HDUList:
    """The redistribution and the bounds of its channels; every row holds all channels. Instrument and origin are those of the spectrum."""
    rows, number = rmf.matrix.shape
    columns = [
        *_energies(rmf),
        fits.Column("N_GRP", "I", array=np.ones(rows)),
        fits.Column("F_CHAN", "I", array=np.full(rows, rmf.first_channel)),
        fits.Column("N_CHAN", "I", array=np.full(rows, number)),
        fits.Column("MATRIX", f"{number}E", array=rmf.matrix),
    ]
    cards = {
        **_channel_cards(spectrum, 4),
        "HDUCLAS1": "RESPONSE",
        "HDUCLAS2": "RSP_MATRIX",
        "HDUCLAS3": "REDIST",
        "HDUVERS": "1.3.0",
        "RMFVERSN": "1992a",
        "LO_THRES": (0.0, "no element is left out"),
        "NUMGRP": rows,
        "NUMELT": rows * number,
    }
    bounds = [
        fits.Column("CHANNEL", "I", array=np.arange(rmf.first_channel, rmf.first_channel + number)),
        fits.Column("E_MIN", "E", unit="keV", array=rmf.e_min),
        fits.Column("E_MAX", "E", unit="keV", array=rmf.e_max),
    ]
    clas = {"HDUCLAS1": "RESPONSE", "HDUCLAS2": "EBOUNDS", "HDUVERS": "1.2.0", "RMFVERSN": "1992a"}
    hdus = _file(spectrum, "MATRIX", columns, cards)
    hdus.append(_table(spectrum, "EBOUNDS", bounds, {**_channel_cards(spectrum, 1), **clas}))
    return hdus


def _energies(rmf: Redistribution) -> list[fits.Column]:
    return [fits.Column("ENERG_LO", "E", unit="keV", array=rmf.energ_lo), fits.Column("ENERG_HI", "E", unit="keV", array=rmf.energ_hi)]


def _channel_cards(spectrum: Spectrum, column: int) -> dict[str, Any]:
    """What spectrum, matrix and bounds must say alike; the number of the first channel stands with the column that counts them."""
    first, number = spectrum.redistribution.first_channel, len(spectrum.rate)
    return {
        "CHANTYPE": "PI",
        "DETCHANS": number,
        f"TLMIN{column}": (first, "first channel"),
        f"TLMAX{column}": (first + number - 1, "last channel"),
    }


def _file(spectrum: Spectrum, name: str, columns: list[fits.Column], cards: Mapping[str, Any]) -> fits.HDUList:
    primary = fits.PrimaryHDU()
    if spectrum.provenance.origin:
        primary.header["ORIGIN"] = plain(spectrum.provenance.origin)
    return fits.HDUList([primary, _table(spectrum, name, columns, cards)])


def _table(spectrum: Spectrum, name: str, columns: list[fits.Column], cards: Mapping[str, Any]) -> fits.BinTableHDU:
    table = fits.BinTableHDU.from_columns(columns, name=name)
    origin = spectrum.provenance
    instrume, detnam = _DETECTORS.get(spectrum.instrument, (spectrum.instrument.upper(), ""))
    described = {
        "TELESCOP": "INTEGRAL",
        "INSTRUME": instrume,
        "DETNAM": detnam,
        "FILTER": "none",
        "HDUCLASS": "OGIP",
        **cards,
        "CREATOR": "integral-dashboard",
        "OBJECT": spectrum.source,
        "RA_OBJ": (spectrum.ra, "[deg]"),
        "DEC_OBJ": (spectrum.dec, "[deg]"),
        "EQUINOX": 2000.0,
        "RADESYS": "FK5",
        "MJDREF": (51544.0, "IJD 0 as MJD (TT)"),
        "TIMESYS": "TT",
        "TIMEUNIT": "d",
        "TSTART": (spectrum.tstart, "[d] IJD"),
        "TSTOP": (spectrum.tstop, "[d] IJD"),
        **origin_cards(origin),
    }
    table.header.update(dict(known_cards(described)))
    for job in origin.job_ids:
        table.header.add_history(f"dispatcher job {plain(job)}")
    return table
