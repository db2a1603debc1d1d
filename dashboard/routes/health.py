"""For supervisors: is the process alive, can it do its work."""

from __future__ import annotations

from tornado.web import RequestHandler

from dashboard import __version__
from dashboard.errors import DashboardError
from dashboard.runs.store import RunStore
from dashboard.settings import Settings


class Health(RequestHandler):
    """The process answers."""

    def get(self) -> None:
        """200 as long as the event loop turns."""
        self.write({"status": "ok", "version": __version__})


class Ready(RequestHandler):
    """The run store answers too."""

    def get(self) -> None:
        """200, or 503 with the sentence that says what is missing."""
        try:
            RunStore(Settings.from_environment()).versions([])
        except DashboardError as error:
            self.set_status(503)
            self.write({"status": "not ready", "reason": error.sentence})
        else:
            self.write({"status": "ready"})
