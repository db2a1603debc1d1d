"""What jupyter-server-proxy needs to put the dashboard into the launcher of JupyterLab, for the user whose Jupyter it is."""

from __future__ import annotations

import sys
from typing import Any, Final

from assets import asset_path

START_SECONDS: Final = 90


def server() -> dict[str, Any]:
    """The entry point "integral" of the group `jupyter_serverproxy_servers`.

    Jupyter has checked who asks, and from which page, before it passes a request on; what it passes on comes from this machine. So the page
    takes websockets from this machine alone, whatever the hub is called.
    """
    words = ["--port", "{port}", "--address", "127.0.0.1", "--prefix", "{base_url}integral"]
    return {
        "command": [sys.executable, "-P", "-m", "dashboard", "serve", *words],
        "absolute_url": True,
        "timeout": START_SECONDS,
        "request_headers_override": {"Origin": "http://localhost:{port}"},
        "launcher_entry": {"title": "INTEGRAL", "icon_path": str(asset_path("icon.svg")), "category": "Other", "path_info": "integral/app"},
        "new_browser_tab": True,
    }
