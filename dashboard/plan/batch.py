"""A batch: the unit that is asked, stored, repeated and shared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Batch:
    """One query to a dispatcher.

    Attributes
    ----------
    host
        `host_type`: results of different hosts never stand for each other.
    parameters
        What is sent, canonical: only what changes the result, sorted keys, JSON types. Always has `instrument`,
        `product_type`, `scw_list` (list of ids with version). Never a token.
    owner
        "" for public data, else the user whose private data it may hold.
    exposure
        Elapsed seconds of its science windows. Not part of the identity.
    tstart, tstop
        IJD (TT) of its first and last science window. Not part of the identity.
    batch_id
        24 hex digits of the SHA-256 of host, owner and canonical parameters: equal work, equal id.
    """

    host: str
    parameters: Mapping[str, Any]
    owner: str = ""
    exposure: float = 0.0
    tstart: float = float("nan")
    tstop: float = float("nan")
    batch_id: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        canonical = json.dumps(
            {"host": self.host, "owner": self.owner, "parameters": dict(self.parameters)},
            sort_keys=True,
            separators=(",", ":"),
            allow_nan=False,
        )
        object.__setattr__(self, "batch_id", hashlib.sha256(canonical.encode()).hexdigest()[:24])

    @property
    def scw(self) -> tuple[str, ...]:
        """Science windows with version, in time order."""
        return tuple(self.parameters["scw_list"])
