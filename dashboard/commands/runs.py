"""runs: what one does with a run that belongs to the store and not to whoever started it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dashboard.commands import sharing
from dashboard.commands.answer import own_store, say
from dashboard.commands.asking import add_screening_option, add_token_option, planned, standing, watch
from dashboard.errors import RequestError
from dashboard.identity import Identity
from dashboard.settings import Settings

if TYPE_CHECKING:
    from dashboard.runs.run_state import RunState
    from dashboard.runs.store import RunStore


def add_to(commands: Any) -> None:
    """Add these commands to a parser's sub-commands."""
    acts = commands.add_parser("runs", help="list, show, start, change and remove runs").add_subparsers(dest="what", required=True)

    def add(
        name: str, act: Callable[[argparse.Namespace], int], words: str, *, run: bool = True, to_json: bool = True
    ) -> argparse.ArgumentParser:
        command: argparse.ArgumentParser = acts.add_parser(name, help=words)
        if run:
            command.add_argument("run_id")
        if to_json:
            command.add_argument("--json", action="store_true", help="answer in JSON")
        command.set_defaults(act=act)
        return command

    add("list", _list, "all runs, the newest first", run=False)
    show = add("show", _show, "one run with its batches")
    show.add_argument("--history", action="store_true", help="what happened to it, and when")
    show.add_argument("--batch", type=int, help="with --history: what happened to this batch")
    add("quality", _quality, "how its batches compare: width of empty sky, exposure, good time; which to leave out")
    start = add("start", _start, "start a request and return at once; a worker goes on with it", run=False)
    start.add_argument("request", type=Path, help="JSON file; its keys are the parameters of the service description")
    start.add_argument("--host", help="host_type, instead of the request's")
    add_screening_option(start)
    start.add_argument("--name", default="", help="of the run; the target's when not given")
    start.add_argument("--tell", default="", metavar="ADDRESS", help="e-mail address that is told its end")
    follow = add("watch", _watch, "show a run until it ends, then write its files; an interrupt leaves it running", to_json=False)
    follow.add_argument("--out", type=Path, default=Path("results"), help="folder for the files (default: results)")
    add("cancel", _cancel, "ask no more; MMODA goes on computing what was sent")
    retry = add("retry", _retry, "ask failed and cancelled batches again")
    retry.add_argument("--batch", type=int, nargs="+", help="only these, by their numbers")
    extend = add("extend", _extend, "another interval, list or radius: only batches that are new are asked")
    for name in ("T1", "T2"):
        extend.add_argument(f"--{name}", help="as in a request")
    extend.add_argument("--revolutions", type=int, nargs="+", help="all of them, instead of those the run is made of")
    extend.add_argument("--observations", nargs="+", help="all of them, by their ids of 11 digits")
    extend.add_argument("--radius", type=float, help="degrees")
    exclude = add("exclude", _exclude, "leave batches out of the sums, or science windows out of the run")
    exclude.add_argument("--batch", type=int, nargs="+", help="by their numbers; nothing is asked again")
    exclude.add_argument("--scw", nargs="+", help="ids; the batches that hold them are asked again without them")
    exclude.add_argument("--back", action="store_true", help="put them back instead")
    add("rename", _rename, "call it otherwise").add_argument("name")
    add("pin", lambda options: _pin(options, True), "never remove it by retention")
    add("unpin", lambda options: _pin(options, False), "give it free again")
    sharing.add_to_runs(add)
    delete = add("delete", _delete, "forget it and remove its files; asks first")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    for command in (start, retry, extend, exclude):
        add_token_option(command)


def _tell(notices: Iterable[str]) -> None:
    """What the user should know, apart from the answer, which programs read."""
    for notice in notices:
        print(f"Note: {notice}", file=sys.stderr)


def _list(options: argparse.Namespace) -> int:
    from dashboard.runs.run_document import run_document

    _, store = own_store()
    states = store.list_runs()
    short = [{key: value for key, value in run_document(state).items() if key != "batches"} for state in states]
    lines = [
        f"{s.run_id}  {s.state:<18} {s.name[:24]:<24} {s.line_of_truth}{' (pinned)' * s.pinned}{f'  {s.reason}' if s.reason else ''}"
        for s in states
    ]
    return say(options, short, *(lines or ["There is no run yet."]))


