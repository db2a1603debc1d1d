"""When a batch that failed is asked again."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from dashboard.errors import DashboardError, StorageAway, StorageFull
from dashboard.hosts import SIMULATED


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Pauses between tries: doubling, capped, spread by chance so that batches do not come back together.

    Attributes
    ----------
    tries
        Failures after which a batch is given up.
    first, cap
        Seconds.
    no_storage
        Seconds until the next try when no space is left or the product store is away; such tries are not counted.
    draw
        Uniform in [0, 1).
    """

    tries: int = 4
    first: float = 10.0
    cap: float = 300.0
    no_storage: float = 30.0
    draw: Callable[[], float] = random.random

    @classmethod
    def of(cls, host: str) -> RetryPolicy:
        """The policy for a host of this name: the simulated one is back within a second."""
        return cls(first=0.4, cap=3.0) if host == SIMULATED else cls()

    def pause(self, error: DashboardError, failures: int) -> float | None:
        """Seconds until a batch is asked again after its `failures`-th failure (1, 2, ...); None: never."""
        if isinstance(error, StorageFull | StorageAway):
            return self.no_storage
        if not error.retryable or failures >= self.tries:
            return None
        return min(self.cap, self.first * 2.0 ** (failures - 1)) * (0.5 + self.draw())
