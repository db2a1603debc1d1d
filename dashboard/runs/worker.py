"""The worker: launches DBOS, fills the queue, and adds up what arrives. On SQLite there is one, on PostgreSQL as many as one likes.

    python -m dashboard.runs.worker [--parent-pipe FD] [--lock FD]

It may be killed at any moment: everything it does is written down whole or not at all, and done again by the next one, or by
the others. Told to end (SIGTERM, Ctrl-C, its parent's end) it begins with nothing more, stores the answers that are there, and
leaves the rest, whose jobs go on at their hosts, to whoever comes next; a second SIGTERM ends it at once.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from dashboard.combine.resample import warm
from dashboard.errors import DashboardError, RunTaken, WorkerRefused
from dashboard.logs import begin_logging, call_process
from dashboard.plan.making import catalogue_of_image
from dashboard.plan.plan import Plan
from dashboard.runs.announcing import Announcer, finish_telling
from dashboard.runs.database import open_database
from dashboard.runs.ending import end_within
from dashboard.runs.fold import RunFold
from dashboard.runs.gate import Gate
from dashboard.runs.housekeeping import Housekeeping
from dashboard.runs.ledger import AHEAD, ActiveRun, Ledger
from dashboard.runs.lock import try_lock, write_owner
from dashboard.runs.obtaining import Obtainer
from dashboard.runs.presence import WORKER, Presence, step_out
from dashboard.runs.process import worker_lock
from dashboard.runs.products import ProductStore
from dashboard.runs.results import load_sources
from dashboard.runs.run_folder import RunFolders
from dashboard.runs.run_state import REVIEW
from dashboard.runs.store import RunStore
from dashboard.runs.team import Team
from dashboard.runs.vault import Vault
from dashboard.runs.workflow import EXECUTOR, BatchQueue
from dashboard.runs.workspace import Workspace
from dashboard.settings import Settings

TICK_SECONDS = 0.2
PAUSE_SECONDS = 5.0
"""Until a run whose sum could not be published is tried again."""

LEAVE_SECONDS, STORE_SECONDS, LETTER_SECONDS = 8.0, 4.0, 2.0
"""Until it is gone once it is told to end; of these, for answers that are being stored and for what is being sent."""

log = logging.getLogger("dashboard.runs.worker")  # whatever the module is called that is run


class Worker:
    """What the worker does besides obtaining batches: one thread, one turn after the other."""

    def __init__(self, settings: Settings, queue: BatchQueue, ledger: Ledger, gate: Gate, team: Team) -> None:
        self._settings, self._queue, self._ledger, self._gate, self._team = settings, queue, ledger, gate, team
        self._store = RunStore(settings)
        self._products = ProductStore(settings.storage_url)
        self._announcer = Announcer(settings)
        self._folders = RunFolders(settings)
        self._workspace = Workspace(settings)
        self._sign_of_life = worker_lock(settings)
        self._folds: dict[str, RunFold] = {}
        self._not_before: dict[str, float] = {}
        self._closed: dict[str, str] = {}
        self._settled: dict[str, tuple[int, str]] = {}

    def recover(self) -> None:
        """Put into the queue what an earlier worker had noted as queued; what DBOS knows already stays as it is."""
        Vault(self._settings).sweep()
        self._folders.look_for_missing()
        self._workspace.look_for_missing()
        self._queue.put_missing(self._ledger.in_queue())

    def turn(self) -> bool:
        """Claim runs, fill the queue, advance the sums, settle the states, show a sign of life; whether there is anything to do."""
        if self._settings.shared:
            self._team.take_over()
        for run_id in self._team.claim():
            log.info("Run %s is taken on.", run_id, extra={"run_id": run_id, "state": "running"})
        active = self._ledger.active_runs()
        for host in dict.fromkeys(run.host for run in active.values()):
            self._look_at_gate(host)
            self._fill(host, [run_id for run_id, run in active.items() if run.host == host])
        ended = [run_id for run_id in self._folds if run_id not in active]
        for run_id in [*active, *self._ledger.known(ended)]:
            if self._not_before.get(run_id, 0.0) <= time.monotonic() and not self._at_rest(run_id, active.get(run_id)):
                self._advance(run_id, active[run_id].plan_version if run_id in active else 0)
        for run_id in ended:
            self._folds.pop(run_id, None)
            self._settled.pop(run_id, None)
        self._folders.keep([*active, *ended])
        self._workspace.keep([*active, *ended])
        with suppress(OSError):  # its folder may be away for a while, as the database may
            self._sign_of_life.touch()
        return bool(active) or self._ledger.in_hand()

    def _look_at_gate(self, host: str) -> None:
        """Tell when a host is left alone and when no longer, whoever decided it."""
        closed, before = self._gate.sentence(host), self._closed.get(host, "")
        if closed != before:
            log.warning("%s", closed or f"{host} may be asked again.", extra={"host": host, "state": "paused" if closed else "open"})
            self._closed[host] = closed

    def _at_rest(self, run_id: str, run: ActiveRun | None) -> bool:
        """Whether nothing has changed since the last advance of a run that left nothing to do: the run's batches are not looked through."""
        if run is None:
            return False
        before = self._settled.get(run_id)
        self._settled[run_id] = now = run.version, self._gate.sentence(run.host)
        fold = self._folds.get(run_id)
        return now == before and fold is not None and not fold.unpublished

    def _fill(self, host: str, run_ids: Sequence[str]) -> None:
        """Queue what is due; where the host has room for a few only, one by one of the run that has come least far."""
        while room := self._gate.room(host, AHEAD):
            few, probe = room < AHEAD, self._gate.trying(host)
            due = self._ledger.in_turn(run_ids, probe=probe)
            orders = [
                order for run_id in due[: 1 if few else None] for order in self._ledger.take_due(run_id, 1 if few else room, probe=probe)
            ]
            for order in orders:
                self._queue.put(order)
            if not few or not orders:
                return

    def _advance(self, run_id: str, plan_version: int) -> None:
        """Add and publish, then give the run its state; a sum that fails ends the run or waits, it does not end the worker."""
        try:
            complete = self._ledger.complete(run_id)  # before adding: what arrives after this look is seen at the next turn
            fold = self._folds.get(run_id)
            if fold is None or plan_version > fold.plan_version:
                fold = self._folds[run_id] = RunFold(run_id, self._store.plan(run_id), self._ledger, self._products, plan_version)
            unpublished = fold.advance(last=complete)
            if complete and not unpublished:
                del self._folds[run_id]
                if fold.plan.coming:
                    if self._ledger.in_step(run_id, fold.plan_version):
                        self._catalogue_is_there(run_id, fold.plan)
                    return
            closed, whole = self._gate.sentence(fold.plan.host), complete and not unpublished
            self._took(run_id, self._ledger.settle(run_id, complete=whole, closed=closed, plan_version=fold.plan_version))
        except RunTaken as taken:
            log.warning("%s", taken.sentence, extra={"run_id": run_id})
            self._folds.pop(run_id, None)
        except DashboardError as error:
            log.warning("Run %s: %s", run_id, error.sentence, extra={"run_id": run_id})
            self._took(run_id, self._ledger.set_run(run_id, "waiting" if error.retryable else "done with failures", error.sentence))
            self._drop(run_id)
        except Exception as error:
            log.exception("Run %s", run_id, extra={"run_id": run_id})
            reason = f"An unexpected error ({type(error).__name__}) stopped the addition of its batches: report it with the worker's log."
            self._took(run_id, self._ledger.set_run(run_id, "done with failures", reason))
            self._drop(run_id)

    def _catalogue_is_there(self, run_id: str, plan: Plan) -> None:
        """The images are complete: go on with their sources, or let the owner look at them first."""
        state = self._store.state(run_id)
        images = sorted({coming.image for coming in plan.coming})
        ready = [number for number in images if state.sums[number]]
        if not ready:
            reason = f"No batch of the image ({plan.jobs[images[0]].label}) came back, so that there is no catalogue: retry what failed."
            self._took(run_id, self._ledger.set_run(run_id, "done with failures", reason))
        elif plan.request.get("review_catalog"):
            self._took(run_id, self._ledger.set_run(run_id, REVIEW, "The image's catalogue is there: look at it, then go on."))
        else:
            for number in ready:
                catalog, _ = catalogue_of_image(plan, number, load_sources(self._settings, state, number))
                self._store.go_on(run_id, number, catalog)

    def _took(self, run_id: str, state: str) -> None:
        """A run has taken another state; "" when it has not."""
        if state:
            log.info("Run %s: %s.", run_id, state, extra={"run_id": run_id, "state": state})
            self._announcer.tell(run_id, state)

    def _drop(self, run_id: str) -> None:
        self._folds.pop(run_id, None)
        self._settled.pop(run_id, None)
        self._not_before[run_id] = time.monotonic() + PAUSE_SECONDS


