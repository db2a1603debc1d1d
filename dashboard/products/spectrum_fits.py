"""Spectra from a dispatcher's answer or from files, and their form in the store.

Real products lack units, hold the template text of unset fields ("Real", "UTC_format", "String") and NaN rates; the channels
of a JEM-X spectrum begin at 1 while its EBOUNDS begins at 0. Products of a source belong together by its exact name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from dashboard.errors import EmptyProduct, ProductError
from dashboard.products.mosaic import Provenance
from dashboard.products.response_fits import (
    Redistributions,
    area_of,
    native,
    redistribution_hdus,
    redistributions_from_hdus,
    table_with,
)
from dashboard.products.spectrum import Array, Redistribution, Spectrum, SpectrumSet

_TEMPLATES = {"", "STRING", "NONE", "UNKNOWN"}
_NAMELESS = "a source without a name"
_INSTRUMENTS = {"IBIS": "isgri", "JMX1": "jemx1", "JMX2": "jemx2"}
_NUMBERS = {
    **{"RA_OBJ": "ra", "DEC_OBJ": "dec", "EXPOSURE": "exposure", "ONTIME": "ontime"},
    **{"TELAPSE": "telapse", "TSTART": "tstart", "TSTOP": "tstop", "SIGRATIO": "sigma_ratio"},
}
_COLUMNS = {"RATE": "rate", "STAT_ERR": "stat_err", "SYS_ERR": "sys_err", "QUALITY": "quality", "AREA": "area"}


@dataclass
class _Parts:
    """What has been found of one source."""

    spectrum: fits.BinTableHDU | None = None
    area: Array | None = None
    redistribution: Redistribution | None = None


def spectra_from_products(parts: Sequence[tuple[Mapping[str, Any], fits.HDUList]], instrument: str, provenance: Provenance) -> SpectrumSet:
    """The spectra of an answer, each with its response.

    Parameters
    ----------
    parts
        (meta data, HDUs) of each product: spectra, ARFs, RMFs in any order, several of them in one HDU list or each in its own. The
        source is `src_name` of the meta data, else NAME or SOURCEID in the header of a spectrum; responses without a name are those of
        the only source there is.
    instrument
        "isgri", "jemx1" or "jemx2".
    provenance
        Of the batch; an empty origin is filled from the header.

    Raises
    ------
    EmptyProduct
        When there is no spectrum.
    ProductError
        When a source lacks a part of its response, has a part twice, or comes from another instrument.
    """
    found: dict[str, _Parts] = {}
    redistributions = Redistributions()
    for meta, hdus in parts:
        table = table_with(hdus, "CHANNEL", "RATE", "STAT_ERR")
        name = _text(meta.get("src_name")) or (
            "" if table is None else _text(table.header.get("NAME")) or _text(table.header.get("SOURCEID"))
        )
        mine = found.setdefault(name, _Parts())
        for attribute, value in (("spectrum", table), ("area", area_of(hdus)), ("redistribution", redistributions.read(hdus))):
            if value is None:
                continue
            if getattr(mine, attribute) is not None:
                raise ProductError(f"The {attribute} of {name or _NAMELESS} came twice in one answer: ask for the batch again.")
            setattr(mine, attribute, value)
    named = [name for name in found if name]
    if "" in found and len(named) == 1:
        unnamed = found.pop("")
        whole = found[named[0]]
        whole.area = whole.area if whole.area is not None else unnamed.area
        whole.redistribution = whole.redistribution or unnamed.redistribution
    spectra = tuple(_spectrum(name, mine, instrument, provenance) for name, mine in found.items() if mine.spectrum is not None)
    if not spectra:
        raise EmptyProduct("The answer holds no spectrum: none could be extracted from these science windows.")
    return SpectrumSet(spectra)


def _spectrum(name: str, parts: _Parts, instrument: str, provenance: Provenance) -> Spectrum:
    table, area, rmf = parts.spectrum, parts.area, parts.redistribution
    assert table is not None
    header, data = table.header, table.data
    if rmf is None or area is None:
        what = "redistribution matrix" if rmf is None else "effective area"
        raise ProductError(f"The spectrum of {name or _NAMELESS} came without its {what}: ask for the batch again.")
    its = _INSTRUMENTS.get(str(header.get("INSTRUME", "")).strip().upper(), instrument)
    if its != instrument:
        raise ProductError(f"The spectrum of {name} is of {its}, not of {instrument}: it does not belong to this batch.")
    if len(data) != rmf.n_channels or len(area) != len(rmf.energ_lo):
        raise ProductError(
            f"The spectrum of {name} has {len(data)} channels and {len(area)} areas, its redistribution {rmf.n_channels} and "
            f"{len(rmf.energ_lo)}: they do not belong together."
        )
    data = data[np.argsort(data["CHANNEL"], kind="stable")]
    rate, error = (np.array(data[column], dtype=np.float64) for column in ("RATE", "STAT_ERR"))
    zeros = np.zeros(len(data))
    present = {column.upper() for column in table.columns.names}
    quality = np.array(data["QUALITY"] if "QUALITY" in present else zeros, dtype=np.int16)
    quality[(quality == 0) & ~(np.isfinite(rate) & np.isfinite(error) & (error > 0))] = 1
    rate[quality != 0] = error[quality != 0] = np.nan
    numbers: dict[str, Any] = {attribute: _number(header.get(key)) for key, attribute in _NUMBERS.items()}
    origin = "SIMULATED" if _text(header.get("ORIGIN")) == "SIMULATED" else provenance.origin or _text(header.get("ORIGIN"))
    return Spectrum(
        source=name,
        instrument=instrument,
        rate=rate,
        stat_err=error,
        sys_err=np.nan_to_num(np.array(data["SYS_ERR"] if "SYS_ERR" in present else zeros, dtype=np.float64)),
        quality=quality,
        area=area,
        redistribution=rmf,
        provenance=replace(provenance, origin=origin),
        **numbers,
    )


def _number(value: Any) -> float:
    """A header value, NaN when it is template text."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")


