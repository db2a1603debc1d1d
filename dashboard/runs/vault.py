"""Tokens of users, sealed, for as long as one of their runs needs them.

A token is for one host, and sealed (Fernet: AES-128-CBC with HMAC-SHA256, github.com/fernet/spec) together with the names
of its owner and host, so that a row moved elsewhere opens nothing. Tokens stand in no other table, file, log or argument.
"""

from __future__ import annotations

import base64
import json
import logging
import math
import time

import sqlalchemy as sa
from cryptography.fernet import Fernet, InvalidToken

from dashboard.dispatcher.token import inspect
from dashboard.errors import NotAuthorized, TokenExpired, TokenRefused
from dashboard.plan.batch import Batch
from dashboard.plan.roles import roles_of_batch
from dashboard.runs.database import Database, open_database
from dashboard.runs.run_state import ACTIVE_RUN, REVIEW
from dashboard.runs.schema import batches, run_batches, runs, tokens
from dashboard.runs.secret_key import derived_key
from dashboard.settings import Settings

NEEDING = (*ACTIVE_RUN, REVIEW)
"""States of a run that may have to send its owner's token."""

log = logging.getLogger(__name__)


class Vault:
    """Sealed tokens. Cheap to build; safe to use from several threads and processes."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def _database(self) -> Database:
        return open_database(self._settings)

    @property
    def _lock(self) -> Fernet:
        return Fernet(base64.urlsafe_b64encode(derived_key(self._settings, "token")))

    def keep(self, connection: sa.Connection, owner: str, host: str, token: str) -> None:
        """Put a token in the place of the owner's last one at this host, within a transaction of the caller's."""
        inspect(token)  # refuses what is none
        wake(connection, owner, host)
        content = json.dumps({"owner": owner, "host": host, "token": token.strip()})
        connection.execute(tokens.delete().where(tokens.c.owner == owner, tokens.c.host == host))
        connection.execute(
            tokens.insert().values(
                owner=owner,
                host=host,
                sealed=self._lock.encrypt(content.encode()).decode(),
                given=time.time(),
            )
        )

    def replace(self, owner: str, host: str, token: str) -> bool:
        """Use another token ("": none) from the next query on; whether a run needs one. Without such a run nothing is kept.

        Raises
        ------
        NotAuthorized
            When it is no token.
        """
        if token.strip():
            inspect(token)
        with self._database.writing() as connection:
            if not token.strip():
                connection.execute(tokens.delete().where(tokens.c.owner == owner, tokens.c.host == host))
                wake(connection, owner, host)
                return False
            needed = connection.scalar(
                sa.select(runs.c.run_id).where(runs.c.owner == owner, runs.c.host == host, runs.c.state.in_(NEEDING)).limit(1)
            )
            if needed is not None:
                self.keep(connection, owner, host, token)
        return needed is not None

    def token_for(self, batch: Batch) -> str:
        """The token to ask for a batch with: of those whose runs wait for it, one that has the roles; "" for none.

        Private batches are asked with the token of their owner alone.

        Raises
        ------
        TokenExpired, TokenRefused
            When the only tokens there were have expired, or were sealed with another key: their owner decides how to go on.
        """
        mine = sa.and_(tokens.c.owner == runs.c.owner, tokens.c.host == runs.c.host)
        query = (
            sa.select(runs.c.owner, runs.c.host, tokens.c.sealed)
            .distinct()
            .join(run_batches)
            .join(tokens, mine, isouter=True)
            .where(run_batches.c.batch_id == batch.batch_id, runs.c.state.in_(ACTIVE_RUN), runs.c.host == batch.host)
            .order_by(runs.c.owner)
        )
        if batch.owner:
            query = query.where(runs.c.owner == batch.owner)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        needed = roles_of_batch(batch.parameters)
        opened = [self._open(*row) for row in rows if row.sealed is not None]
        best = max(filter(None, opened), key=lambda token: _worth(token, needed), default="")
        if best and not inspect(best).expired:
            return best
        if not opened or (not needed and any(row.sealed is None for row in rows)):
            return ""  # somebody waits without a token
        if best:
            raise TokenExpired(f"The token for {batch.host} has expired: give a new one, or go on without.")
        raise TokenRefused(f"The token for {batch.host} was refused, or sealed with another key: give it again, or go on without.")

    def refused(self, host: str, token: str) -> None:
        """Never send a token again that the host does not accept; its owner has to give another, or none."""
        if inspect(token).expired:
            return  # it is not sent again anyhow, and its owner is told the reason
        with self._database.writing() as connection:
            for row in connection.execute(sa.select(tokens).where(tokens.c.host == host, tokens.c.sealed != "")).all():
                if self._open(row.owner, row.host, row.sealed) == token:
                    connection.execute(tokens.update().where(tokens.c.owner == row.owner, tokens.c.host == host).values(sealed=""))

    def _open(self, owner: str, host: str, sealed: str) -> str:
        """The token, "" when the host refused it, or it was sealed with another key or for somebody else."""
        if not sealed:
            return ""
        try:
            content = json.loads(self._lock.decrypt(sealed.encode()))
        except InvalidToken:
            log.warning("The token of %s for %s was sealed with another key: it has to be given again.", owner, host)
            return ""
        return str(content["token"]) if (content["owner"], content["host"]) == (owner, host) else ""

    def sweep(self) -> None:
        """Remove tokens that no run needs."""
        with self._database.writing() as connection:
            release(connection)


def release(connection: sa.Connection) -> None:
    """Remove the tokens whose owners have no run left that needs one."""
    waiting = sa.select(runs.c.run_id).where(runs.c.owner == tokens.c.owner, runs.c.host == tokens.c.host, runs.c.state.in_(NEEDING))
    connection.execute(tokens.delete().where(~sa.exists(waiting)))


def wake(connection: sa.Connection, owner: str, host: str) -> None:
    """Ask what waited for another token of this owner."""
    mine = sa.select(run_batches.c.batch_id).join(runs).where(runs.c.owner == owner, runs.c.host == host)
    waiting = (batches.c.batch_id.in_(mine), batches.c.state == "queued", batches.c.due == math.inf)
    connection.execute(batches.update().where(*waiting).values(due=0.0))


def _worth(token: str, needed: frozenset[str]) -> tuple[bool, bool]:
    try:
        facts = inspect(token)
    except NotAuthorized:
        return False, False
    return not facts.expired and needed <= set(facts.roles), not facts.expired
