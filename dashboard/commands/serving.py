"""serve, worker, observatory: the processes of a deployment."""

from __future__ import annotations

import argparse
import os
import runpy
import sys
from pathlib import Path
from typing import Any, NoReturn

from dashboard.commands.exit_codes import OK
from dashboard.commands.login import defaults_of_login, refuse_open_door, secrets_of_login


def add_to(commands: Any) -> None:
    """Add these commands to a parser's sub-commands."""
    serve = commands.add_parser("serve", help="open the dashboard on this machine")
    serve.add_argument("--port", type=int, default=5006)
    serve.add_argument("--address", default="127.0.0.1")
    serve.add_argument(
        "--everyone", action="store_true", help="without users, yet for other machines: whoever reaches it may do everything"
    )
    serve.add_argument("--workers", type=int, help="workers to see to here; 0: only watch (default: INTEGRAL_DASHBOARD_WORKERS, or 1)")
    serve.add_argument("rest", nargs=argparse.REMAINDER, help="after --: further options of panel serve")
    serve.set_defaults(act=_serve)
    worker = commands.add_parser("worker", help="work on runs in the foreground, until interrupted; on PostgreSQL beside others")
    worker.set_defaults(act=_worker)
    commands.add_parser("observatory", help="serve the simulated observatory; its options follow", add_help=False)


def observatory(words: list[str]) -> int:
    """The observatory has a command line of its own."""
    sys.argv = ["dashboard.observatory", *words]
    runpy.run_module("dashboard.observatory", run_name="__main__")
    return OK


def _serve(options: argparse.Namespace) -> NoReturn:
    """Become `panel serve`: a parent that waited for it could be killed and leave it behind."""
    if options.workers is not None:
        os.environ["INTEGRAL_DASHBOARD_WORKERS"] = str(options.workers)
    from dashboard.runs.beginning import settings_to_begin_with

    settings = settings_to_begin_with()
    rest = [word for word in options.rest if word != "--"]
    refuse_open_door(settings, options.address, rest, everyone=options.everyone)
    root = Path(__file__).parents[2]
    app, warm = str(root / "dashboard/app.py"), str(root / "components/warm.py")
    command = [sys.executable, "-m", "panel", "serve", app, "--setup", warm, "--port", str(options.port), "--address", options.address]
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
