"""The list of sources that spectra and light curves are extracted for: the model of the sky a coded mask needs.

Limits on entries and distances: IBIS Analysis User Manual and JEM-X Analysis User Manual (ISDC).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dashboard.products.catalog import UNSET_NEW_SOURCE, CatalogSource, MeasuredSource, SourceCatalog, SourceTable
from dashboard.products.catalog_edits import FITTED, checked_position, extractable, listed, position_name, same_name
from dashboard.products.instrument import instrument_of

TARGET_ARCMIN = 1.0
MOST_ENTRIES = 200
_PAIRS_TOLD = 5
_CHUNK = 512


def from_detections(
    table: SourceTable, instrument: str, threshold: float, include_new: bool, known: SourceCatalog | None = None
) -> SourceCatalog:
    """The sources a mosaic shows.

    Parameters
    ----------
    table
        What was found and measured; sources measured at a catalogue position without being detected stay out.
    threshold
        In scaled sigma.
    include_new
        Whether detections that no catalogue explains are kept. Those of JEM-X take their name from their position, because
        its backend passes over names that contain "NEW".
    known
        Where given, catalogued sources stand at its positions, which are better than those fitted on the mosaic.
    """
    entries = {source.name: source for source in known.sources} if known else {}
    wanted = [s for s in table.detected if s.scaled_significance >= threshold and (include_new or s.kind != "new")]
    sources: list[CatalogSource] = []
    taken = {source.name for source in wanted}
    for source in wanted:
        entry = _entry(source, instrument, entries.get(source.name))
        if not extractable(entry.name, instrument):
            entry = replace(entry, name=_position_name(source.ra, source.dec, taken))
            taken.add(entry.name)
        sources.append(entry)
    return SourceCatalog(tuple(sources))


def with_target(catalog: SourceCatalog, name: str, ra: float, dec: float, instrument: str) -> tuple[SourceCatalog, tuple[str, ...]]:
    """The catalogue with the target among the sources to extract, and what the user should know about it.

    An entry of the target's name is flagged; else the nearest within 1', and a new source there takes the target's name; else
    the target is appended. No entry is lost, none that is known by another name is renamed, and asking twice changes nothing.

    Parameters
    ----------
    ra, dec
        Degrees, FK5.

    Raises
    ------
    RequestError
        For a position that is none.
    """
    checked_position(ra, dec)
    name = name.strip()
    label = name if name and extractable(name, instrument) else position_name(ra, dec)
    notes = [] if label == name or not name else [f"JEM-X extracts no source whose name contains NEW: {name} is called {label}."]
    apart = separation(_vectors([(ra, dec)]), _vectors(catalog.positions))
    near = [int(row) for row in np.argsort(apart, kind="stable") if apart[row] <= TARGET_ARCMIN]
    namesakes = [row for row, known in enumerate(catalog.names) if same_name(known, label) and np.isfinite(apart[row])]
    chosen = next(iter(sorted(namesakes, key=lambda row: float(apart[row])) or near), None)
    if chosen is None:
        return SourceCatalog((*catalog.sources, listed(label, ra, dec, instrument))), tuple(notes)
    source = catalog.sources[chosen]
    target = replace(source, flag=1, isgri_flag=FITTED if instrument == "isgri" else source.isgri_flag)
    if namesakes:
        if apart[chosen] > TARGET_ARCMIN:
            notes.append(f"{source.name} stands in the catalogue {apart[chosen]:.1f}' from the target's position: it is extracted there.")
    elif _is_new(source):
        target = replace(target, name=label, new_source=0)
        notes.append(f"The new source {source.name}, {apart[chosen]:.1f}' from the target, is taken to be {label}.")
    else:
        notes.append(f"{source.name} lies {apart[chosen]:.1f}' from {label}: its spectrum and light curve stand for the target.")
    if others := [catalog.sources[row].name for row in near if row != chosen]:
        notes.append(f"Also within 1' of the target: {', '.join(others)}; they cannot be told apart from {target.name}.")
    return SourceCatalog((*catalog.sources[:chosen], target, *catalog.sources[chosen + 1 :])), tuple(notes)


def clipped(
    catalog: SourceCatalog,
    ra_scx: ArrayLike,
    dec_scx: ArrayLike,
    half_field_deg: float,
    margin_deg: float,
    keep: Collection[str] = (),
) -> SourceCatalog:
    """The entries that some pointing may see.

    Parameters
    ----------
    ra_scx, dec_scx
        (n,) directions of the telescope axis, degrees.
    half_field_deg, margin_deg
        Their sum is the radius of the circle around each axis; see `Instrument.reach`.
    keep
        Names kept wherever they are.
    """
    axes = np.unique(np.round(np.column_stack([np.asarray(ra_scx, dtype=float), np.asarray(dec_scx, dtype=float)]), 3), axis=0)
    vectors, axes = _vectors(catalog.positions), _vectors(axes)
    seen = np.zeros(len(catalog), dtype=bool)
    reach = np.cos(np.radians(min(half_field_deg + margin_deg, 180.0)))
    for start in range(0, len(axes), _CHUNK):
        seen |= (vectors @ axes[start : start + _CHUNK].T >= reach).any(axis=1)
    return SourceCatalog(tuple(s for s, inside in zip(catalog.sources, seen, strict=True) if inside or s.name in keep))


def too_close(catalog: SourceCatalog, instrument: str) -> tuple[tuple[str, str, float], ...]:
    """Pairs the instrument does not separate, closest first: their names and distance in arcmin."""
    limit, names, vectors = instrument_of(instrument).close_pair, catalog.names, _vectors(catalog.positions)
    reach = np.cos(np.radians(limit / 60)) - 1e-12  # the cosine only narrows down: it does not resolve small angles
    pairs: list[tuple[str, str, float]] = []
    for start in range(0, len(vectors), _CHUNK):
        one, other = np.nonzero(np.triu(vectors[start : start + _CHUNK] @ vectors.T >= reach, k=start + 1))
        apart = separation(vectors[start + one], vectors[other])
        near = apart < limit
        pairs += [(names[start + i], names[j], float(d)) for i, j, d in zip(one[near], other[near], apart[near], strict=True)]
    return tuple(sorted(pairs, key=lambda pair: pair[2]))


def warnings(catalog: SourceCatalog, instrument: str) -> tuple[str, ...]:
    """What stands in the way of a good extraction with this catalogue, a sentence each."""
    return tuple(_warnings(catalog, instrument))


def separation(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Arcmin between unit vectors, exact for small angles; NaN where a position is unknown."""
    arcmin: NDArray[np.float64] = 60 * np.degrees(2 * np.arcsin(np.clip(np.linalg.norm(a - b, axis=-1) / 2, 0, 1)))
    return arcmin


