"""Things of which a process has one for each deployment it serves, shared by all its sessions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from dashboard.settings import Settings

Shared = TypeVar("Shared")


class OneEach(Generic[Shared]):
    """Makes the thing when it is first asked for; safe to call from several threads."""

    def __init__(self, make: Callable[[Settings], Shared]) -> None:
        self._make = make
        self._made: dict[tuple[object, ...], Shared] = {}
        self._lock = threading.Lock()

    def __call__(self, settings: Settings) -> Shared:
        """That of a deployment."""
        key = (settings.data_dir, settings.database_url, settings.storage_url, settings.hosts_file)
        with self._lock:
            if key not in self._made:
                self._made[key] = self._make(settings)
            return self._made[key]
