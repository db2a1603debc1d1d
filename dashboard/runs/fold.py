"""A run's sums: every product that arrives is added once and what they make is published whole."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from dashboard.errors import ProductError
from dashboard.plan.plan import Plan
from dashboard.runs.kinds import KINDS
from dashboard.runs.ledger import Ledger
from dashboard.runs.products import ProductStore, batch_file, publication_of, run_file

PUBLISH_SECONDS: Final = 2.0
"""Between two publications of a sum, at least."""
PUBLISH_SHARE: Final = 0.1
"""Of the time that may pass with publishing: what a sum of thousands of batches takes is long."""
KEPT: Final = 2

log = logging.getLogger(__name__)


class JobFold:
    """The sum of one job of a run, kept in memory between publications. One owner at a time.

    Begins with the last published sum; when that cannot be read, was made for another plan, or holds a batch that has left the
    run, with the stored products of all batches.

    Parameters
    ----------
    run_id, job
        Whose sum.
    plan
        Of the run.
    ledger, products
        Where rows and files are.
    clock
        Seconds.
    """

    def __init__(
        self, run_id: str, job: int, plan: Plan, ledger: Ledger, products: ProductStore, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._run_id, self._job, self._plan = run_id, job, plan
        self._ledger, self._products, self._clock = ledger, products, clock
        # What a worker that was wrongly thought dead still writes has another number: no two write the same file.
        self._step = 1 + ledger.adders(run_id)
        published = ledger.sums(run_id).get(job, 0)
        self._version, self._published = abs(published), published > 0
        self._not_before = -float("inf")
        self._changed = False
        self._seen, self._present = -1, set[str]()
        self._kind = KINDS[plan.jobs[job].product]

    @cached_property
    def _sum(self) -> Any:
        if self._published:
            try:
                total = self._products.read(run_file(self._run_id, "sum", self._job, self._version), self._kind.read_sum)
                if self._kind.suits(self._plan, self._job, total):
                    return total
            except ProductError as error:
                log.warning("The sum of run %s is built again from its batches: %s", self._run_id, error.sentence)
        return self._kind.new_sum(self._plan, self._job)

    def add_arrived(self) -> None:
        """Add what has arrived and is not in the sum; what cannot be added is refused with its reason."""
        news = self._ledger.news(self._run_id, self._job, self._seen)
        if self._seen < 0 and (news.belongs or self._published):
            self._present = set(self._sum.batch_ids)
        if self._present & news.others if self._seen >= 0 else self._present - set(news.belongs):
            self._sum = self._kind.new_sum(self._plan, self._job)  # subtracting would leave residues of bright sources behind
            self._present, self._changed = set(), True
            news = self._ledger.news(self._run_id, self._job)
        for batch_id in news.belongs:
            if batch_id not in self._present:
                try:
                    self._sum.add(self._products.read(batch_file(batch_id), self._kind.read), batch_id)
                    self._present.add(batch_id)
                    self._changed = True
                except ProductError as error:
                    log.warning("Batch %s does not enter the sum of run %s: %s", batch_id, self._run_id, error.sentence)
                    self._ledger.refuse(self._run_id, batch_id, error)
        self._seen = news.version

    def publish(self, *, last: bool) -> None:
        """Write the sum and what it is published as, and move the run's pointer to them, if there is news.

        Parameters
        ----------
        last
            No more batches come: do not wait for the next interval.

        Raises
        ------
        StorageFull, ProductError
            When the files cannot be written; the pointer stays.
        RunTaken
            When another worker adds the run up by now.
        RequestError
            When the reference catalogue cannot be read.
        """
        if not self._changed or not (last or self._clock() >= self._not_before):
            return
        began = self._clock()
        if not self._sum.batch_ids:
            self._ledger.publish(self._run_id, self._job, -self._version, ())
            self._published, self._changed = False, False
            return
        version = self._version + self._step
        files = {**self._kind.files(self._plan, self._job, self._sum), "sum": self._write_sum}
        for name, writer in files.items():
            self._products.write(run_file(self._run_id, name, self._job, version), writer)
        self._ledger.publish(self._run_id, self._job, version, self._sum.batch_ids)
        self._version, self._published, self._changed = version, True, False
        self._not_before = began + max(PUBLISH_SECONDS, (self._clock() - began) / PUBLISH_SHARE)
        self._forget_older(files)

    def _forget_older(self, names: Iterable[str]) -> None:
        """Remove what is older than the last `KEPT` publications."""
        self._numbers.append(self._version)
        while len(self._numbers) > KEPT:
            older = self._numbers.pop(0)
            for name in names:
                self._products.remove(run_file(self._run_id, name, self._job, older))

    @cached_property
    def _numbers(self) -> list[int]:
        """Versions whose files are there, the last one left out that is being published; looked for once."""
        found = (publication_of(file.name) for file in self._products.files(f"runs/{self._run_id}"))
        return sorted({version for job, version in filter(None, found) if job == self._job and version < self._version})

    def _write_sum(self, path: Path) -> None:
        self._sum.to_hdulist().writeto(path, overwrite=True)

    @property
    def unpublished(self) -> bool:
        """Whether the sum holds more than what is published."""
        return self._changed


class RunFold:
    """The sums of all jobs of a run, for one version of its plan."""

    def __init__(self, run_id: str, plan: Plan, ledger: Ledger, products: ProductStore, plan_version: int = 1) -> None:
        self.plan, self.plan_version = plan, plan_version
        self._jobs = tuple(JobFold(run_id, job, plan, ledger, products) for job in range(len(plan.jobs)))

    def advance(self, *, last: bool) -> bool:
        """Add what has arrived, publish when it is time, and tell whether something is still unpublished."""
        for job in self._jobs:
            job.add_arrived()
            job.publish(last=last)
        return self.unpublished

    @property
    def unpublished(self) -> bool:
        """Whether some sum holds more than what is published."""
        return any(job.unpublished for job in self._jobs)