def _warnings(catalog: SourceCatalog, instrument: str) -> Iterator[str]:
    if not len(catalog):
        yield "The catalogue is empty, so nothing would be extracted: add the target."
        return
    jemx = instrument != "isgri"
    if len(catalog) > MOST_ENTRIES:
        yield f"The catalogue holds {len(catalog)} sources, more than the {MOST_ENTRIES} an extraction takes: drop the weakest."
    if pairs := too_close(catalog, instrument):
        told = ", ".join(f"{one} and {other} ({apart:.1f}')" for one, other, apart in pairs[:_PAIRS_TOLD])
        more = f" and {len(pairs) - _PAIRS_TOLD} more pairs" if len(pairs) > _PAIRS_TOLD else ""
        yield f"Closer than the {instrument_of(instrument).close_pair:g}' that can be separated: {told}{more}. Drop one of each pair."
    if jemx and not any(source.flag for source in catalog.sources):
        yield "No source has FLAG 1, and the JEM-X extraction takes only those: flag the target."
    if not jemx and not any(source.isgri_flag for source in catalog.sources):
        yield "No source has an ISGRI_FLAG above 0, and only those are fitted: flag the target."
    if ignored := [name for name in catalog.names if not extractable(name, instrument)]:
        yield f"JEM-X extracts no source whose name contains NEW: rename {', '.join(ignored[:_PAIRS_TOLD])}."
    if twice := [name for name, count in Counter(catalog.names).items() if count > 1]:
        yield f"More than one source is called {', '.join(twice[:_PAIRS_TOLD])}: their spectra cannot be told apart. Rename or drop some."
    if unplaced := [s.name for s in catalog.sources if not np.isfinite([s.ra, s.dec]).all()]:
        yield f"Without a position, and of no use: {', '.join(unplaced[:_PAIRS_TOLD])}."


def _entry(source: MeasuredSource, instrument: str, known: CatalogSource | None) -> CatalogSource:
    new = source.kind == "new"
    isgri_flag = 0 if instrument != "isgri" else FITTED if new else max(1, known.isgri_flag if known else 1)
    entry = CatalogSource(
        name=source.name,
        ra=source.ra,
        dec=source.dec,
        significance=source.scaled_significance,
        isgri_flag=isgri_flag,
        flag=1,
        err_rad=source.position_error / 60,
        new_source=1 if new else UNSET_NEW_SOURCE,
    )
    return entry if known is None else replace(entry, ra=known.ra, dec=known.dec, err_rad=known.err_rad)


def _is_new(source: CatalogSource) -> bool:
    return source.new_source == 1 or source.name.startswith(("NEW_", "NEW "))


def _position_name(ra: float, dec: float, taken: Collection[str]) -> str:
    name = position_name(ra, dec)
    return next(free for free in (name, *(f"{name} {n}" for n in range(2, len(taken) + 3))) if free not in taken)


def _vectors(positions: ArrayLike) -> NDArray[np.float64]:
    ra, dec = np.radians(np.asarray(positions, dtype=float).reshape(-1, 2)).T
    return np.column_stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])
