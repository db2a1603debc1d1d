"""Tickets: who may fetch which file until when, signed so that an address alone opens nothing else."""

from __future__ import annotations

import hashlib
import hmac
import time

from dashboard.runs.secret_key import derived_key
from dashboard.settings import Settings

LIFETIME = 12 * 3600.0


def _signature(settings: Settings, user: str, run_id: str, name: str, expires: int) -> str:
    text = "\n".join((user, run_id, name, str(expires)))
    return hmac.new(derived_key(settings, "ticket"), text.encode(), hashlib.sha256).hexdigest()[:32]


def ticket(settings: Settings, user: str, run_id: str, name: str, lifetime: float = LIFETIME) -> str:
    """A ticket for one file of one run."""
    expires = int(time.time() + lifetime)
    return f"{user}.{expires}.{_signature(settings, user, run_id, name, expires)}"


def holder(settings: Settings, text: str, run_id: str, name: str) -> str:
    """The user a ticket was made for, "" when it is forged, for another file, or too old."""
    user, expires, signature = ("", "", *text.rsplit(".", 2))[-3:]
    if not (expires.isascii() and expires.isdigit() and signature.isascii()) or int(expires) < time.time():
        return ""
    return user if hmac.compare_digest(signature, _signature(settings, user, run_id, name, int(expires))) else ""
