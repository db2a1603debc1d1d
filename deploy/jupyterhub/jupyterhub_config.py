"""One dashboard for all users of a JupyterHub, as a service that the hub starts: https://HUB/services/integral/app.

    jupyterhub -f jupyterhub_config.py

The program and the package `jupyterhub` are installed in one environment; `PYTHON` is its interpreter. What is set below under
"environment" are the settings of docs/settings.md. See docs/jupyterhub.md.
"""

import os
import sys

c = get_config()  # noqa: F821 (JupyterHub's own)

PYTHON = os.environ.get("INTEGRAL_PYTHON", sys.executable)
PUBLIC_HOST = os.environ.get("INTEGRAL_PUBLIC_HOST", "hub.example.org")
"""The hub as it stands in the address bar, with its port where that is not 443."""
DATA = os.environ.get("INTEGRAL_DASHBOARD_DATA", "/srv/integral-dashboard")
"""A folder on a local disk, which only the user of the service can read."""

c.JupyterHub.services = [
    {
        "name": "integral",
        "url": os.environ.get("INTEGRAL_SERVICE_URL", "http://127.0.0.1:10301"),
        "command": [PYTHON, "-P", "-m", "dashboard", "hub-service"],
        "oauth_no_confirm": True,
        "environment": {
            "INTEGRAL_DASHBOARD_DATA": DATA,
            "INTEGRAL_DASHBOARD_ORIGINS": PUBLIC_HOST,
            "INTEGRAL_DASHBOARD_ADDRESS": f"https://{PUBLIC_HOST}/services/integral/app",
        },
    }
]
c.JupyterHub.load_roles = [
    {"name": "user", "scopes": ["self", "access:services!service=integral"]},
]
