"""What a visitor sees of an error nobody expected: one sentence and a number under which the log has the rest."""

from __future__ import annotations

import logging
import secrets

import panel as pn

from dashboard.errors import DashboardError

log = logging.getLogger(__name__)


def report(error: Exception) -> None:
    """Panel's exception handler: our own errors and param's refusals speak for themselves, the rest gets a number."""
    if isinstance(error, DashboardError | ValueError):
        sentence = str(error)
    else:
        number = secrets.token_hex(3)
        log.error("incident %s", number, exc_info=error)
        sentence = f"Something went wrong that should not have (incident {number}). The run goes on; load the page again."
    if pn.state.notifications is not None:
        pn.state.notifications.error(sentence, duration=10_000)
