"""What was made with effort and may be wanted again soon, within a limit."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Kept(Generic[Value]):
    """The values used last, as many as weigh no more than a limit together.

    Safe to use from several threads. Values are shared: nobody may change them.

    Parameters
    ----------
    limit
        Of all weights.
    weight
        Of a value; without it each weighs 1.
    """

    def __init__(self, limit: float, weight: Callable[[Value], float] = lambda _: 1.0) -> None:
        self._limit, self._weight = limit, weight
        self._held: OrderedDict[Hashable, tuple[Value, float]] = OrderedDict()
        self._total = 0.0
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Value | None:
        """The value; None when it is not kept."""
        with self._lock:
            if key not in self._held:
                return None
            self._held.move_to_end(key)
            return self._held[key][0]

    def put(self, key: Hashable, value: Value) -> None:
        """Keep a value, and forget those that were not used for longest."""
        weight = self._weight(value)
        with self._lock:
            self._total += weight - self._held.pop(key, (value, 0.0))[1]
            self._held[key] = value, weight
            while self._total > self._limit:
                self._total -= self._held.popitem(last=False)[1][1]

    @property
    def total(self) -> float:
        """Weight of all that is kept."""
        return self._total
