"""Tokens as a dispatcher signs them, with a secret of the tests' own."""

from __future__ import annotations

import time
from typing import Any

import jwt

SECRET = "a secret of at least thirty-two bytes"


def signed(*roles: str, lasts: float | None = 3600.0, **claims: Any) -> str:
    """A token with these roles that expires in so many seconds; None: never."""
    expiry = {} if lasts is None else {"exp": time.time() + lasts}
    return jwt.encode({"sub": "ada@example.invalid", "roles": ",".join(roles), **expiry, **claims}, SECRET, algorithm="HS256")