def run_worker(settings: Settings, lock: int | None, idle_exit: float = math.inf) -> NoReturn:
    """Work until the process ends.

    Parameters
    ----------
    settings
        Where hosts, database and products are.
    lock
        Descriptor of the worker's lock when the caller's parent took it, None to take it here.
    idle_exit
        Seconds without anything to do after which it ends.

    Raises
    ------
    WorkerRefused
        When a worker is at work already, or the database is on a network disk.
    """
    database = open_database(settings)
    held = lock if lock is not None or settings.shared else try_lock(worker_lock(settings))
    if held is None and not settings.shared:
        raise WorkerRefused(
            f"A worker is already at work in {settings.data_dir}, and on SQLite there is exactly one: "
            "leave it to it, or share the work through PostgreSQL (INTEGRAL_DASHBOARD_DATABASE)."
        )
    if held is not None:
        os.set_inheritable(held, False)
        write_owner(held, os.getpid())
    threading.Thread(target=_load_client, daemon=True).start()
    presence = Presence(settings, WORKER)
    ledger = Ledger(database, presence.process_id)
    gate = Gate(database, settings.hosts)
    obtainer = Obtainer(settings, ledger, gate)
    queue = BatchQueue(settings.database_url, obtainer)
    team = Team(database, ledger, queue, presence.process_id)
    worker, housekeeping = Worker(settings, queue, ledger, gate, team), Housekeeping(settings)
    signal.signal(signal.SIGTERM, _told_to_end)
    try:
        presence.begin()
        call_process(presence.process_id)
        _at_work.append((presence.process_id, obtainer))
        log.info("The worker begins.", extra={"worker": presence.process_id})
        executor = presence.process_id if settings.shared else EXECUTOR
        queue.launch(max(host.jobs_in_flight for host in settings.hosts.values()), executor)
        worker.recover()
        busy_at = time.monotonic()
        while time.monotonic() - busy_at < idle_exit:
            if _turn(worker):
                busy_at = time.monotonic()
            if not settings.data_dir.exists():
                log.error("%s is gone, and with it what there was to do.", settings.data_dir)
                _leave(1)
            housekeeping.begin_when_due()
            time.sleep(TICK_SECONDS)
        _leave(0)
    except KeyboardInterrupt:
        _leave(0)
    except Exception:
        log.exception("The worker stops.")
        _leave(1)


