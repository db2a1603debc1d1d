"""What a visitor sees of an error nobody expected: one sentence and a number under which the log has the rest."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable

from dashboard.errors import DashboardError
from dashboard.session import Session

log = logging.getLogger(__name__)


def reporter(session: Session) -> Callable[[Exception], None]:
    """Panel's exception handler: our own errors and param's refusals speak for themselves, the rest gets a number."""

    def report(error: Exception) -> None:
        if isinstance(error, DashboardError | ValueError):
            sentence = str(error)
        else:
            number = secrets.token_hex(3)
            log.error("incident %s", number, exc_info=error)
            sentence = f"Something went wrong that should not have (incident {number}). The run goes on; load the page again."
        session.param.update(problem=sentence, busy="")

    return report
