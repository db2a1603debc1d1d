"""The command line: serve, worker, plan, run, continue, export, observatory.

    python -m dashboard plan request.json
    python -m dashboard run request.json --host simulated --out DIR

Exit codes: 0 all batches in, 1 batches failed, 2 the request or its plan is wrong, 3 interrupted (the run goes on when
it is opened again), 4 anything else this project reports.
"""

from __future__ import annotations

import argparse
import os
import runpy
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

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
        prog="integral-dashboard",
        description="INTEGRAL mosaics, spectra and light curves from many MMODA queries, added up as they arrive.",
    )
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(dest="command", required=True)
    plan = commands.add_parser("plan", help="show what a request would ask and what is already there")
    run = commands.add_parser("run", help="run a request, watch it, write its files")
    for command in (plan, run):
        command.add_argument("request", type=Path, help="JSON file; its keys are the parameters of the service description")
        command.add_argument("--host", help="host_type, instead of the request's")
    run.add_argument("--out", type=Path, default=Path("results"), help="folder for the files (default: results)")
    go_on = commands.add_parser("continue", help="go on with a run whose image's catalogue waited for review")
    go_on.add_argument("run_id")
    go_on.add_argument("--catalog", type=Path, help="catalog.json of the image's folder, edited; as it was proposed when not given")
    go_on.add_argument("--out", type=Path, default=Path("results"))
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
    request = Request.from_json(_text(options.request, "the request as JSON"))
    return Request.from_dict({**request.to_dict(), "host_type": options.host}) if options.host else request


def _text(path: Path, what: str) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise RequestError(f"{path} cannot be read: {error.strerror}. Name a file with {what}.") from error
    except UnicodeDecodeError as error:
        raise RequestError(f"{path} is no text in UTF-8: write {what}.") from error


def _plan(options: argparse.Namespace) -> int:
    from dashboard.road import prepare
    from dashboard.runs.store import RunStore

    settings = Settings.from_environment()
    plan = prepare(settings, _request(options), Identity())
    done = RunStore(settings).done_batches([batch.batch_id for batch in plan.batches])
    print("\n".join(plan.describe(done)))
    return OK


def _run(options: argparse.Namespace) -> int:
    from dashboard.road import prepare
    from dashboard.runs.store import RunStore

    settings = Settings.from_environment()
    plan = prepare(settings, _request(options), Identity())
    store = RunStore(settings)
    print("\n".join(plan.describe(store.done_batches([batch.batch_id for batch in plan.batches]))))
    run_id = store.start(plan, Identity())
    print(f"run {run_id}")
    again = f"run {options.request} --out {options.out}" + (f" --host {options.host}" if options.host else "")
    return _watch(settings, run_id, options.out, again)


def _continue(options: argparse.Namespace) -> int:
    from dashboard.plan.making import catalogue_of_image
    from dashboard.products.catalog_api import catalog_from_text
    from dashboard.runs.results import load_sources
    from dashboard.runs.store import RunStore

    settings = Settings.from_environment()
    store = RunStore(settings)
    state, plan = store.state(options.run_id), store.plan(options.run_id)
    if not plan.coming:
        raise RequestError(f"Run {options.run_id} waits for no catalogue: use export to take its files.")
    images = sorted({coming.image for coming in plan.coming if state.sums[coming.image]})
    if options.catalog and len(images) > 1:
        raise RequestError("The run has images of several instruments, each with a catalogue of its own: edit them on the page.")
    given = catalog_from_text(_text(options.catalog, "the catalogue as JSON")) if options.catalog else None
    for number in images:
        store.go_on(options.run_id, number, given or catalogue_of_image(plan, number, load_sources(settings, state, number))[0])
    return _watch(settings, options.run_id, options.out, f"export {options.run_id} --out {options.out}")


def _watch(settings: Settings, run_id: str, out: Path, again: str) -> int:
    """Show a run until it ends or waits for its owner, write its files, and tell what failed."""
    from tqdm import tqdm

    from dashboard.bundle import export_run
    from dashboard.runs.process import ensure_worker
    from dashboard.runs.run_state import REVIEW
    from dashboard.runs.store import RunStore

    store = RunStore(settings)
    try:
        with tqdm(unit="ScW", dynamic_ncols=True, disable=None) as bar:
            while True:
                ensure_worker(settings)
                state = store.state(run_id)
                bar.total = sum(batch.scw_total for batch in state.batches)
                bar.update(sum(b.scw_total if b.arrived else b.scw_done for b in state.batches) - bar.n)
                bar.set_postfix_str(state.line_of_truth, refresh=True)
                if state.finished:
                    break
                time.sleep(WATCH_SECONDS)
    except KeyboardInterrupt:
        store.cancel(run_id)
        print(
            f"\nInterrupted. Batches that are done are kept and will not be asked again; to go on: integral-dashboard {again}",
            file=sys.stderr,
        )
        return INTERRUPTED
    print(state.line_of_truth)
    if state.reason:
        print(state.reason, file=sys.stderr)
    failed = [(number, batch) for number, batch in enumerate(state.batches, 1) if batch.state == "failed"]
    for number, batch in failed:
        print(f"batch {number} ({batch.scw[0]} to {batch.scw[-1]}) failed: {batch.reason}", file=sys.stderr)
    try:
        for path in export_run(settings, store, state, out):
            print(path)
    except RunNotFound as error:
        print(error.sentence, file=sys.stderr)
        return FAILED_BATCHES
    if state.state == REVIEW:
        print(f"Edit catalog.json, then: integral-dashboard continue {run_id} --catalog catalog.json --out {out}")
    return FAILED_BATCHES if failed else OK


def _export(options: argparse.Namespace) -> int:
    from dashboard.bundle import export_run
    from dashboard.runs.store import RunStore

    settings = Settings.from_environment()
    store = RunStore(settings)
    for path in export_run(settings, store, store.state(options.run_id), options.out):
        print(path)
    return OK


def _serve(options: argparse.Namespace) -> NoReturn:
    """Become `panel serve`: a parent that waited for it could be killed and leave it behind."""
    app = Path(__file__).with_name("app.py")
    command = [sys.executable, "-m", "panel", "serve", str(app), "--port", str(options.port), "--address", options.address]
    command += ["--index", "app", "--plugins", "dashboard.routes.plugin", *options.rest]
    os.execv(sys.executable, command)


def _worker(_: argparse.Namespace) -> int:
    from dashboard.runs.worker import main as work

    return work([])


_COMMANDS = {"plan": _plan, "run": _run, "continue": _continue, "export": _export, "serve": _serve, "worker": _worker}

if __name__ == "__main__":
    raise SystemExit(main())
