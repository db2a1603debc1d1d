"""What stands beside the page, as `panel serve --plugins` takes it."""

from __future__ import annotations

from typing import Any

from tornado.web import RedirectHandler

from dashboard.routes.docs import Docs
from dashboard.routes.download import Download
from dashboard.routes.health import Health, Ready
from dashboard.routes.metrics import Metrics

ROUTES: list[tuple[str, type, dict[str, Any]]] = [
    (r"/health", Health, {}),
    (r"/ready", Ready, {}),
    (r"/metrics", Metrics, {}),
    (r"/docs", RedirectHandler, {"url": "docs/"}),
    (r"/docs/(.*)", Docs, {}),
    (r"/download/([\w-]+)/([\w.-]+)", Download, {}),
]
