"""Jobs of the simulated dispatcher: what runs, what waits, what failed."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar

from dashboard.observatory.knobs import Counts, Knobs
from dashboard.observatory.pointings import history
from dashboard.observatory.products import Built, nothing, obstacle
from dashboard.observatory.query import Query

T = TypeVar("T")
AT_SUBMISSION: Final = ("500", "502", "hang", "lock")
_KEPT = 8  # built products


@dataclass(eq=False)
class Job:
    """One distinct computation.

    Attributes
    ----------
    state
        submitted, progress, ready, done or failed.
    finished
        Science windows done when the job ended or was lost; while it runs the clock tells.
    started_at, pace
        Monotonic seconds when it began to run, seconds a science window.
    failure
        Of its latest submission, "" for none.
    obstacle
        Why the backend could not compute it, in its words.
    lost
        The backend's callbacks do not arrive any more: the state stays.
    """

    query: Query
    state: str = "submitted"
    finished: int = 0
    started_at: float = 0.0
    pace: float = 0.0
    submitted_at: float = field(default_factory=time.time)
    failure: str = ""
    obstacle: str = ""
    lost: bool = False
    building: asyncio.Task[Built] | None = None
    task: asyncio.Task[None] | None = None

    @property
    def age(self) -> float:
        """Seconds since it was submitted."""
        return time.time() - self.submitted_at

    @property
    def progress(self) -> int:
        """Science windows done so far."""
        if self.state != "progress" or self.lost:
            return self.finished
        return min(int((time.monotonic() - self.started_at) / self.pace), len(self.query.scw_list)) if self.pace > 0 else 0

    def usable_by(self, session: str) -> bool:
        """Whether a new submission joins this job instead of starting it again."""
        if self.state in ("submitted", "progress"):
            return not self.lost or session == self.query.session
        return self.state in ("ready", "done") and not self.failure


class Jobs:
    """All jobs of a server. Used from one event loop."""

    def __init__(self, knobs: Knobs, counts: Counts) -> None:
        self.knobs, self.counts = knobs, counts
        self._jobs: dict[str, Job] = {}
        self._numbers: dict[str, int] = {}
        self._waiting: deque[Job] = deque()
        self._built: OrderedDict[tuple[str, int, float, int], Built] = OrderedDict()
        self._pool = ThreadPoolExecutor(max(1, knobs.concurrency), "observatory")

    def __getitem__(self, job_id: str) -> Job:
        return self._jobs[job_id]

    def of_user(self, user: str) -> list[Job]:
        """Jobs of a token's subject, in the order of their first submission."""
        return [job for job in self._jobs.values() if job.query.user == user]

    def submit(self, query: Query) -> Job:
        """A query with status new: starts the job, or finds the one that runs or has ended well.

        The job's `failure` tells what this submission meets; of the kinds AT_SUBMISSION nothing is started and no record kept.
        """
        job_id = query.job_id
        self.counts.submissions += 1
        self.counts.submissions_of[job_id] += 1
        number = self._numbers.setdefault(job_id, len(self._numbers) + 1)
        failure = self.knobs.failure(job_id, number, self.counts.submissions_of[job_id])
        if failure:
            self.counts.failures[failure] += 1
        if failure in AT_SUBMISSION:
            return Job(query, "failed", failure=failure)
        known = self._jobs.get(job_id)
        if known and known.usable_by(query.session) and failure != "backend":
            known.failure = failure or known.failure
            return known
        if known and known.task:
            known.task.cancel()
        job = self._jobs[job_id] = Job(query, failure=failure, lost=known is None and number <= self.knobs.lost_callbacks)
        if not job.lost:
            self._waiting.append(job)
            self._start_waiting()
        return job

    def lose_running(self) -> None:
        """As after a restart of the dispatcher: callbacks of whatever has not ended are lost."""
        self._waiting.clear()
        for job in self._jobs.values():
            if job.state in ("submitted", "progress"):
                job.finished, job.lost = job.progress, True
                if job.task:
                    job.task.cancel()

    def _start_waiting(self) -> None:
        while self._waiting and self.counts.running < self.knobs.concurrency:
            job = self._waiting.popleft()
            self.counts.running += 1
            self.counts.most_running = max(self.counts.most_running, self.counts.running)
            job.task = asyncio.create_task(self._run(job))

    async def _run(self, job: Job) -> None:
        try:
            ids = [scw[:12] for scw in job.query.scw_list]
            await asyncio.sleep(self.knobs.time_per_scw)
            job.state, job.started_at, job.pace = "progress", time.monotonic(), self.knobs.time_per_scw
            await asyncio.sleep(job.pace * len(ids))
            job.finished = len(ids)
            job.obstacle = obstacle(job.query.product, ids)
            job.state = "failed" if job.failure == "backend" or job.obstacle or not _computable(ids) else "ready"
        finally:
            self.counts.running -= 1
            self._start_waiting()

    async def product(self, job: Job) -> Built:
        """The product of a job that is ready, built once even when several polls ask for it."""
        if job.failure == "empty":
            job.state = "done"
            return nothing(job.query.product, self.knobs.seed)
        if job.building is None:
            job.building = asyncio.create_task(self.build(job.query, job.query.scw_list))
        try:
            built = await asyncio.shield(job.building)
        finally:
            job.building = None
        job.state = "done"
        return built

    async def build(self, query: Query, scw_list: list[str]) -> Built:
        """A product in the thread pool, or from the few kept."""
        noise = (self.knobs.seed, self.knobs.coding_noise, self.knobs.flare_revolution)
        key = (query.job_id, *noise)
        if key in self._built:
            self._built.move_to_end(key)
            return self._built[key]
        builder = query.instrument.offers[query.product].build
        if builder is None:
            raise KeyError(query.product)
        parameters = {**query.values, "scw_list": scw_list}
        built = await self.run(partial(builder, parameters, *noise))
        self.counts.products += 1
        self._built[key] = built
        while len(self._built) > _KEPT:
            self._built.popitem(last=False)
        return built

    async def run(self, work: Callable[[], T]) -> T:
        """Work off the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    async def close(self) -> None:
        """Stop what runs."""
        self._waiting.clear()
        tasks = [job.task for job in self._jobs.values() if job.task and not job.task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._pool.shutdown(wait=False, cancel_futures=True)


def _computable(ids: list[str]) -> bool:
    """Whether the backend finds all science windows, and pointings only."""
    try:
        rows = history().rows(ids)
    except KeyError:
        return False
    return bool(ids) and not history().slew[rows].any()
