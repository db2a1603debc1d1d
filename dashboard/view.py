"""What is looked at, as it goes along with a link: band, zoom, plane, colours, selection. Read with distrust: it may come from anywhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from dashboard.selection import Selection
from dashboard.sky_look import SkyLook

LOOKS: Final = ("plane", "stretch", "colours", "limits", "grid", "names", "catalogue", "pointings", "arrangement")
"""Of `SkyLook`; tools and drawn regions are its maker's own."""
LONGEST: Final = 4000
LONGEST_NAME: Final = 120
WIDEST: Final = 180.0
"""Degrees to each side."""
MISSION_DAYS: Final = (0.0, 20_000.0)
"""IJD: from 2000 until long after the end of the mission."""
ENERGIES: Final = (1.0, 10_000.0)
"""keV."""


@dataclass(frozen=True, slots=True)
class View:
    """A view of a run; what is None or "" is as a page shows it by itself.

    Attributes
    ----------
    shown
        Number of the job whose mosaic is shown.
    zoom
        RA and Dec of the middle and half the width, degrees.
    look
        Values of `LOOKS`.
    source, time_range, energy_range
        Of the selection: a name, IJD (TT), keV.
    """

    shown: int | None = None
    zoom: tuple[float, float, float] | None = None
    look: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    time_range: tuple[float, float] | None = None
    energy_range: tuple[float, float] | None = None

    @classmethod
    def of_page(cls, shown: int, zoom: tuple[float, float, float] | None, look: SkyLook, selection: Selection) -> View:
        """What a page shows now."""
        chosen = {name: getattr(look, name) for name in LOOKS if getattr(look, name) != look.param[name].default}
        times, energies = (list(pair) if pair else None for pair in (selection.time_range, selection.energy_range))
        return cls(shown, zoom, chosen, selection.source, _range(times, *MISSION_DAYS), _range(energies, *ENERGIES))

    @classmethod
    def of_json(cls, text: str) -> View:
        """What can be meant of a text; the rest, and all of what is no view, is as if it were not there."""
        try:
            told = json.loads(text) if len(text) <= LONGEST else {}
        except (ValueError, RecursionError):
            told = {}
        if not isinstance(told, dict):
            return cls()
        shown, source, look = told.get("shown"), told.get("source"), told.get("look")
        return cls(
            shown if type(shown) is int and 0 <= shown < 1000 else None,
            _zoom(told.get("zoom")),
            {name: value for name, value in look.items() if _is_look(name, value)} if isinstance(look, dict) else {},
            source if isinstance(source, str) and len(source) <= LONGEST_NAME and source.isprintable() else "",
            _range(told.get("time_range"), *MISSION_DAYS),
            _range(told.get("energy_range"), *ENERGIES),
        )

    def to_json(self) -> str:
        """A short text of what is not as a page shows it by itself."""
        told = {name: getattr(self, name) for name in ("shown", "zoom", "look", "source", "time_range", "energy_range")}
        return json.dumps({name: value for name, value in told.items() if value not in (None, "", {})}, separators=(",", ":"))


def _numbers(value: object, count: int) -> tuple[float, ...]:
    """That many numbers, () when it is not."""
    if not isinstance(value, list) or len(value) != count:
        return ()
    return tuple(map(float, value)) if all(type(each) in (int, float) and abs(each) < 1e9 for each in value) else ()


def _zoom(value: object) -> tuple[float, float, float] | None:
    match _numbers(value, 3):
        case (ra, dec, half) if 0 <= ra < 360 and abs(dec) <= 90 and 0 < half <= WIDEST:
            return ra, dec, half
    return None


def _range(value: object, lowest: float, highest: float) -> tuple[float, float] | None:
    match _numbers(value, 2):
        case (start, stop) if lowest <= start < stop <= highest:
            return start, stop
    return None


def _is_look(name: object, value: object) -> bool:
    if name not in LOOKS:
        return False
    allowed = getattr(SkyLook.param[name], "objects", [True, False])
    return any(value == each and type(value) is type(each) for each in allowed)
