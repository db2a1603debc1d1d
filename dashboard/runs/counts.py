"""What happened at each host, counted as it happens: reading it costs the same after ten batches and after a million.

Rows of batches go with retention; these numbers only grow.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from dashboard.runs.schema import counts

LIMITS: Final = (30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, math.inf)
"""Upper edges, in seconds, of the classes in which the durations of batches are counted."""


@dataclass(frozen=True, slots=True)
class HostCounts:
    """Since the first batch.

    Attributes
    ----------
    done
        Batches whose product was stored.
    n_bytes
        Size of the answers.
    given_up, asked_again
        Tries that ended without a product, for good or not.
    seconds
        From submission to stored product, summed over the batches of `durations`.
    durations
        Batches that took at most so many seconds and more than the limit before, for each of `LIMITS`.
    """

    done: int = 0
    n_bytes: int = 0
    given_up: int = 0
    asked_again: int = 0
    seconds: float = 0.0
    durations: tuple[int, ...] = (0,) * len(LIMITS)


def count_done(connection: sa.Connection, host: str, seconds: float | None, n_bytes: int) -> None:
    """A product is stored.

    Parameters
    ----------
    connection
        A transaction that writes.
    host
        Where it comes from.
    seconds
        Since its submission; None for one that was in the store already: nothing was received.
    n_bytes
        Size of the answer.
    """
    _add(connection, host, "done", 1)
    if seconds is not None:
        _add(connection, host, "bytes", n_bytes)
        _add(connection, host, "seconds", seconds)
        _add(connection, host, _class(next(limit for limit in LIMITS if seconds <= limit)), 1)


def count_failed(connection: sa.Connection, host: str, *, given_up: bool) -> None:
    """A try ended without a product."""
    _add(connection, host, "given up" if given_up else "asked again", 1)


def counted(connection: sa.Connection) -> Mapping[str, HostCounts]:
    """What was counted, by host."""
    numbers: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
    for row in connection.execute(sa.select(counts)):
        numbers[row.host][row.what] = row.number
    return {
        host: HostCounts(
            done=int(found["done"]),
            n_bytes=int(found["bytes"]),
            given_up=int(found["given up"]),
            asked_again=int(found["asked again"]),
            seconds=found["seconds"],
            durations=tuple(int(found[_class(limit)]) for limit in LIMITS),
        )
        for host, found in numbers.items()
    }


def _class(limit: float) -> str:
    return f"within {limit:g} s"


def _add(connection: sa.Connection, host: str, what: str, number: float) -> None:
    here = (counts.c.host == host, counts.c.what == what)
    if not connection.execute(counts.update().where(*here).values(number=counts.c.number + number)).rowcount:
        connection.execute(counts.insert().values(host=host, what=what, number=number))
