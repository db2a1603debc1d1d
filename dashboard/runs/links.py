"""Links to runs: whoever has one may look at its run and nothing else. The store keeps a hash of it, never the link itself."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from dashboard.errors import LinkEnded
from dashboard.runs.database import open_database
from dashboard.runs.schema import links
from dashboard.settings import Settings

SECRET_BYTES: Final = 24
"""192 random bits: nobody guesses them, and a plain hash hides them."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link as its maker sees it. All times are seconds since 1970 (UTC).

    Attributes
    ----------
    link_id
        Hash of the secret.
    run_id, name
        The run it opens, and for whom it was made.
    created, expires, revoked
        `expires` is None for ever, `revoked` None while it is not.
    view
        What was looked at when it was made, see `dashboard.view`.
    """

    link_id: str
    run_id: str
    name: str
    created: float
    expires: float | None
    revoked: float | None
    view: str

    @classmethod
    def of_row(cls, row: sa.Row[Any]) -> Link:
        """From a row of `links`."""
        return cls(row.link_id, row.run_id, row.name, row.created, row.expires, row.revoked, row.view_json)

    def opens(self, now: float) -> bool:
        """Whether it still opens its run."""
        return self.revoked is None and (self.expires is None or now < self.expires)


def new_secret() -> str:
    """Letters, digits, - and _, as they may stand in an address."""
    return secrets.token_urlsafe(SECRET_BYTES)


def link_id_of(secret: str) -> str:
    """The hash under which a link is kept."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def opened_by(link_id: str, now: float) -> sa.Select[tuple[str]]:
    """Query for the run that a link opens now."""
    lasting = sa.or_(links.c.expires.is_(None), links.c.expires > now)
    return sa.select(links.c.run_id).where(links.c.link_id == link_id, links.c.revoked.is_(None), lasting)


def link_of(connection: sa.Connection, link_id: str, now: float) -> Link:
    """What is known of a link that opens its run.

    Raises
    ------
    LinkEnded
        When it does not.
    """
    row = connection.execute(sa.select(links).where(links.c.link_id == link_id)).one_or_none()
    if row is None:
        raise LinkEnded("This link opens no run: it was cut when it was copied, or its run was deleted; ask whoever sent it.")
    link = Link.of_row(row)
    if not link.opens(now):
        word = "has expired" if link.revoked is None else "was revoked"
        raise LinkEnded(f"This link {word}: ask whoever sent it for another.")
    return link


def open_links(settings: Settings, link_ids: Collection[str]) -> set[str]:
    """Those of the links that open their runs now, in one query."""
    now = time.time()
    with open_database(settings).reading() as connection:
        found = connection.execute(sa.select(links).where(links.c.link_id.in_(list(link_ids))))
        return {link.link_id for link in map(Link.of_row, found) if link.opens(now)}
