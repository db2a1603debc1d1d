"""Telling the outside that a run has ended or waits for its owner, in the background: a slow mail server keeps no run waiting."""

from __future__ import annotations

import logging
import threading
from typing import Final

from dashboard.errors import DashboardError
from dashboard.notices.mail_server import MailServer, mail_server
from dashboard.notices.news import News
from dashboard.notices.sending import send_all
from dashboard.runs.run_state import RunState
from dashboard.runs.run_view import RunView
from dashboard.settings import Settings

TOLD: Final = frozenset({"done", "done with failures", "review", "waiting"})
"""States an owner wants to hear of; whoever cancels a run knows it."""

log = logging.getLogger(__name__)


def news_of(state: RunState, address: str) -> News:
    """What there is to tell of a run.

    Parameters
    ----------
    state
        The run.
    address
        Of the page, "" when the deployment does not say.
    """
    where = f"{address.rstrip('/')}/app?run={state.run_id}" if address else ""
    return News(state.run_id, state.name, state.owner, state.state, state.line_of_truth, state.reason, state.simulated, where)


class Announcer:
    """Sends by the ways that the deployment has set up; nothing when there are none."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._mail: MailServer | None = mail_server(settings.mail_url) if settings.mail_url else None

    def tell(self, run_id: str, state: str) -> None:
        """Tell that a run has taken a new state; it is told once however often it waits."""
        if state in TOLD and (self._settings.webhook_url or self._mail):
            threading.Thread(target=self._send, args=(run_id,), name=f"news of {run_id}", daemon=True).start()

    def _send(self, run_id: str) -> None:
        try:
            state = RunView(self._settings).state(run_id)
            for failure in send_all(self._settings.webhook_url, self._mail, state.tell, news_of(state, self._settings.address)):
                log.warning("Run %s: %s", run_id, failure)
        except DashboardError as error:
            log.warning("Run %s: nobody was told: %s", run_id, error.sentence)
