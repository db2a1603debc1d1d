"""The command line: serve, worker, plan, run, export, observatory.

    python -m dashboard plan request.json
    python -m dashboard run request.json --host simulated --out DIR

Exit codes: 0 all batches in, 1 batches failed, 2 the request or its plan is wrong, 3 interrupted (the run goes on when
it is opened again), 4 anything else this project reports.
"""

from __future__ import annotations

import argparse
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from dashboard import __version__
from dashboard.errors import ArchiveError, DashboardError, RequestError, RunNotFound
from dashboard.identity import Identity
from dashboard.request.request import Request
from dashboard.settings import Settings

OK, FAILED_BATCHES, WRONG_REQUEST, INTERRUPTED, BROKEN = range(5)
WATCH_SECONDS = 0.3


def parser() -> argparse.ArgumentParser:
    """All sub-commands with their help."""
    top = argparse.ArgumentParser(
        prog="integral-dashboard", description="INTEGRAL mosaics from many MMODA queries, added up as they arrive."
    )
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(dest="command", required=True)
    plan = commands.add_parser("plan", help="show what a request would ask and what is already there")
    run = commands.add_parser("run", help="run a request, watch it, write its files")
    for command in (plan, run):
        command.add_argument("request", type=Path, help="JSON file; its keys are the parameters of the service description")
        command.add_argument("--host", help="host_type, instead of the request's")
    run.add_argument("--out", type=Path, default=Path("results"), help="folder for the files (default: results)")
    export = commands.add_parser("export", help="write the files of a run, finished or not")
    export.add_argument("run_id")
    export.add_argument("--out", type=Path, default=Path("results"))
    serve = commands.add_parser("serve", help="open the dashboard on this machine")
    serve.add_argument("--port", type=int, default=5006)
    serve.add_argument("--address", default="127.0.0.1")
    serve.add_argument("rest", nargs=argparse.REMAINDER, help="further options of panel serve")
    commands.add_parser("worker", help="work on runs in the foreground, until interrupted")
    commands.add_parser("observatory", help="serve the simulated observatory; its options follow", add_help=False)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; errors of this project become one sentence on stderr and an exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["observatory"]:
        sys.argv = ["dashboard.observatory", *words[1:]]
        runpy.run_module("dashboard.observatory", run_name="__main__")
        return OK
    options = parser().parse_args(words)
    try:
        return _COMMANDS[options.command](options)
    except (RequestError, ArchiveError) as error:
        print(error.sentence, file=sys.stderr)
        return WRONG_REQUEST
    except DashboardError as error:
        print(error.sentence, file=sys.stderr)
        return BROKEN
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    finally:
        _end_children()


def _end_children() -> None:
    """End the worker and the observatory if this process started them; a second Ctrl-C does not stop that."""
    if process := sys.modules.get("dashboard.runs.process"):
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        process.end_children()
        signal.signal(signal.SIGINT, before)


def _request(options: argparse.Namespace) -> Request:
    """The request of a file, with the host of the command line."""
    try:
        text = options.request.read_text()
    except OSError as error:
        raise RequestError(f"{options.request} cannot be read: {error.strerror}. Name a JSON file with the request.") from error
    except UnicodeDecodeError as error:
        raise RequestError(f"{options.request} is no text in UTF-8: write the request as JSON.") from error
    request = Request.from_json(text)
    return Request.from_dict({**request.to_dict(), "host_type": options.host}) if options.host else request


def _plan(options: argparse.Namespace) -> int:
    from dashboard.road import prepare
    from dashboard.runs.store import RunStore

    settings = Settings.from_environment()
    plan = prepare(settings, _request(options), Identity())
    done = RunStore(settings).done_batches([batch.batch_id for batch in plan.batches])
    print("\n".join(plan.describe(done)))
    return OK


def _run(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from dashboard.road import export_run, prepare
    from dashboard.runs.process import ensure_worker
    from dashboard.runs.store import RunStore

    settings = Settings.from_environment()
    plan = prepare(settings, _request(options), Identity())
    store = RunStore(settings)
    print("\n".join(plan.describe(store.done_batches([batch.batch_id for batch in plan.batches]))))
    run_id = store.start(plan, Identity())
    print(f"run {run_id}")
    try:
        with tqdm(total=plan.n_scw * len(plan.jobs), unit="ScW", dynamic_ncols=True, disable=None) as bar:
            while True:
                ensure_worker(settings)
                state = store.state(run_id)
                bar.update(sum(b.scw_total if b.arrived else b.scw_done for b in state.batches) - bar.n)
                bar.set_postfix_str(state.line_of_truth, refresh=True)
                if state.finished:
                    break
                time.sleep(WATCH_SECONDS)
    except KeyboardInterrupt:
        store.cancel(run_id)
        again = f"integral-dashboard run {options.request} --out {options.out}" + (f" --host {options.host}" if options.host else "")
        print(f"\nInterrupted. Batches that are done are kept and will not be asked again; to go on: {again}", file=sys.stderr)
        return INTERRUPTED
    print(state.line_of_truth)
    if state.reason:
        print(state.reason, file=sys.stderr)
    failed = [(number, batch) for number, batch in enumerate(state.batches, 1) if batch.state == "failed"]
    for number, batch in failed:
        print(f"batch {number} ({batch.scw[0]} to {batch.scw[-1]}) failed: {batch.reason}", file=sys.stderr)
    try:
        for path in export_run(settings, store, state, options.out):
            print(path)
    except RunNotFound as error:
        print(error.sentence, file=sys.stderr)
        return FAILED_BATCHES
    return FAILED_BATCHES if failed else OK


def _export(options: argparse.Namespace) -> int:
    from dashboard.road import export_run
    from dashboard.runs.store import RunStore

    settings = Settings.from_environment()
    store = RunStore(settings)
    for path in export_run(settings, store, store.state(options.run_id), options.out):
        print(path)
    return OK


def _serve(options: argparse.Namespace) -> int:
    """`panel serve` as a child that ends with us."""
    app = Path(__file__).with_name("app.py")
    command = [sys.executable, "-m", "panel", "serve", str(app), "--port", str(options.port), "--address", options.address]
    command += ["--index", "app", "--plugins", "dashboard.routes.plugin", *options.rest]
    child = subprocess.Popen(command)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    try:
        return child.wait()
    except KeyboardInterrupt:
        return child.wait(timeout=10)


def _worker(_: argparse.Namespace) -> int:
    from dashboard.runs.worker import main as work

    return work([])


_COMMANDS = {"plan": _plan, "run": _run, "export": _export, "serve": _serve, "worker": _worker}

if __name__ == "__main__":
    raise SystemExit(main())
