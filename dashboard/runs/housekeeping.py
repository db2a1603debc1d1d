"""The deployment's retention, applied by the worker now and then."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

import sqlalchemy as sa

from dashboard.errors import DashboardError
from dashboard.runs.database import open_database
from dashboard.runs.retention import planned_removals, remove, what_stays
from dashboard.runs.schema import meta
from dashboard.settings import Settings

EVERY_SECONDS: Final = 3600.0
_KEY: Final = "retention_at"

log = logging.getLogger(__name__)


class Housekeeping:
    """Applies retention at most once an hour, however many workers come and go; nothing when the deployment sets none.

    Parameters
    ----------
    settings
        What is kept, and where.
    clock
        Seconds since 1970 (UTC).
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self._settings, self._clock = settings, clock
        self._wanted = settings.keep_days is not None or settings.keep_gigabytes is not None
        self._next = 0.0

    def begin_when_due(self) -> None:
        """Begin in the background when an hour is over; costs nothing when it is not."""
        if self._wanted and self._clock() >= self._next:
            self._next = self._clock() + EVERY_SECONDS
            threading.Thread(target=self._try, name="retention", daemon=True).start()

    def apply_when_due(self) -> int:
        """Apply it unless somebody did within the hour; the bytes that this freed.

        Raises
        ------
        ProductError, RunError
            When store or database fail.
        """
        now = self._clock()
        if not self._wanted or not self._is_due(now):
            return 0
        keep = {"days": self._settings.keep_days, "gigabytes": self._settings.keep_gigabytes}
        removals = planned_removals(self._settings, **keep, now=now)
        for removal in removals:
            log.info("Retention: %s %s, %d bytes. %s", removal.kind, removal.id, removal.n_bytes, removal.reason)
        freed = remove(self._settings, removals)
        if removals:
            log.info("Retention: %d bytes are free again.", freed, extra={"bytes": freed})
        if stays := what_stays(self._settings, (), self._settings.keep_gigabytes):
            log.warning("Retention: %s", stays)
        return freed

    def _try(self) -> None:
        try:
            self.apply_when_due()
        except DashboardError as error:
            log.warning("Retention: %s", error.sentence)
        except Exception:
            log.exception("Retention")

    def _is_due(self, now: float) -> bool:
        """Whether an hour is over since somebody began; then it is noted that we do."""
        with open_database(self._settings).writing() as connection:
            last = connection.scalar(sa.select(meta.c.value).where(meta.c.key == _KEY))
            if last is not None and 0 <= now - float(last) < EVERY_SECONDS:
                return False
            connection.execute(meta.delete().where(meta.c.key == _KEY))
            connection.execute(meta.insert().values(key=_KEY, value=str(now)))
        return True
