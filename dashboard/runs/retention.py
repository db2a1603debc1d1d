"""What may go from the store, in which order and why, and letting it go.

What goes was chosen a while ago, and is judged again in the transaction that removes it: a run that was pinned or is active
again, and a batch that a run has taken up, are spared. Rows go before their files: what a crash leaves between the two is a
file that no row knows, which goes another time.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

import sqlalchemy as sa

from dashboard.errors import RequestError, RunNotFound
from dashboard.runs.database import Database, open_database
from dashboard.runs.products import ProductStore, StoredFile, batch_file, is_part, run_of
from dashboard.runs.run_state import ENDED_BATCH
from dashboard.runs.schema import batches, events, run_batches, runs
from dashboard.runs.stock import DAY, ENDED_RUN, HeldBatch, HeldRun, Stock, is_unknown, run_ended
from dashboard.runs.store import RunStore
from dashboard.runs.workflow_records import forget_attempts
from dashboard.settings import Settings

GIGABYTE: Final = 1e9
Kind: TypeAlias = Literal["run", "batch", "file"]
_MAY_GO: Final = (runs.c.state.in_(ENDED_RUN), ~runs.c.pinned)
_FREE: Final = (batches.c.state.in_(ENDED_BATCH), ~sa.exists().where(run_batches.c.batch_id == batches.c.batch_id))


@dataclass(frozen=True, slots=True)
class Removal:
    """Something that may go.

    Attributes
    ----------
    kind
        "run" with its folder and the private batches it alone has; "batch", a product that no run has; "file", a file or
        folder that no row knows.
    id
        Of the run or batch; the name of a file in the store.
    n_bytes
        What its going frees.
    at
        Seconds since 1970 (UTC): when the run ended, the batch was last changed, the file was written.
    reason
        Why, in words.
    name, owner
        Of a run, "" otherwise.
    """

    kind: Kind
    id: str
    n_bytes: int
    at: float
    reason: str
    name: str = ""
    owner: str = ""


def planned_removals(settings: Settings, *, days: float | None, gigabytes: float | None, now: float) -> tuple[Removal, ...]:
    """What would go, in the order in which it goes; nothing is changed.

    First what a crash left behind; then by age: runs, batches that no remaining run has, and what no row knows; then, while
    the store is too large, the oldest of what nobody has, and when there is nothing of that, the run that ended first.

    Parameters
    ----------
    settings
        Where database and products are.
    days
        How long runs are kept after their end, and what nobody has after its last change; None: age is no reason.
    gigabytes
        Most that the store may hold; None: size is no reason. With neither nothing goes.
    now
        Seconds since 1970 (UTC).

    Raises
    ------
    RequestError
        For a negative number.
    ProductError, RunError
        When store or database cannot be read.
    """
    for name, value in (("days", days), ("gigabytes", gigabytes)):
        if value is not None and not 0 <= value < math.inf:
            raise RequestError(f"A number of {name} to keep is {value:g}: it must be 0 or more.")
    if days is None and gigabytes is None:
        return ()
    choice = _Choice(Stock(settings, now), now)
    choice.take_leftovers()
    if days is not None:
        choice.take_old(days)
    if gigabytes is not None:
        choice.take_until_it_fits(gigabytes)
    return tuple(choice.removals)


def what_stays(settings: Settings, removals: Iterable[Removal], gigabytes: float | None) -> str:
    """A sentence when the store is larger than it may be even after these removals, else ""."""
    left = ProductStore(settings.storage_url).size("") - sum(removal.n_bytes for removal in removals)
    return _too_much(left, gigabytes) if gigabytes is not None and left > gigabytes * GIGABYTE else ""


class _Choice:
    """Removals one after the other, each seeing the stock that those before it leave."""

    def __init__(self, stock: Stock, now: float) -> None:
        self._stock, self._now = stock, now
        self._left = stock.n_bytes
        self.removals: list[Removal] = []

    def take_leftovers(self) -> None:
        for file in sorted(self._stock.leftovers, key=_age):
            what = "It was begun and never finished" if is_part(file.name) else "Its run shows another publication"
            self._take("file", file.name, file.n_bytes, file.changed, f"{what}; it was written {self._ago(file.changed)}.")

    def take_old(self, days: float) -> None:
        limit, kept = self._now - days * DAY, f"{days:g} days are allowed"
        for run in self._ended_runs():
            if run.ended is not None and run.ended < limit:
                self._take_run(run, f"It ended {self._ago(run.ended)}; {kept}.")
        for batch in sorted(filter(_is_free, self._stock.batches.values()), key=_age):
            if batch.updated < limit:
                self._take_batch(batch, f"No run has it, and it was changed {self._ago(batch.updated)}; {kept}.")
        for file in self._unknown():
            if file.changed < limit:
                self._take_unknown(file, f"The database does not know it, and it was written {self._ago(file.changed)}; {kept}.")

    def take_until_it_fits(self, gigabytes: float) -> None:
        unknown, ended = iter(self._unknown()), iter(self._ended_runs())
        free = [(batch.updated, batch.batch_id) for batch in self._stock.batches.values() if _is_free(batch)]
        heapq.heapify(free)
        while self._left > gigabytes * GIGABYTE:
            too_large = f"The store holds {_size(self._left)}, {_size(gigabytes * GIGABYTE)} are allowed"
            if file := next(unknown, None):
                self._take_unknown(file, f"{too_large}; the database does not know it.")
            elif free:
                batch = self._stock.batches[heapq.heappop(free)[1]]
                if batch.n_bytes:
                    self._take_batch(batch, f"{too_large}; no run has it.")
            elif run := next(ended, None):
                self._take_run(run, f"{too_large}; of the runs that are not pinned it ended first.")
                for batch in (self._stock.batches[batch_id] for batch_id in run.batch_ids & self._stock.batches.keys()):
                    if _is_free(batch):
                        heapq.heappush(free, (batch.updated, batch.batch_id))
            else:
                if self.removals:
                    last = self.removals[-1]
                    self.removals[-1] = replace(last, reason=f"{last.reason} {_too_much(self._left, gigabytes)}")
                return

    def _ended_runs(self) -> list[HeldRun]:
        return sorted((run for run in self._stock.runs.values() if run.ended is not None and not run.pinned), key=_age)

    def _unknown(self) -> list[StoredFile]:
        return sorted(self._stock.unknown, key=_age)

    def _take_run(self, run: HeldRun, reason: str) -> None:
        self._take("run", run.run_id, self._stock.bytes_of(run), run.ended or 0.0, reason)
        self.removals[-1] = replace(self.removals[-1], name=run.name, owner=run.owner)
        for batch in self._stock.private_of(run):
            del self._stock.batches[batch.batch_id]
        for batch_id in run.batch_ids & self._stock.batches.keys():
            self._stock.batches[batch_id].run_ids.discard(run.run_id)
        del self._stock.runs[run.run_id]

    def _take_batch(self, batch: HeldBatch, reason: str) -> None:
        self._take("batch", batch.batch_id, batch.n_bytes, batch.updated, reason)
        del self._stock.batches[batch.batch_id]

    def _take_unknown(self, file: StoredFile, reason: str) -> None:
        self._take("file", file.name, file.n_bytes, file.changed, reason)
        self._stock.unknown.remove(file)

    def _take(self, kind: Kind, name: str, n_bytes: int, at: float, reason: str) -> None:
        self.removals.append(Removal(kind, name, n_bytes, at, reason))
        self._left -= n_bytes

    def _ago(self, moment: float) -> str:
        return f"{(self._now - moment) / DAY:.1f} days ago"


def remove(settings: Settings, removals: Sequence[Removal]) -> int:
    """Let go what still may; the bytes that are free now.

    Parameters
    ----------
    settings
        Where database and products are.
    removals
        As planned, a while ago or just now.

    Raises
    ------
    ProductError, RunError
        When a file cannot be removed, or the database does not answer; what was to go after it stays.
    """
    database, products = open_database(settings), ProductStore(settings.storage_url)
    forget_attempts(settings, _attempts(database, removals))
    freed = 0
    for removal in removals:
        match removal.kind:
            case "run":
                freed += _remove_run(settings, removal)
            case "batch":
                freed += _remove_batch(database, products, removal)
            case "file":
                freed += _remove_file(database, products, removal.id)
    return freed


def _remove_run(settings: Settings, removal: Removal) -> int:
    try:
        return RunStore(settings).delete(removal.id, only=sa.and_(*_MAY_GO, run_ended <= removal.at))
    except RunNotFound:
        return 0


def _remove_batch(database: Database, products: ProductStore, removal: Removal) -> int:
    """The row goes first, whole; then the file, unless somebody has asked for the batch between the two."""
    with database.writing() as connection:
        mine = (batches.c.batch_id == removal.id, *_FREE, batches.c.updated <= removal.at)
        if not connection.execute(batches.delete().where(*mine)).rowcount:
            return 0
        connection.execute(events.delete().where(events.c.batch_id == removal.id))
    return _remove_file(database, products, batch_file(removal.id))


def _remove_file(database: Database, products: ProductStore, name: str) -> int:
    """Nobody can begin to know the file while the transaction lasts that looks whether somebody does."""
    with database.writing() as connection:
        if not is_unknown(connection, name):
            return 0
        return products.remove_folder(name) if name == f"runs/{run_of(name)}" else products.remove(name)


def _attempts(database: Database, removals: Sequence[Removal]) -> dict[str, int]:
    """How often the batches were asked that may go by themselves, and have ended."""
    found: dict[str, int] = {}
    with database.reading() as connection:
        for removal in removals:
            if removal.kind == "batch":
                mine = (batches.c.batch_id == removal.id, batches.c.state.in_(ENDED_BATCH))
                found |= dict(connection.execute(sa.select(batches.c.batch_id, batches.c.attempts).where(*mine)).all())
    return found


def _is_free(batch: HeldBatch) -> bool:
    return batch.over and not batch.run_ids


def _age(what: HeldRun | HeldBatch | StoredFile) -> tuple[float, str]:
    """What to sort by: the oldest first, and always alike."""
    match what:
        case HeldRun():
            return what.ended or 0.0, what.run_id
        case HeldBatch():
            return what.updated, what.batch_id
        case StoredFile():
            return what.changed, what.name


def _size(n_bytes: float) -> str:
    return f"{n_bytes / GIGABYTE:.3g} GB" if n_bytes >= GIGABYTE else f"{n_bytes / 1e6:.3g} MB"


def _too_much(n_bytes: float, gigabytes: float) -> str:
    return (
        f"The store then still holds {_size(n_bytes)} where {_size(gigabytes * GIGABYTE)} are allowed: "
        "what is left belongs to runs that are pinned, active or in review, or is not this program's."
    )
