"""The one durable step: from a batch's id to its product in the store."""

from __future__ import annotations

import json
import logging
import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

from dashboard.dispatcher.failure import Abandoned
from dashboard.dispatcher.obtain import JobProgress, obtain
from dashboard.errors import (
    DashboardError,
    DatabaseAway,
    HostBusy,
    HostPaused,
    NotAuthorized,
    ProductError,
    RunError,
    StorageAway,
    StorageFull,
    TokenRefused,
)
from dashboard.plan.batch import Batch
from dashboard.products.catalog_api import catalog_to_api
from dashboard.runs.gate import LOOK_AGAIN_SECONDS, Gate
from dashboard.runs.kinds import Kind, kind_of
from dashboard.runs.ledger import Ledger
from dashboard.runs.process import host_for
from dashboard.runs.products import ProductStore, batch_file
from dashboard.runs.retry import RetryPolicy
from dashboard.runs.vault import Vault
from dashboard.settings import Settings

LOOK_SECONDS: Final = 0.5
"""Time between two looks at whether a batch was cancelled, and between two notes of its progress."""
PLACE_SECONDS: Final = 1.0
"""Until a batch for which the host had no place is queued again."""

log = logging.getLogger(__name__)

Value = TypeVar("Value")
_NOT_ITS_FAULT = (HostPaused, StorageFull, StorageAway, DatabaseAway)
_STATES = {"submitted": "submitted", "progress": "running", "ready": "running", "done": "downloading"}


