"""A client without a screen that clicks: it chooses planes of the sky, and hears when their pixels have come."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import count
from time import perf_counter

from benchmarks.stage import Client

PLANES = ("significance", "flux", "exposure", "variance")
LONGEST = 120.0
LABELS, NAME = '"labels":["significance","flux"', 'RadioButtonGroup","id":"'
"""By which the chips that choose a plane are known in the document."""


@dataclass
class Clicker(Client):
    """Knows the chips from the document, and the answer by the sky's description, which names its plane."""

    chips: str = ""
    awaited: str = ""
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    clicks: count[int] = field(default_factory=lambda: count(1))

    async def _take(self) -> str | bytes:
        part = await super()._take()
        if isinstance(part, str):
            if not self.chips and LABELS in part:
                self.chips = part[: part.index(LABELS)].rpartition(NAME)[2].partition('"')[0]
            if self.awaited and self.awaited in part:
                self.heard.set()
        return part

    async def shown(self) -> None:
        """Wait for the map."""
        await self._hear("Sky, significance")

    async def click(self) -> float:
        """Seconds from the choice of the next plane until its pixels are here."""
        number = next(self.clicks) % len(PLANES)
        start = perf_counter()
        event = {"kind": "ModelChanged", "model": {"id": self.chips}, "attr": "active", "new": number}
        hearing = asyncio.create_task(self._hear(f"Sky, {PLANES[number]}"))
        await asyncio.sleep(0)
        await self._say("PATCH-DOC", {"events": [event]})
        await hearing
        return perf_counter() - start

    async def _hear(self, words: str) -> None:
        self.heard.clear()
        self.awaited = words
        await asyncio.wait_for(self.heard.wait(), LONGEST)
