"""serve, hub-service, worker, observatory: the processes of a deployment."""

from __future__ import annotations

import argparse
import os
import runpy
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

from dashboard.commands.exit_codes import OK
from dashboard.commands.login import defaults_of_login, refuse_open_door, secrets_of_login
from dashboard.errors import SettingsError
from dashboard.reach import Reach
from dashboard.settings import Settings

ROOM = Path(__file__).parents[1]


def add_to(commands: Any) -> None:
    """Add these commands to a parser's sub-commands."""
    serve = commands.add_parser("serve", help="open the dashboard on this machine")
    serve.add_argument("--port", type=int, help="default: INTEGRAL_DASHBOARD_PORT, or 5006")
    serve.add_argument("--address", dest="listen", help="default: INTEGRAL_DASHBOARD_LISTEN, or 127.0.0.1")
    serve.add_argument("--prefix", help="path under which a proxy passes it on (default: INTEGRAL_DASHBOARD_PREFIX, or none)")
    serve.add_argument(
        "--everyone", action="store_true", help="without users, yet for other machines: whoever reaches it may do everything"
    )
    serve.add_argument("--workers", type=int, help="workers to see to here; 0: only watch (default: INTEGRAL_DASHBOARD_WORKERS, or 1)")
    serve.add_argument("rest", nargs=argparse.REMAINDER, help="after --: further options of panel serve")
    serve.set_defaults(act=_serve)
    hub = commands.add_parser("hub-service", help="serve all users of the JupyterHub that starts this, see docs/jupyterhub.md")
    hub.set_defaults(act=_hub_service)
    worker = commands.add_parser("worker", help="work on runs in the foreground, until interrupted; on PostgreSQL beside others")
    worker.set_defaults(act=_worker)
    commands.add_parser("observatory", help="serve the simulated observatory; its options follow", add_help=False)


def observatory(words: list[str]) -> int:
    """The observatory has a command line of its own."""
    sys.argv = ["dashboard.observatory", *words]
    runpy.run_module("dashboard.observatory", run_name="__main__")
    return OK


def _serve(options: argparse.Namespace) -> NoReturn:
    if options.workers is not None:
        os.environ["INTEGRAL_DASHBOARD_WORKERS"] = str(options.workers)
    if options.prefix is not None:
        options.prefix = options.prefix.rstrip("/")
    given = {name: value for name in ("port", "listen", "prefix") if (value := getattr(options, name)) is not None}
    _become_page(replace(Reach.from_environment(), **given), [word for word in options.rest if word != "--"], options.everyone)


def _hub_service(_: argparse.Namespace) -> NoReturn:
    """Port, prefix and login are the hub's, which tells its services by their environment."""
    url, prefix = os.environ.get("JUPYTERHUB_SERVICE_URL", ""), os.environ.get("JUPYTERHUB_SERVICE_PREFIX", "")
    if not (url and prefix and os.environ.get("JUPYTERHUB_API_TOKEN")):
        raise SettingsError("No JupyterHub has started this as its service with a url: see docs/jupyterhub.md for what to tell it.")
    if find_spec("jupyterhub") is None:
        raise SettingsError(
            "The package jupyterhub, by which its users log in, is not installed beside this program: pip install jupyterhub."
        )
    os.environ["INTEGRAL_DASHBOARD_USERS"] = "login"
    place, reach = urlsplit(url), Reach.from_environment()
    public = urlsplit(os.environ.get("JUPYTERHUB_PUBLIC_URL", "")).netloc
    origins = reach.origins or ((public,) if public else ())
    if not origins:
        raise SettingsError("INTEGRAL_DASHBOARD_ORIGINS is not set: name the host of the hub as it stands in the address bar.")
    from dashboard.runs.secret_key import derived_key

    # It signs the cookie of the hub's own client.
    os.environ["BOKEH_COOKIE_SECRET"] = derived_key(Settings.from_environment(), "hub login").hex()
    login = ["--auth-module", str(ROOM / "routes/hub_login.py")]
    _become_page(Reach(place.port or 80, place.hostname or "127.0.0.1", prefix.rstrip("/"), origins), login)


def _become_page(reach: Reach, rest: Sequence[str], everyone: bool = False) -> NoReturn:
    """Become `panel serve`: a parent that waited for it could be killed and leave it behind."""
    from dashboard.runs.beginning import settings_to_begin_with

    settings = settings_to_begin_with()
    refuse_open_door(settings, reach.listen, rest, everyone=everyone)
    warm = ROOM.parent / "components/warm.py"
    command = [sys.executable, "-m", "panel", "serve", str(ROOM / "app.py"), "--setup", str(warm), *reach.options]
    command += ["--index", "app", "--plugins", "dashboard.routes.server", "--plugins", "components.entrance", *rest]
    command += defaults_of_login(rest)
    os.environ |= secrets_of_login(settings, rest)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # fits are small: threads that wait for each other cost more than they save
    os.execv(sys.executable, command)


def _worker(_: argparse.Namespace) -> int:
    from dashboard.runs.beginning import settings_to_begin_with
    from dashboard.runs.worker import main as work

    settings_to_begin_with()
    return work([])
