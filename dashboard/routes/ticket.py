"""Tickets: who may fetch which file until when, signed so that an address alone opens nothing else."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from contextlib import suppress

from dashboard.settings import Settings

LIFETIME = 12 * 3600.0


def _key(settings: Settings) -> bytes:
    """The deployment's signing key, made once, readable by its owner only."""
    path = settings.data_dir / "ticket.key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        own = path.with_name(f".{secrets.token_hex(4)}.key")
        with os.fdopen(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(32))
        with suppress(FileExistsError):
            os.link(own, path)  # of several processes the first one's key stays
        own.unlink()
    return path.read_bytes()


def _signature(settings: Settings, user: str, run_id: str, name: str, expires: int) -> str:
    text = "\n".join((user, run_id, name, str(expires)))
    return hmac.new(_key(settings), text.encode(), hashlib.sha256).hexdigest()[:32]


def ticket(settings: Settings, user: str, run_id: str, name: str, lifetime: float = LIFETIME) -> str:
    """A ticket for one file of one run."""
    expires = int(time.time() + lifetime)
    return f"{user}.{expires}.{_signature(settings, user, run_id, name, expires)}"


def holder(settings: Settings, text: str, run_id: str, name: str) -> str:
    """The user a ticket was made for, "" when it is forged, for another file, or too old."""
    user, expires, signature = ("", "", *text.rsplit(".", 2))[-3:]
    if not expires.isdigit() or int(expires) < time.time():
        return ""
    return user if hmac.compare_digest(signature, _signature(settings, user, run_id, name, int(expires))) else ""
