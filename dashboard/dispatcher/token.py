"""What a token says, and keeping it out of every text.

A token is a JSON web token (RFC 7519) signed by the dispatcher's operators. Its signature cannot be checked here; the
dispatcher does that. Reading it tells the user in advance which roles it carries and when it expires.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt

from dashboard.errors import NotAuthorized

MASK = "[token]"
_JWT = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*")


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """Contents of a token, unverified.

    Attributes
    ----------
    name
        The user's name, else e-mail address, else "".
    roles
        Dispatcher roles, sorted.
    expires
        UTC; None for a token without expiry.
    expired
        At the time of the inspection.
    """

    name: str
    roles: tuple[str, ...]
    expires: datetime | None
    expired: bool


def inspect(token: str, now: datetime | None = None) -> TokenFacts:
    """Read a token without its secret.

    Raises
    ------
    NotAuthorized
        When it is no JSON web token.
    """
    try:
        claims: dict[str, Any] = jwt.decode(token.strip(), options={"verify_signature": False})
        expires = datetime.fromtimestamp(float(claims["exp"]), UTC) if "exp" in claims else None
    except (jwt.InvalidTokenError, TypeError, ValueError, OverflowError, OSError):
        expires, claims = None, {}
    if not claims:
        raise NotAuthorized("The token cannot be read: copy it again as a whole from the MMODA page, or go on without one.")
    roles = claims.get("roles") or ()
    names = roles.split(",") if isinstance(roles, str) else [str(role) for role in roles] if isinstance(roles, list | tuple) else []
    return TokenFacts(
        name=str(claims.get("name") or claims.get("email") or claims.get("sub") or ""),
        roles=tuple(sorted({name.strip() for name in names} - {""})),
        expires=expires,
        expired=expires is not None and expires <= (now or datetime.now(UTC)),
    )


def subject(token: str) -> str:
    """Whose token it is: the e-mail address by which a dispatcher tells users apart; "" when it does not say."""
    try:
        return str(jwt.decode(token.strip(), options={"verify_signature": False}).get("sub") or "")
    except jwt.InvalidTokenError:
        return ""


def redact(text: str, token: str = "") -> str:
    """The text with `token`, and whatever else looks like a JSON web token, masked."""
    return _JWT.sub(MASK, text.replace(token, MASK) if token else text)
