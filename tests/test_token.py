"""A token given on the page reaches the dispatcher, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import jwt
import pytest

from dashboard.errors import NotAuthorized, TokenExpired
from dashboard.identity import Identity
from dashboard.session import Session
from dashboard.settings import Settings
from tests.waiting import wait_for_run

SECRET = "secretkey_test"
# The observatory signs as the recorded test server did: with a short secret.
pytestmark = pytest.mark.filterwarnings("ignore:The HMAC key is 14 bytes long")


def token(roles: str, hours: float = 1.0) -> str:
    claims = {"sub": "user@example.invalid", "name": "test", "roles": roles, "exp": datetime.now(UTC) + timedelta(hours=hours)}
    return jwt.encode(claims, SECRET, algorithm="HS256")


def test_roles_of_the_token_open_larger_batches_and_the_token_is_written_nowhere(settings: Settings) -> None:
    session = Session(settings, Identity(origin="page"))
    session.request.param.update(T2="2009-03-01T00:00:00", s_max=200)
    session.accept(*session.propose())
    assert list(session.roles_missing) == ["unige-hpc-full"]
    given = token("general, unige-hpc-full")
    session.take_token(given)
    assert list(session.roles_missing) == []
    state = wait_for_run(session.store, session.start())
    assert state.state == "done", [batch.reason for batch in state.batches]
    assert max(len(batch.scw) for batch in state.batches) > 50
    written = b"".join(path.read_bytes() for path in settings.data_dir.rglob("*") if path.is_file())
    signature = given.rsplit(".", 1)[1].encode()
    assert signature not in written
    assert given.encode() not in written


def test_without_the_role_the_server_says_so(settings: Settings) -> None:
    session = Session(settings, Identity(origin="page"))
    session.request.param.update(T2="2009-03-01T00:00:00", s_max=200)
    session.accept(*session.propose())
    state = wait_for_run(session.store, session.start())
    assert state.state == "done with failures"
    assert any("unige-hpc-full" in batch.reason for batch in state.batches)


def test_what_is_no_token_or_too_old_is_refused_at_once(settings: Settings) -> None:
    session = Session(settings, Identity(origin="page"))
    with pytest.raises(NotAuthorized, match="cannot be read"):
        session.take_token("garbage")
    with pytest.raises(TokenExpired, match="expired"):
        session.take_token(token("general", hours=-1))
    assert session.identity.roles == ()
