"""The one run that a link opens, to be looked at."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from dashboard.errors import RunNotFound
from dashboard.identity import BY_LINK
from dashboard.runs.links import Link, link_id_of, link_of, opened_by
from dashboard.runs.run_state import RunState
from dashboard.runs.run_view import RunView
from dashboard.runs.schema import runs
from dashboard.settings import Settings


class SharedRun(RunView):
    """A store with one run in it, which nobody can change, for as long as the link opens it: that is looked up at every reading.

    Parameters
    ----------
    settings
        Where it is kept.
    link_id
        See `dashboard.runs.links`.
    clock
        Seconds since 1970 (UTC).
    """

    def __init__(self, settings: Settings, link_id: str, clock: Callable[[], float] = time.time) -> None:
        super().__init__(settings, "")
        self.link_id, self._clock = link_id, clock

    @classmethod
    def of_secret(cls, settings: Settings, secret: str, clock: Callable[[], float] = time.time) -> SharedRun:
        """What the secret of an address opens; whether it does is found when it is read."""
        return cls(settings, link_id_of(secret), clock)

    @property
    def link(self) -> Link:
        """The link itself.

        Raises
        ------
        LinkEnded
            When it opens no run (any more).
        """
        with self._database.reading() as connection:
            return link_of(connection, self.link_id, self._clock())

    def state(self, run_id: str, former: RunState | None = None) -> RunState:
        """As in a `RunView`, without what is the owner's: name, address, jobs at the dispatcher."""
        return without_owner(super().state(run_id, former))

    @property
    def _visible(self) -> tuple[sa.ColumnElement[bool], ...]:
        return (runs.c.run_id.in_(opened_by(self.link_id, self._clock())),)

    def _row(self, connection: sa.Connection, run_id: str, *columns: sa.Column[Any]) -> sa.Row[Any]:
        try:
            return super()._row(connection, run_id, *columns)
        except RunNotFound:
            link_of(connection, self.link_id, self._clock())  # says it when the link is the reason
            raise


def seen_by(settings: Settings, holder: str) -> RunView:
    """The runs that the holder of a download ticket may see: a user's, or the one of a link."""
    if holder.startswith(BY_LINK):
        return SharedRun(settings, holder.removeprefix(BY_LINK))
    return RunView(settings, holder)


def without_owner(state: RunState) -> RunState:
    """A run as those see it who are not its owner."""
    return replace(state, owner="", tell="", batches=tuple(replace(batch, job_id="") for batch in state.batches))
