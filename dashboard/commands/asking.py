"""plan, run, continue, export: a request from its file to its products."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dashboard.commands.exit_codes import FAILED_BATCHES, INTERRUPTED, OK
from dashboard.errors import RequestError, RunNotFound
from dashboard.identity import Identity
from dashboard.request.request import Request
from dashboard.settings import Settings

if TYPE_CHECKING:
    from dashboard.account import Standing
    from dashboard.plan.plan import Plan

WATCH_SECONDS = 0.3


def add_to(commands: Any) -> None:
    """Add these commands to a parser's sub-commands."""
    plan = commands.add_parser("plan", help="show what a request would ask and what is already there")
    run = commands.add_parser("run", help="run a request, watch it, write its files")
    for command in (plan, run):
        command.add_argument("request", type=Path, help="JSON file; its keys are the parameters of the service description")
        command.add_argument("--host", help="host_type, instead of the request's")
        add_screening_option(command)
    go_on = commands.add_parser("continue", help="go on with a run whose image's catalogue waited for review")
    go_on.add_argument("run_id")
    go_on.add_argument("--catalog", type=Path, help="catalog.json of the image's folder, edited; as it was proposed when not given")
    export = commands.add_parser("export", help="write the files of a run, finished or not")
    export.add_argument("run_id")
    for command in (run, go_on, export):
        command.add_argument("--out", type=Path, default=Path("results"), help="folder for the files (default: results)")
    for command in (plan, run, go_on):
        add_token_option(command)
    for command, act in ((plan, _plan), (run, _run), (go_on, _continue), (export, _export)):
        command.set_defaults(act=act)


def add_token_option(command: argparse.ArgumentParser) -> None:
    """Where a token is read from, beside the places of MMODA's own client."""
    command.add_argument("--token-file", type=Path, help="file with a token, instead of ODA_TOKEN or .oda-token")


def add_screening_option(command: argparse.ArgumentParser) -> None:
    """Whether science windows with little good time are left out."""
    command.add_argument("--leave-out", action="store_true", help="do without science windows of little good time, where the archive tells")


def planned(settings: Settings, options: argparse.Namespace) -> tuple[Plan, tuple[str, ...]]:
    """The plan of the request, and a sentence for each instrument that has science windows with little good time.

    Raises
    ------
    DashboardError
        The first thing that is wrong, with its sentence.
    """
    from dashboard.plan.screening import poor_windows, spared
    from dashboard.road import prepare

    plan = prepare(settings, request_of(options), Identity())
    poor = poor_windows(plan)
    end = "They are left out." if options.leave_out else "--leave-out does without them."
    return spared(plan, poor) if options.leave_out else plan, tuple(f"{one.sentence} {end}" for one in poor)


def standing(settings: Settings, host: str, options: argparse.Namespace) -> Standing:
    """How the user stands before a host, with the token of --token-file, else the one that is found.

    Raises
    ------
    NotAuthorized, TokenExpired
        When the file holds no token, or too old a one.
    RequestError
        When it cannot be read.
    """
    from dashboard.account import account_of

    account = account_of(settings, Identity().user)
    return account.take(host, text_of(options.token_file, "a token")) if options.token_file else account.at(host)


def request_of(options: argparse.Namespace) -> Request:
    """The request of a file, with the host of the command line."""
    request = Request.from_json(text_of(options.request, "the request as JSON"))
    return Request.from_dict({**request.to_dict(), "host_type": options.host}) if options.host else request


def text_of(path: Path, what: str) -> str:
    """Text of a file; RequestError when there is none."""
    try:
        return path.read_text()
    except OSError as error:
        raise RequestError(f"{path} cannot be read: {error.strerror}. Name a file with {what}.") from error
    except UnicodeDecodeError as error:
        raise RequestError(f"{path} is no text in UTF-8: write {what}.") from error