def _show(options: argparse.Namespace) -> int:
    from dashboard.runs.run_document import run_document

    _, store = own_store()
    state = store.state(options.run_id)
    if options.history:
        return _history(options, store, state)
    plan = store.plan(options.run_id)
    lines = [f"{state.name}: {state.state}", state.line_of_truth, *([state.reason] if state.reason else [])]
    lines += [f"job {number}: {job.label}" for number, job in enumerate(plan.jobs)]
    published = store.publications(options.run_id)
    lines += [known.line(state.sums[known.job]) for known in published if known.job < len(state.sums)]
    for number, batch in enumerate(state.batches, 1):
        told = f". {batch.reason} {batch.remedy}".rstrip() if batch.reason else ""
        progress = f", {batch.scw_done} of {batch.scw_total} ScW" if batch.state == "running" else f", {batch.scw_total} ScW"
        lines.append(f"batch {number} (job {batch.job}): {batch.state}{progress}, {batch.scw[0]} to {batch.scw[-1]}{told}")
    return say(options, run_document(state, plan) | {"gallery": [asdict(known) for known in published]}, *lines)


def _history(options: argparse.Namespace, store: RunStore, state: RunState) -> int:
    batch_id = _ids(state, [options.batch])[0] if options.batch else ""
    events = store.history(batch_id=batch_id) if batch_id else store.history(run_id=state.run_id)
    times = [datetime.fromtimestamp(event.at, UTC).isoformat(timespec="milliseconds") for event in events]
    document = [{"at": at, "what": event.what, "detail": event.detail} for at, event in zip(times, events, strict=True)]
    return say(options, document, *(f"{entry['at']}  {entry['what']:<14} {entry['detail']}" for entry in document))


def _quality(options: argparse.Namespace) -> int:
    from dashboard.runs.quality import run_quality, suspects

    settings, store = own_store()
    state, plan = store.state(options.run_id), store.plan(options.run_id)
    quality = run_quality(settings, plan, state) or {}
    marked = [number for number, _ in suspects(state, quality)]
    lines, rows = [], []
    for number, batch in enumerate(state.batches, 1):
        if (known := quality.get(batch.batch_id)) is None:
            continue
        figures = {name: value if value == value else None for name, value in asdict(known.figures).items() if name != "batch_id"}
        rows.append({"batch": number, "job": batch.job, "batch_id": batch.batch_id, **figures, "reasons": list(known.reasons)})
        told = f", width {figures['width']:.2f}" if figures["width"] is not None else ""
        told += f", {figures['good']:.0%} good time" if figures["good"] is not None else ""
        lines.append(f"batch {number} (job {batch.job}): {known.figures.asked / 1e3:.1f} ks{told}{'. '.join(('', *known.reasons))}")
    told = f"runs exclude {options.run_id} --batch {' '.join(map(str, marked))}"
    lines.append(f"Suggested: integral-dashboard {told}" if marked else f"{len(lines)} batches compared, none stands out.")
    return say(options, {"run_id": state.run_id, "batches": rows, "suspect": marked}, *lines)


def _start(options: argparse.Namespace) -> int:
    from dashboard.runs.capacity import refuse_without_room
    from dashboard.runs.process import ensure_worker

    settings, store = own_store()
    plan, screened = planned(settings, options)
    _tell((*plan.notices, *screened))
    user = standing(settings, plan.host, options)
    user.refuse(plan, settings.hosts[plan.host])
    refuse_without_room(settings, plan, store.done_batches([batch.batch_id for batch in plan.batches]))
    run_id = store.start(plan, Identity(roles=user.roles), options.name, user.token, options.tell)
    ensure_worker(settings, lasting=True)
    return say(options, {"run_id": run_id, "batches": len(plan.batches)}, run_id)


def _watch(options: argparse.Namespace) -> int:
    settings, _ = own_store()
    return watch(settings, options.run_id, options.out, "", cancel=False)


def _cancel(options: argparse.Namespace) -> int:
    _, store = own_store()
    store.cancel(options.run_id)
    state = store.state(options.run_id)
    event = next((event for event in reversed(store.history(run_id=options.run_id)) if event.what == "cancelled"), None)
    return say(options, {"run_id": state.run_id, "state": state.state}, event.detail if event else f"It had ended: {state.state}.")


