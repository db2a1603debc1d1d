"""Which detection is which catalogue source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from dashboard.products.catalog import SourceCatalog
from dashboard.products.instrument import ISGRI


@dataclass(frozen=True, slots=True)
class Match:
    """A detection's place in the catalogue.

    Attributes
    ----------
    index
        Of the catalogue source, -1 for none.
    candidates
        All catalogue sources within the match radius, nearest first, those given to another detection included.
    offset
        Arcmin to the matched source, NaN without one.
    """

    index: int = -1
    candidates: tuple[int, ...] = ()
    offset: float = float("nan")

    @property
    def kind(self) -> str:
        """'known', 'ambiguous' (several candidates) or 'new'."""
        return "new" if self.index < 0 else "known" if len(self.candidates) == 1 else "ambiguous"


def unit_vectors(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 3) from (n, 2) of (RA, Dec) in degrees."""
    ra, dec = np.radians(np.asarray(positions, dtype=float).reshape(-1, 2)).T
    return np.column_stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])


def separation(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Arcmin between unit vectors, exact for small angles."""
    arcmin: NDArray[np.float64] = np.degrees(2 * np.arcsin(np.clip(np.linalg.norm(a - b, axis=-1) / 2, 0, 1))) * 60
    return arcmin


def match_catalog(
    positions: NDArray[np.float64],
    position_error: NDArray[np.float64],
    catalog: SourceCatalog,
    radius: float = ISGRI.match_radius,
) -> list[Match]:
    """Give each detection the catalogue source within max(radius, position error + ERR_RAD), each source to one detection.

    Pairs are taken by increasing distance. A detection all of whose candidates are nearer to other detections is new.

    Parameters
    ----------
    positions
        (n, 2); RA, Dec of the detections in degrees.
    position_error
        (n,) 90 % radius in arcmin.
    catalog
        Entries with their `err_rad` in degrees; those without a position are passed over.
    radius
        Least match radius in arcmin: the instrument's.
    """
    matches = [Match() for _ in positions]
    known = np.array([i for i, s in enumerate(catalog.sources) if np.isfinite(s.ra) and np.isfinite(s.dec)], dtype=int)
    if not (len(known) and len(matches)):
        return matches
    error = np.array([catalog.sources[i].err_rad for i in known]) * 60
    there, here = unit_vectors(catalog.positions[known]), unit_vectors(positions)
    reach = np.maximum(radius, np.asarray(position_error) + error.max())
    neighbours = KDTree(there).query_ball_point(here, 2 * np.sin(np.radians(reach / 60) / 2) * (1 + 1e-9))
    detection = np.repeat(np.arange(len(matches)), [len(found) for found in neighbours])
    entry = np.concatenate([np.array(found, dtype=int) for found in neighbours])
    distance = separation(here[detection], there[entry])
    inside = distance <= np.maximum(radius, np.asarray(position_error)[detection] + error[entry])
    order = np.flatnonzero(inside)[np.argsort(distance[inside], kind="stable")]
    candidates: dict[int, list[int]] = {}
    owner: dict[int, tuple[int, float]] = {}
    taken: set[int] = set()
    for d, e, arcmin in zip(detection[order].tolist(), known[entry[order]].tolist(), distance[order].tolist(), strict=True):
        candidates.setdefault(d, []).append(e)
        if d not in owner and e not in taken:
            owner[d] = (e, arcmin)
            taken.add(e)
    for d, found in candidates.items():
        index, arcmin = owner.get(d, (-1, float("nan")))
        matches[d] = Match(index, tuple(found), arcmin)
    return matches