def _plan(options: argparse.Namespace) -> int:
    from dashboard.runs.store import RunStore

    settings = Settings.from_environment()
    plan, screened = planned(settings, options)
    done = RunStore(settings).done_batches([batch.batch_id for batch in plan.batches])
    print("\n".join((*plan.describe(done), *(f"Good time: {sentence}" for sentence in screened))))
    user = standing(settings, plan.host, options)
    if user.missing(plan):
        print(f"Refused: {user.lack(plan)}")
    return OK


def _run(options: argparse.Namespace) -> int:
    from dashboard.runs.capacity import refuse_without_room
    from dashboard.runs.store import RunStore

    settings = Settings.from_environment()
    plan, screened = planned(settings, options)
    user = standing(settings, plan.host, options)
    store = RunStore(settings, Identity().user)
    done = store.done_batches([batch.batch_id for batch in plan.batches])
    print("\n".join((*plan.describe(done), *(f"Good time: {sentence}" for sentence in screened))))
    user.refuse(plan, settings.hosts[plan.host])
    refuse_without_room(settings, plan, done)
    run_id = store.start(plan, Identity(roles=user.roles), token=user.token)
    print(f"run {run_id}")
    again = f"run {options.request} --out {options.out}" + (f" --host {options.host}" if options.host else "")
    again += " --leave-out" if options.leave_out else ""
    return watch(settings, run_id, options.out, again)


def _continue(options: argparse.Namespace) -> int:
    from dashboard.plan.making import catalogue_of_image
    from dashboard.products.catalog_api import catalog_from_text
    from dashboard.runs.results import load_sources
    from dashboard.runs.store import RunStore

    settings = Settings.from_environment()
    store = RunStore(settings, Identity().user)
    state, plan = store.state(options.run_id), store.plan(options.run_id)
    if not plan.coming:
        raise RequestError(f"Run {options.run_id} waits for no catalogue: use export to take its files.")
    images = sorted({coming.image for coming in plan.coming if state.sums[coming.image]})
    if options.catalog and len(images) > 1:
        raise RequestError("The run has images of several instruments, each with a catalogue of its own: edit them on the page.")
    given = catalog_from_text(text_of(options.catalog, "the catalogue as JSON")) if options.catalog else None
    token = standing(settings, plan.host, options).token
    for number in images:
        store.go_on(options.run_id, number, given or catalogue_of_image(plan, number, load_sources(settings, state, number))[0], token)
    return watch(settings, options.run_id, options.out, f"export {options.run_id} --out {options.out}")


def watch(settings: Settings, run_id: str, out: Path, again: str, *, cancel: bool = True) -> int:
    """Show a run until it ends or waits for its owner, write its files, and tell what failed; an interrupt cancels it, or leaves it."""
    from tqdm import tqdm

    from dashboard.bundle import export_run
    from dashboard.runs.process import ensure_worker
    from dashboard.runs.run_state import REVIEW
    from dashboard.runs.store import RunStore

    store = RunStore(settings, Identity().user)
    try:
        with tqdm(unit="ScW", dynamic_ncols=True, disable=None) as bar:
            told = ""
            while True:
                ensure_worker(settings, lasting=not cancel)
                state = store.state(run_id)
                bar.total = sum(batch.scw_total for batch in state.batches)
                bar.update(sum(b.scw_total if b.arrived else b.scw_done for b in state.batches) - bar.n)
                bar.set_postfix_str(state.line_of_truth, refresh=True)
                if state.state == "waiting" and state.reason != told:
                    told = state.reason
                    bar.write(f"waiting: {told}", file=sys.stderr)
                if state.finished:
                    break
                time.sleep(WATCH_SECONDS)
    except KeyboardInterrupt:
        if not cancel:
            print("\nNo longer watched; it goes on.", file=sys.stderr)
            return INTERRUPTED
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
    store = RunStore(settings, Identity().user)
    for path in export_run(settings, store, store.state(options.run_id), options.out):
        print(path)
    return OK
