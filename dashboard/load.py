"""The load of a deployment: what its administrators see. Numbers by host and by user; no run, source, request or token."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from dashboard.errors import NotAuthorized, RequestError, StorageAway
from dashboard.identity import Identity
from dashboard.runs.capacity import free_bytes
from dashboard.runs.database import open_database
from dashboard.runs.gate import Gate
from dashboard.runs.hints import hints
from dashboard.runs.stock import Stock
from dashboard.runs.tally import Tally, tally
from dashboard.settings import Settings


@dataclass(frozen=True, slots=True)
class Load:
    """A deployment at one moment.

    Attributes
    ----------
    tally
        Processes, runs, hosts.
    used, free
        Bytes of products, and bytes that are free for them; None when not known.
    used_by
        Bytes by user: the folders of his runs and the products they are made of. What several have is counted for each.
    told
        What happens and what can be done, see `dashboard.runs.hints`.
    """

    tally: Tally
    used: int | None
    free: int | None
    used_by: Mapping[str, int]
    told: tuple[str, ...]


def load_of(settings: Settings) -> Load:
    """Blocking: look at database and product store; a store that is away is told.

    Raises
    ------
    RunError
        When the database does not answer.
    """
    found, free = tally(settings), free_bytes(settings)
    told = hints(found, settings.hosts, free)
    try:
        stock = Stock(settings, time.time())
    except StorageAway as error:  # the rest is to be seen all the more
        return Load(found, None, free, {}, (*told, error.sentence))
    return Load(found, stock.n_bytes, free, _by_user(stock), told)


def _by_user(stock: Stock) -> dict[str, int]:
    sizes: defaultdict[str, int] = defaultdict(int)
    members: defaultdict[str, set[str]] = defaultdict(set)
    for run in stock.runs.values():
        sizes[run.owner] += run.n_bytes
        members[run.owner] |= run.batch_ids
    return {owner: size + sum(stock.batches[batch_id].n_bytes for batch_id in members[owner]) for owner, size in sizes.items()}


def administers(settings: Settings, identity: Identity) -> bool:
    """Whether a user is one of the deployment's administrators; where there is one user only the command line is enough."""
    return not settings.single_user and identity.user in settings.administrators


class Administration:
    """What an administrator sees, and may do, on the page.

    Parameters
    ----------
    settings
        Of the deployment.
    identity
        Who asks; whoever else asks is refused by every method (NotAuthorized).
    """

    def __init__(self, settings: Settings, identity: Identity) -> None:
        self._settings, self._identity = settings, identity

    def load(self) -> Load:
        """Blocking: see `load_of`."""
        self._refuse_others()
        return load_of(self._settings)

    def pause(self, host: str, minutes: float, reason: str) -> None:
        """Blocking: ask nothing of a host for so long; runs wait, and their owners read the reason.

        Raises
        ------
        RequestError
            When there is no such host, or the time is none.
        """
        if not 0 < minutes < float("inf"):
            raise RequestError(f"A pause of {minutes:g} minutes is none: give a number above 0.")
        self._gate(host).pause(host, 60 * minutes, reason.strip() or "paused by the administrator")

    def resume(self, host: str) -> None:
        """Blocking: end a pause, whoever began it; errors as in `pause`."""
        self._gate(host).resume(host)

    def _gate(self, host: str) -> Gate:
        self._refuse_others()
        if host not in self._settings.hosts:
            raise RequestError(f"There is no host {host[:60]!r}: choose one of {', '.join(self._settings.hosts)}.")
        return Gate(open_database(self._settings), self._settings.hosts)

    def _refuse_others(self) -> None:
        if not administers(self._settings, self._identity):
            raise NotAuthorized("This is for the administrators of the deployment, whom INTEGRAL_DASHBOARD_ADMINS names.")
