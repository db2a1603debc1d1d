"""What `panel serve --plugins dashboard.routes.plugin` adds beside the page."""

from __future__ import annotations

from dashboard.routes.health import Health, Ready

ROUTES = [(r"/health", Health, {}), (r"/ready", Ready, {})]
