"""What `panel serve --plugins dashboard.routes.server` loads when it begins: the routes, its process's log, its guard, how it ends."""

from __future__ import annotations

from dashboard.logs import begin_logging
from dashboard.routes.guard import guard
from dashboard.routes.leaving import leave_when_told
from dashboard.routes.plugin import ROUTES
from dashboard.settings import Settings

__all__ = ["ROUTES"]

_settings = Settings.from_environment()
begin_logging(_settings)
guard(_settings)
leave_when_told()
