"""The sky as the observatory knows it: names, and rates in a field."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dashboard.observatory.calibration import OSA11
from dashboard.observatory.isgri import unit_vectors
from dashboard.observatory.sources import SOURCES, Source

Array = NDArray[np.float64]
DIRECTIONS: Final = unit_vectors(np.array([s.ra for s in SOURCES]), np.array([s.dec for s in SOURCES]))


def _key(name: str) -> str:
    return re.sub(r"[\s_]", "", name).casefold()


@cache
def _names() -> dict[str, Source]:
    return {_key(name): source for source in SOURCES if source.catalogued for name in (source.name, *source.aliases)}


def resolve(name: str) -> Source | None:
    """The catalogued source of that name (case and blanks ignored), or None when nobody knows it."""
    return _names().get(_key(name))


def rates(sources: NDArray[np.intp], e1: float, e2: float, time: Array, osa_version: str = OSA11) -> Array:
    """Rates on axis in cts/s, (n times, m sources), of sources given by number."""
    rows = [SOURCES[i].rate(e1, e2, time, osa_version) for i in sources]
    return np.stack(rows, axis=1) if rows else np.zeros((len(time), 0))