def _retry(options: argparse.Namespace) -> int:
    settings, store = own_store()
    state = store.state(options.run_id)
    token = standing(settings, state.host, options).token
    number = store.retry_failed(options.run_id, token, _ids(state, options.batch) if options.batch else None)
    return _go_on(options, settings, number, f"{number} batches are asked again.")


def _extend(options: argparse.Namespace) -> int:
    from dashboard.plan.screening import news
    from dashboard.road import extended
    from dashboard.runs.capacity import refuse_without_room

    settings, store = own_store()
    names = ("T1", "T2", "revolutions", "observations", "radius")
    changes = {name: value for name in names if (value := getattr(options, name)) is not None}
    if not changes:
        raise RequestError("Nothing to extend by: give --T1, --T2, --revolutions, --observations or --radius.")
    before = store.plan(options.run_id)
    plan = extended(settings, before, **changes)
    _tell(news(before, plan))
    user = standing(settings, plan.host, options)
    user.refuse(plan, settings.hosts[plan.host])
    refuse_without_room(settings, plan, store.done_batches([batch.batch_id for batch in plan.batches]))
    told = ", ".join(f"{name} {value}" for name, value in changes.items())
    number = store.revise(options.run_id, plan, f"extended: {told}", user.token)
    return _go_on(options, settings, number, f"{number} of {len(plan.batches)} batches are new.")


def _exclude(options: argparse.Namespace) -> int:
    from dashboard.plan.replanning import put_back, without

    settings, store = own_store()
    if bool(options.batch) == bool(options.scw):
        raise RequestError("Say either which batches (--batch) or which science windows (--scw).")
    state = store.state(options.run_id)
    word = "put back" if options.back else "excluded"
    if options.batch:
        number = store.exclude(options.run_id, _ids(state, options.batch), not options.back)
        return _go_on(options, settings, number, f"{number} batches {word}.")
    plan = store.plan(options.run_id)
    plan = put_back(plan, options.scw) if options.back else without(plan, options.scw)
    number = store.revise(options.run_id, plan, f"{len(options.scw)} ScW {word}", standing(settings, plan.host, options).token)
    return _go_on(options, settings, number, f"{len(options.scw)} science windows {word}; {number} batches are asked again.")


def _rename(options: argparse.Namespace) -> int:
    _, store = own_store()
    store.rename(options.run_id, options.name)
    name = store.state(options.run_id).name
    return say(options, {"run_id": options.run_id, "name": name}, f"It is called {name} now.")


def _pin(options: argparse.Namespace, pinned: bool) -> int:
    _, store = own_store()
    store.pin(options.run_id, pinned)
    return say(options, {"run_id": options.run_id, "pinned": pinned}, "pinned" if pinned else "no longer pinned")


def _delete(options: argparse.Namespace) -> int:
    _, store = own_store()
    state = store.state(options.run_id)
    if not options.yes and (options.json or not sys.stdin.isatty()):
        raise RequestError(f"Nobody can be asked whether {state.name} is to be deleted with its files: add --yes if it is.")
    if not options.yes and input(f"Delete {state.name} ({state.line_of_truth}) with its files? [y/N] ").strip().lower() not in ("y", "yes"):
        return say(options, {"run_id": options.run_id, "deleted": False}, "Nothing was deleted.")
    freed = store.delete(options.run_id)
    return say(options, {"run_id": options.run_id, "deleted": True, "bytes": freed}, f"Deleted; {freed / 1e6:.1f} MB are free again.")


def _go_on(options: argparse.Namespace, settings: Settings, number: int, line: str) -> int:
    """A worker does what was decided, after this process has ended."""
    from dashboard.runs.process import ensure_worker

    ensure_worker(settings, lasting=True)
    return say(options, {"run_id": options.run_id, "batches": number}, line)


def _ids(state: RunState, numbers: Sequence[int]) -> list[str]:
    """Ids of batches by their numbers, which count from 1."""
    if wrong := [number for number in numbers if not 1 <= number <= len(state.batches)]:
        raise RequestError(f"There is no batch {wrong[0]}: the run has batches 1 to {len(state.batches)}.")
    return [state.batches[number - 1].batch_id for number in numbers]
