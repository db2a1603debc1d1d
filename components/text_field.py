"""Parameters that are lists or one of several kinds, written as one line of text."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import panel as pn

from dashboard.errors import RequestError
from dashboard.request.request import Request

_BAND = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:-|–|to)\s*(\d+(?:\.\d+)?)\s*(?:keV)?\s*", re.IGNORECASE)
_REVOLUTIONS = re.compile(r"\s*(\d{1,4})\s*(?:(?:-|–|to)\s*(\d{1,4})\s*)?")


def times_text(value: Any) -> str:
    """T1 or T2 as it is typed; several separated by semicolons."""
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value)


def times_of(text: str) -> Any:
    """The value of what is typed for T1 or T2: text, or a list of texts."""
    parts = [part.strip() for part in text.split(";") if part.strip()]
    return parts if len(parts) > 1 else "".join(parts)


def bands_text(value: Any) -> str:
    """Bands as they are typed."""
    return ", ".join(f"{low:g}–{high:g}" for low, high in value)


def bands_of(text: str) -> list[list[float]]:
    """The bands of "28-40, 40-80".

    Raises
    ------
    RequestError
        For a part that is no pair of energies.
    """
    bands = []
    for part in filter(str.strip, re.split(r"[,;]", text)):
        found = _BAND.fullmatch(part)
        if found is None:
            raise RequestError(f"{part.strip()[:40]!r} is no band: write 28-40, 40-80 (keV).", "bands")
        bands.append([float(found[1]), float(found[2])])
    return bands


def revolutions_text(value: Any) -> str:
    """Revolutions as they are typed; three or more in a row as 1554-1558."""
    runs: list[list[int]] = []
    for number in value:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)


def revolutions_of(text: str) -> list[int]:
    """The revolutions of "1554, 1556-1558".

    Raises
    ------
    RequestError
        For a part that is none.
    """
    found: list[int] = []
    for part in filter(str.strip, re.split(r"[,;]", text)):
        match = _REVOLUTIONS.fullmatch(part)
        if match is None or int(match[2] or match[1]) < int(match[1]):
            raise RequestError(f"{part.strip()[:40]!r} is no revolution: write 1554, 1556-1558.", "revolutions")
        found += range(int(match[1]), int(match[2] or match[1]) + 1)
    return found


def ids_text(value: Any) -> str:
    """Ids as they are typed."""
    return ", ".join(map(str, value))


def ids_of(text: str) -> list[str]:
    """The ids of "02200120001, 02200120002"."""
    return text.replace(",", " ").replace(";", " ").split()


CONVERTED: dict[str, tuple[Callable[[Any], str], Callable[[str], Any]]] = {
    "T1": (times_text, times_of),
    "T2": (times_text, times_of),
    "bands": (bands_text, bands_of),
    "revolutions": (revolutions_text, revolutions_of),
    "observations": (ids_text, ids_of),
}
"""By parameter: its text, and back."""


class TextField(pn.widgets.TextInput):
    """Bound both ways to a parameter of `CONVERTED`; `refuse` gets the error of what cannot be read, as long as it stands there."""

    def __init__(self, request: Request, name: str, refuse: Callable[[RequestError], None], **params: Any) -> None:
        write, read = CONVERTED[name]
        super().__init__(value=write(getattr(request, name)), **params)
        self._refused: RequestError | None = None

        def typed(event: Any) -> None:
            before, self._refused = self._refused, None
            try:
                if event.new != write(getattr(request, name)):
                    request.param.update(**{name: read(event.new)})
            except RequestError as error:
                self._refused = error
                refuse(error)
                return
            if before is not None:
                request.param.trigger(name)  # its fault goes, even where it is what was asked before

        def remind(*_: Any) -> None:
            """Whoever judges the request anew does not know what stands here."""
            if self._refused is not None:
                refuse(self._refused)

        self.param.watch(typed, "value")
        request.param.watch(lambda event: self.param.update(value=write(event.new)), name)
        request.param.watch(remind, list(request.param))
