"""Run the observatory: `python -m dashboard.observatory --port 0 --ready-file PATH`."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import threading
from pathlib import Path

import uvicorn

from dashboard.observatory.knobs import KNOB_TYPES, Knobs
from dashboard.observatory.query import sign
from dashboard.observatory.server import application, listen

logger = logging.getLogger("dashboard.observatory")


def _end_with_parent(descriptor: int, server: uvicorn.Server) -> None:
    """Stop when the other end of the pipe is closed; a parent that dies closes it."""
    while os.read(descriptor, 4096):
        pass
    server.should_exit = True


def _write_ready(path: Path, url: str) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_text(json.dumps({"url": url, "pid": os.getpid()}))
    part.replace(path)


def main(arguments: list[str] | None = None) -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser("python -m dashboard.observatory", description="The simulated observatory.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--ready-file", type=Path, help="written once the server listens: JSON with url and pid")
    parser.add_argument("--parent-pipe", type=int, metavar="FD", help="exit when this pipe closes")
    for name, kind in KNOB_TYPES.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind)
    parser.add_argument("--sign", metavar="ROLES", help="print a token with these roles, valid for a day at any observatory, and end")
    parser.add_argument("--fail-first", type=json.loads, help="number of jobs, or JSON with jobs, submissions, kind")
    options = parser.parse_args(arguments)

    if options.sign is not None:
        sys.stdout.write(sign(options.sign) + "\n")
        return
    knobs = Knobs()
    try:
        knobs.turn({name: value for name in (*KNOB_TYPES, "fail_first") if (value := getattr(options, name)) is not None})
    except ValueError as error:
        parser.error(str(error))
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")

    try:
        listener = listen(options.host, options.port)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SystemExit(f"The observatory cannot listen at {options.host}:{options.port} ({reason}): choose another --port.") from None
    url = f"http://{options.host}:{listener.getsockname()[1]}"
    config = uvicorn.Config(application(knobs), log_level="warning", access_log=False, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    if options.parent_pipe is not None:
        threading.Thread(target=_end_with_parent, args=(options.parent_pipe, server), daemon=True).start()
    if options.ready_file is not None:
        _write_ready(options.ready_file, url)
    logger.info("The simulated observatory listens at %s", url)
    server.run(sockets=[listener])


if __name__ == "__main__":
    main()
