"""Where a product comes from, as FITS header cards: the same words in every kind of file."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from dashboard.products.mosaic import Provenance


def origin_cards(origin: Provenance) -> dict[str, tuple[Any, str]]:
    """Value and comment by keyword: who computed it, with what, from how much of what was asked."""
    return {
        "ORIGIN": (origin.origin, "no observation of the sky" if origin.simulated else "centre that analysed"),
        "MMODAHST": (origin.host, "dispatcher that computed the parts"),
        "OSAVERS": (origin.osa_version, "analysis software"),
        "DATAVERS": (origin.data_version, "CONS or NRT"),
        "NBATUSED": (origin.batches_used, "batches in this product"),
        "NBATASK": (origin.batches_asked, "batches asked"),
        "NSCW": (len(origin.scw) or None, "science windows"),
        "SIMSEED": (origin.seed, "seed of the simulation"),
    }


def known_cards(cards: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Any, str]]]:
    """Those cards that have a value, as a FITS header takes it: printable ASCII, no NaN. A bare value has no comment."""
    for key, card in cards.items():
        value, comment = card if isinstance(card, tuple) else (card, "")
        if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
            continue
        yield key, (plain(value) if isinstance(value, str) else value, comment)


def plain(text: str) -> str:
    """What a FITS header takes: printable ASCII."""
    return re.sub(r"[^ -~]", "?", text)
