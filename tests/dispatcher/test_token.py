from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from dashboard.dispatcher.token import inspect, redact
from dashboard.errors import NotAuthorized

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def token(**claims: Any) -> str:
    return jwt.encode(claims, "a secret of at least thirty-two bytes", algorithm="HS256")


@pytest.mark.parametrize("roles", ["general, unige-hpc-full,", ["unige-hpc-full", "general"]])
def test_roles_come_as_text_or_list(roles: Any) -> None:
    facts = inspect(token(name="Ada", roles=roles, exp=NOW.timestamp() + 60), NOW)
    assert facts.roles == ("general", "unige-hpc-full")
    assert (facts.name, facts.expires, facts.expired) == ("Ada", NOW + timedelta(minutes=1), False)


def test_expiry_is_judged_at_the_time_given() -> None:
    text = token(sub="ada@example.invalid", exp=NOW.timestamp())
    assert inspect(text, NOW).expired
    assert not inspect(text, NOW - timedelta(seconds=1)).expired
    assert inspect(text, NOW).name == "ada@example.invalid"


def test_without_expiry_and_roles() -> None:
    facts = inspect(f" {token(email='x@y')}\n", NOW)
    assert (facts.name, facts.roles, facts.expires, facts.expired) == ("x@y", (), None, False)


@pytest.mark.parametrize("text", ["", "garbage", "a.b.c", token(exp="soon"), token(exp=1e30), token(exp=[1]), token(), "é.é.é"])
def test_garbage_is_refused_in_a_sentence_without_it(text: str) -> None:
    with pytest.raises(NotAuthorized) as caught:
        inspect(text, NOW)
    assert "cannot be read" in caught.value.sentence
    assert not text or text not in caught.value.sentence


def test_redact_masks_the_token_and_any_other() -> None:
    mine, other = token(sub="me"), token(sub="other")
    masked = redact(f"?token={mine}&x=1 {other} and s3cret", "s3cret")
    assert masked == "?token=[token]&x=1 [token] and [token]"
    assert redact("nothing", "") == "nothing"