class Obtainer:
    """Asks for batches, one call a batch, from several threads. What happens is in the ledger; nothing is raised.

    Parameters
    ----------
    settings
        Where hosts, database and products are.
    ledger
        Where it is written down.
    gate
        Says which hosts may be asked, and is told how they behave.
    """

    def __init__(self, settings: Settings, ledger: Ledger, gate: Gate) -> None:
        self._settings = settings
        self._ledger = ledger
        self._gate = gate
        self._products = ProductStore(settings.storage_url)
        self._vault = Vault(settings)
        self._waited_for: dict[str, int] = {}
        self._looked = -math.inf
        self._looking = threading.Lock()
        self._at_hand: set[str] = set()
        self._settled, self._leaving = threading.Condition(), False

    def leave(self, seconds: float) -> None:
        """From now on begin with no batch and take no answer; what came before is waited for so long at the most, until it is stored."""
        with self._settled:
            self._leaving = True
            self._settled.wait_for(lambda: not self._at_hand, seconds)

    def _take_answer(self, batch_id: str) -> None:
        with self._settled:
            if not self._leaving:
                self._at_hand.add(batch_id)
        self._stay_behind(batch_id)

    def _stay_behind(self, batch_id: str) -> None:
        """Once this process leaves, go no further: what neither ends nor fails is taken up by another."""
        if self._leaving and batch_id not in self._at_hand:
            threading.Event().wait()

    def __call__(self, batch_id: str, workflow_id: str) -> None:
        """Obtain a batch; harmless when repeated. Another attempt than the present one is left alone."""
        self._stay_behind(batch_id)
        try:
            self._attempt(batch_id, workflow_id)
        finally:
            with self._settled:
                self._at_hand.discard(batch_id)
                self._settled.notify_all()

    def _attempt(self, batch_id: str, workflow_id: str) -> None:
        batch, state, attempts, tries = _patiently(lambda: self._ledger.batch(batch_id))
        if workflow_id != f"{batch_id}-{attempts}" or state in {"done", "failed", "cancelled"}:
            return
        about = {"batch_id": batch_id, "attempt": attempts, "host": batch.host}
        try:
            self._obtain(batch, attempts)
        except Abandoned:
            log.info("Batch %s was cancelled.", batch_id, extra={**about, "state": "cancelled"})
        except DashboardError as error:
            log.warning("Batch %s, attempt %d: %s", batch_id, attempts, error.sentence, extra={**about, "state": "failed"})
            self._failed(batch, attempts, tries + 1, error)
        except Exception as error:
            # A defect of ours must not leave the batch in flight for ever.
            log.exception("Batch %s, attempt %d", batch_id, attempts, extra={**about, "state": "failed"})
            kind = type(error).__name__
            unexpected = RunError(f"An unexpected error ({kind}) stopped it: report it with the worker's log.")
            self._failed(batch, attempts, tries + 1, unexpected)

    def _failed(self, batch: Batch, attempt: int, failures: int, error: DashboardError) -> None:
        """Note a failure as soon as the database takes it: it may be away, and a full disk its own."""
        while True:
            try:
                if isinstance(error, TokenRefused):
                    return self._wait_for_token(batch, attempt, error)
                closed = error.seconds if isinstance(error, HostPaused) else self._gate.failed(batch.host, error)
                counted = not isinstance(error, _NOT_ITS_FAULT) and self._gate.blames(batch.host, error, closed)
                pause = RetryPolicy.of(batch.host).pause(error, failures if counted else 1)
                pause = pause and max(pause, min(closed, LOOK_AGAIN_SECONDS))
                return self._ledger.failed(batch.batch_id, error, pause, counted=counted, attempt=attempt)
            except (StorageFull, DatabaseAway) as away:
                log.warning("Batch %s: %s", batch.batch_id, away.sentence)
                time.sleep(LOOK_SECONDS)

    def _wait_for_token(self, batch: Batch, attempt: int, error: TokenRefused) -> None:
        """Until its owner gives another one; or ask at once with one given meanwhile, or that of somebody else who waits for the batch."""
        self._ledger.wait_for_token(batch.batch_id, error, attempt=attempt)
        with suppress(TokenRefused):
            self._vault.token_for(batch)
            self._ledger.wake(batch.batch_id)

    def _obtain(self, batch: Batch, attempt: int) -> None:
        name, kind = batch_file(batch.batch_id), kind_of(batch.parameters)
        about = {"batch_id": batch.batch_id, "attempt": attempt, "host": batch.host}
        if not self._stored(name, kind):
            self._gate.check(batch.host)
            host, token = host_for(self._settings, batch.host), _patiently(lambda: self._vault.token_for(batch))
            if not _patiently(lambda: self._ledger.take_place(batch.batch_id, host.jobs_in_flight, attempt=attempt)):
                full = HostBusy(f"{host.jobs_in_flight} jobs are at {host.name} already: this one is sent as soon as one of them ends.")
                return _patiently(lambda: self._ledger.failed(batch.batch_id, full, PLACE_SECONDS, counted=False, attempt=attempt))
            log.info("Batch %s, attempt %d: asked of %s.", batch.batch_id, attempt, batch.host, extra={**about, "state": "submitted"})
            try:
                note, stop = self._note(batch, attempt), self._cancelled(batch.batch_id, attempt)
                answer = obtain(batch, host, token=token, progress=note, stop=stop)
            except TokenRefused as error:
                self._gate.answered(batch.host)
                if not token:
                    raise NotAuthorized(error.sentence) from error
                self._vault.refused(batch.host, token)
                raise
            _patiently(lambda: self._gate.answered(batch.host))
            product = kind.of_answer(answer)
            # What the file does not hold is written first: once the file is there, the batch counts as done.
            catalog = json.dumps(catalog_to_api(answer.catalog), allow_nan=False)
            values = {"job_id": answer.job_id, "session_id": answer.session_id, "n_bytes": answer.n_bytes}
            _patiently(lambda: self._ledger.came(batch.batch_id, catalog, attempt=attempt, **values))
            self._products.write(name, lambda path: kind.write(product, path))
        if done := _patiently(lambda: self._ledger.done(batch.batch_id, name, attempt=attempt)):
            told = f"{done.seconds:.1f} s, {done.n_bytes / 1e6:.2f} MB"
            more = {**about, "state": "done", "seconds": round(done.seconds, 3), "bytes": done.n_bytes}
            log.info("Batch %s, attempt %d: done, %s.", batch.batch_id, attempt, told, extra=more)

    def _stored(self, name: str, kind: Kind) -> bool:
        """Whether the product is there already and can be read."""
        if not self._products.exists(name):
            return False
        try:
            self._products.read(name, kind.read)
        except ProductError as error:
            log.warning("A stored product is asked again: %s", error.sentence)
            return False
        return True

    def _note(self, batch: Batch, attempt: int) -> Callable[[JobProgress], None]:
        last, noted = JobProgress(), 0.0

        def note(progress: JobProgress) -> None:
            nonlocal last, noted
            if progress.state == "done":
                self._take_answer(batch.batch_id)
            with suppress(DatabaseAway):
                self._gate.heard(batch.host)
            now = time.monotonic()
            if progress != last and (progress.state != last.state or now - noted >= LOOK_SECONDS):
                state = _STATES.get(progress.state, "submitted")
                values = {"scw_done": progress.scw_done, "job_id": progress.job_id, "session_id": progress.session_id}
                with suppress(DatabaseAway):  # the next answer tells as much
                    self._ledger.progress(batch.batch_id, state, attempt=attempt, **values)
                    last, noted = progress, now

        return note

    def _cancelled(self, batch_id: str, attempt: int) -> Callable[[], bool]:
        """Tells whether nobody waits for an attempt any more, from one look for all batches in flight."""
        self._looked = -math.inf  # the last look may be from before this one was sent

        def cancelled() -> bool:
            with self._looking:
                if time.monotonic() - self._looked >= LOOK_SECONDS:
                    try:
                        self._waited_for, self._looked = self._ledger.waited_for(), time.monotonic()
                    except DatabaseAway:
                        return False
                return self._waited_for.get(batch_id) != attempt

        return cancelled


def _patiently(act: Callable[[], Value]) -> Value:
    """Do it as soon as the database is there: nothing is fetched twice because it was away for a while."""
    while True:
        try:
            return act()
        except DatabaseAway as away:
            log.warning("%s", away.sentence)
            time.sleep(LOOK_SECONDS)
