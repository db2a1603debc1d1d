"""For supervisors and proxies: is the process alive, can it do its work."""

from __future__ import annotations

import logging

from tornado.web import RequestHandler

from dashboard import __version__
from dashboard.errors import DashboardError
from dashboard.routes.deadline import within_deadline
from dashboard.runs.readiness import readiness
from dashboard.settings import Settings

log = logging.getLogger(__name__)


class Health(RequestHandler):
    """The process answers."""

    def get(self) -> None:
        """200 as long as the event loop turns."""
        self.write({"status": "ok", "version": __version__})


class Ready(RequestHandler):
    """Database and product store answer too."""

    async def get(self) -> None:
        """200, or 503 with what is missing; the rest of the sentence, which may name servers, is in the log."""
        settings = Settings.from_environment()
        try:
            found = await within_deadline(lambda: readiness(settings))
        except DashboardError as error:
            log.warning("Not ready: %s", error.sentence)
            self.set_status(503)
            self.write({"status": "not ready", "reason": error.sentence.partition(":")[0]})
            return
        workers = {} if found.workers is None else {"workers": found.workers}
        self.write({"status": "ready", "version": __version__, "schema": found.schema, **workers})