def _text(value: Any) -> str:
    """A header value, "" when it is template text or absent."""
    text = "" if value is None else str(value).strip()
    return "" if text.upper() in _TEMPLATES else text


def write_spectra(spectra: SpectrumSet, path: str | Path) -> None:
    """Write to the store's form, replacing an existing file: a table SPECTRA a channel and energy grid, each redistribution once.

    Names, batches and provenance are JSON in ASCII, the latter each once in a table PROVENANCE.
    """
    primary = fits.PrimaryHDU()
    if any(spectrum.provenance.simulated for spectrum in spectra.spectra):
        primary.header["ORIGIN"] = ("SIMULATED", "no observation of the sky")
    redistributions = list({spectrum.redistribution.key: spectrum.redistribution for spectrum in spectra.spectra}.values())
    origins = list(dict.fromkeys(spectrum.provenance for spectrum in spectra.spectra))
    tables: list[fits.BinTableHDU] = []
    for grid in dict.fromkeys(spectrum.redistribution.bounds_key for spectrum in spectra.spectra):
        places = [i for i, spectrum in enumerate(spectra.spectra) if spectrum.redistribution.bounds_key == grid]
        tables.append(_store_table(spectra, places, origins, len(tables) + 1))
    documents = _texts("PROVENANCE", [json.dumps(asdict(origin)) for origin in origins])
    fits.HDUList([primary, *tables, documents, *redistribution_hdus(redistributions)]).writeto(path, overwrite=True)


def _store_table(spectra: SpectrumSet, places: Sequence[int], origins: Sequence[Provenance], number: int) -> fits.BinTableHDU:
    rows = [spectra.spectra[place] for place in places]
    texts = [json.dumps([row.source, row.instrument, row.redistribution.key, row.batch_ids]) for row in rows]
    columns = [
        _texts("", texts).columns["JSON"],
        fits.Column("PLACE", "J", array=places),
        fits.Column("ORIGIN", "J", array=[origins.index(row.provenance) for row in rows]),
        *(fits.Column(key, "D", array=[getattr(row, attribute) for row in rows]) for key, attribute in _NUMBERS.items()),
    ]
    for key, attribute in _COLUMNS.items():
        values = np.stack([getattr(row, attribute) for row in rows])
        code = {"i2": "I", "f4": "E"}.get(values.dtype.str[1:], "D")
        columns.append(fits.Column(key, f"{values.shape[1]}{code}", array=values))
    return fits.BinTableHDU.from_columns(columns, name="SPECTRA", ver=number)


def _texts(name: str, values: Sequence[str]) -> fits.BinTableHDU:
    """A table of one column JSON."""
    column = fits.Column("JSON", f"{max([1, *map(len, values)])}A", array=np.array(values, dtype=str))
    return fits.BinTableHDU.from_columns([column], name=name)


def read_spectra(path: str | Path) -> SpectrumSet:
    """What `write_spectra` wrote, bit for bit; a number that an older file does not have is unknown.

    Raises
    ------
    ProductError
        When the file is no such file.
    """
    try:
        with fits.open(path, memmap=False) as hdus:
            redistributions = redistributions_from_hdus(hdus)
            origins = [_provenance(str(row["JSON"])) for row in hdus["PROVENANCE"].data]
            placed: dict[int, Spectrum] = {}
            for hdu in hdus:
                if hdu.name == "SPECTRA":
                    placed |= {int(row["PLACE"]): _stored(row, redistributions, origins) for row in hdu.data}
            return SpectrumSet(tuple(placed[place] for place in sorted(placed)))
    except (OSError, KeyError, ValueError, IndexError, TypeError) as error:
        raise ProductError(f"{path} cannot be read as stored spectra: {error}. Ask for its batch again.") from error


def _provenance(text: str) -> Provenance:
    stored = json.loads(text)
    return Provenance(**stored | {"job_ids": tuple(stored["job_ids"]), "scw": tuple(stored["scw"])})


def _stored(row: Any, redistributions: Mapping[str, Redistribution], origins: Sequence[Provenance]) -> Spectrum:
    source, instrument, key, batch_ids = json.loads(str(row["JSON"]))
    values: dict[str, Any] = {attribute: native(row[name]) for name, attribute in _COLUMNS.items()}
    values |= {attribute: float(row[name]) for name, attribute in _NUMBERS.items() if name in row.array.names}
    return Spectrum(
        source=source,
        instrument=instrument,
        redistribution=redistributions[key],
        batch_ids=tuple(batch_ids),
        provenance=origins[int(row["ORIGIN"])],
        **values,
    )