def _turn(worker: Worker) -> bool:
    """One turn; whether there was anything to do. A database that is locked or away for a while is waited for."""
    try:
        return worker.turn()
    except DashboardError as error:
        log.warning("%s", error.sentence)
        time.sleep(PAUSE_SECONDS)
        return True


_at_work: list[tuple[str, Obtainer]] = []


def _told_to_end(number: int, frame: FrameType | None) -> NoReturn:
    signal.signal(number, signal.SIG_DFL)
    signal.default_int_handler(number, frame)


def _leave(code: int) -> NoReturn:
    """End: batches in flight hold threads that would keep us; the next worker takes them up as soon as we have stepped out."""
    end_within(LEAVE_SECONDS)
    try:
        for process_id, obtainer in _at_work:
            log.info("The worker ends.", extra={"worker": process_id})
            obtainer.leave(STORE_SECONDS)
        finish_telling(LETTER_SECONDS)
        step_out()
    except Exception:
        log.exception("The worker ends, but not as it should.")
    finally:
        logging.shutdown()
        os._exit(code)


def _load_client() -> None:
    """oda-api takes seconds to import, and on a new machine the kernels as long to compile: begin before the first batch asks."""
    importlib.import_module("dashboard.dispatcher.client")
    warm()


def _end_with_parent(pipe: int) -> None:
    """End this process when the other side of the pipe is closed, be it by the parent's death."""
    os.set_inheritable(pipe, False)
    while os.read(pipe, 4096):
        pass
    _leave(0)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Work until interrupted, or until the parent's pipe closes.

    Raises
    ------
    WorkerRefused
        When a worker may not start here.
    """
    parser = argparse.ArgumentParser(prog="worker", description="Work on runs until interrupted.")
    parser.add_argument("--parent-pipe", type=int, help="descriptor whose closing ends the worker")
    parser.add_argument("--lock", type=int, help="descriptor that holds the worker's lock")
    parser.add_argument("--idle-exit", type=float, default=math.inf, help="end after so many seconds without anything to do")
    options = parser.parse_args(arguments)
    settings = Settings.from_environment()
    begin_logging(settings)
    if options.parent_pipe is not None:
        threading.Thread(target=_end_with_parent, args=(options.parent_pipe,), daemon=True).start()
    run_worker(settings, options.lock, options.idle_exit)


if __name__ == "__main__":
    try:
        main()
    except DashboardError as refusal:
        log.error("%s", refusal.sentence)
        sys.exit(1)
