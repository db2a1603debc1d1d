"""Which sources are extracted: those of the request's catalogue, or those that imaging would give."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.observatory import chance
from dashboard.observatory.camera import nearest
from dashboard.observatory.isgri import unit_vectors
from dashboard.observatory.sources import SOURCES
from dashboard.observatory.view import View

Array = NDArray[np.float64]
FROM_IMAGING = 3.0
"""Significance from which imaging gives a source to extract."""
_KEYS = ("cat_column_list", "cat_column_names", "cat_lon_name", "cat_lat_name", "cat_frame", "cat_coord_units")


@dataclass(frozen=True)
class Entry:
    """One source of a catalogue.

    Attributes
    ----------
    name
        As its products will call it.
    ra, dec
        Degrees.
    flag
        FLAG: JEM-X extracts those with 1.
    """

    name: str
    ra: float
    dec: float
    flag: int


@dataclass(frozen=True, eq=False)
class Extraction:
    """The sky model of an extraction: all m entries of the catalogue, and those of them that get products.

    Attributes
    ----------
    directions
        (m, 3) unit vectors.
    numbers
        (m,) sources of the observatory, -1 where there is nothing.
    extracted
        Which entries, in order.
    """

    entries: tuple[Entry, ...]
    directions: Array
    numbers: NDArray[np.intp]
    extracted: tuple[int, ...]

    @classmethod
    def of(cls, view: View, parameters: Mapping[str, Any], seed: int) -> Extraction:
        """That of a request's parameters.

        JEM-X extracts what is flagged 1 and not called new; either instrument only what some science window sees.

        Raises
        ------
        ValueError
            For a catalogue that cannot be read.
        """
        if parameters.get("selected_catalog"):
            entries = asked(parameters["selected_catalog"], parameters.get("catalog_selected_objects"))
        else:
            entries = imaged(view, parameters["E1_keV"], parameters["E2_keV"], seed)
        directions = unit_vectors(np.array([e.ra for e in entries], float), np.array([e.dec for e in entries], float))
        seen = np.any(view.coding(directions) > 0.0, axis=0)
        wanted = [view.camera.instrument == "isgri" or (e.flag == 1 and "NEW" not in e.name.upper()) for e in entries]
        extracted = tuple(np.flatnonzero(seen & np.array(wanted, bool)).tolist())
        return cls(entries, directions, nearest(view.camera, directions), extracted)


def asked(text: str, selected: str | None = None) -> tuple[Entry, ...]:
    """The entries of a catalogue in the dispatcher's JSON; of them those with a `meta_ID` in a comma-separated list, when given.

    Raises
    ------
    ValueError
        In a sentence, when it is not such a catalogue.
    """
    try:
        sent = json.loads(text)
        missing = [key for key in _KEYS if key not in sent]
        columns = dict(zip(sent["cat_column_names"], sent["cat_column_list"], strict=True))
        names, ids = columns["src_names"], columns["meta_ID"]
        positions = (columns[sent["cat_lon_name"]], columns[sent["cat_lat_name"]])
        flags = columns.get("FLAG") or [0] * len(names)
        rows = zip(ids, names, *positions, flags, strict=True)
        entries = [(str(number), Entry(str(name), float(ra), float(dec), int(flag or 0))) for number, name, ra, dec, flag in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"the selected catalog cannot be read ({type(error).__name__}: {error})") from None
    if missing:
        raise ValueError(f"the selected catalog lacks {', '.join(missing)}")
    kept = {part.strip() for part in selected.split(",") if part.strip()} if selected else set()
    return tuple(entry for number, entry in entries if not kept or number in kept)


def imaged(view: View, e1: float, e2: float, seed: int) -> tuple[Entry, ...]:
    """The entries that imaging of these science windows gives, brightest first; sources nobody knows are called NEW_1, NEW_2, ..."""
    fluxes, variances = view.means(e1, e2)
    names = [SOURCES[i].name for i in view.sources]
    noise = [chance.generator("imaged", view.camera.name, name, e1, e2, seed, *view.swids).standard_normal() for name in names]
    significance = fluxes / np.sqrt(variances) + np.array(noise, float)
    found: list[Entry] = []
    unknown = 0
    for i in np.argsort(-significance):
        if significance[i] < FROM_IMAGING:
            break
        source = SOURCES[view.sources[i]]
        unknown += not source.catalogued
        found.append(Entry(source.name if source.catalogued else f"NEW_{unknown}", source.ra, source.dec, int(source.catalogued)))
    return tuple(found)
