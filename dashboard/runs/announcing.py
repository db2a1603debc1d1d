"""Telling the outside that a run has ended or waits for its owner, in the background: a slow mail server keeps no run waiting."""

from __future__ import annotations

import logging
import threading
import time
from typing import Final

from dashboard.errors import DashboardError, SettingsError
from dashboard.notices.mail_server import MailServer, mail_server
from dashboard.notices.news import News
from dashboard.notices.sending import send_all
from dashboard.runs.run_state import RunState
from dashboard.runs.run_view import RunView
from dashboard.settings import Settings

TOLD: Final = frozenset({"done", "done with failures", "review", "waiting"})
"""States an owner wants to hear of; whoever cancels a run knows it."""

PATIENCE: Final = 60.0

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
    """Sends by the ways that the deployment has set up; nothing when there are none.

    Parameters
    ----------
    settings
        Of the deployment. A mail server that cannot be meant is logged, and no mail is sent.
    patience
        Seconds for which a run must have waited before that is told: many waits are over sooner.
    """

    def __init__(self, settings: Settings, patience: float = PATIENCE) -> None:
        self._settings, self._patience = settings, patience
        self._mail: MailServer | None = None
        self._waits_told: dict[str, int] = {}
        if settings.mail_url:
            try:
                self._mail = mail_server(settings.mail_url)
            except SettingsError as error:
                log.error("No mail is sent: %s", error.sentence)

    def tell(self, run_id: str, state: str) -> None:
        """Tell that a run has taken a new state. That it waits is told once, until more of it has arrived."""
        if state in TOLD and (self._settings.webhook_url or self._mail):
            thread = threading.Thread(target=self._send, args=(run_id, state), name=f"news of {run_id}", daemon=True)
            if state != "waiting":
                _letters.append(thread)
            thread.start()

    def _send(self, run_id: str, state: str) -> None:
        try:
            if state == "waiting":
                threading.Event().wait(self._patience)
            run = RunView(self._settings).state(run_id)
            if state == "waiting" and (run.state != state or self._waits_told.get(run_id, -1) >= run.n_done):
                return
            if state == "waiting":
                self._waits_told[run_id] = run.n_done
            for failure in send_all(self._settings.webhook_url, self._mail, run.tell, news_of(run, self._settings.address)):
                log.warning("Run %s: %s", run_id, failure)
        except DashboardError as error:
            log.warning("Run %s: nobody was told: %s", run_id, error.sentence)


_letters: list[threading.Thread] = []


def finish_telling(seconds: float) -> None:
    """Let what is being sent go out before the process ends."""
    ends = time.monotonic() + seconds
    for letter in _letters:
        if letter.is_alive():
            letter.join(max(0.0, ends - time.monotonic()))
