"""What `panel serve --plugins dashboard.routes.server` loads when it begins: the routes, and how its process writes its log."""

from __future__ import annotations

from dashboard.logs import begin_logging
from dashboard.routes.plugin import ROUTES
from dashboard.settings import Settings

__all__ = ["ROUTES"]

begin_logging(Settings.from_environment())
