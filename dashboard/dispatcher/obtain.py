"""One batch from submission to products."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from dashboard.dispatcher.answer import Answer, decode_answer
from dashboard.dispatcher.distinct import sent_parameters
from dashboard.dispatcher.failure import Abandoned, verdict
from dashboard.errors import HostFailing, HostTimeout, HostUnreachable, JobStuck, MalformedAnswer
from dashboard.hosts import Host
from dashboard.plan.batch import Batch

STOP_LATENCY: Final = 0.5
"""Seconds after which a wait notices `stop`."""


@dataclass(frozen=True, slots=True)
class JobHandle:
    """What a job needs to be taken up again, by another process too."""

    session_id: str
    job_id: str
    query_status: str


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far a job is.

    Attributes
    ----------
    state
        The dispatcher's: "submitted", "progress", "ready", "done", "failed"; "prepared" before the first answer.
    job_id, session_id
        The job at the dispatcher.
    scw_done, scw_total
        Science windows for which a step has ended; all of the batch.
    node
        Last step reported, "" for none.
    """

    state: str = "prepared"
    job_id: str = ""
    session_id: str = ""
    scw_done: int = 0
    scw_total: int = 0
    node: str = ""

    @property
    def handle(self) -> JobHandle:
        """For `obtain(resume=...)`."""
        return JobHandle(self.session_id, self.job_id, self.state)

    def after(self, document: Mapping[str, Any]) -> JobProgress:
        """The progress an answer tells; without reports in it (a finished job has none) the last ones stay."""
        reports = [r for r in document["job_monitor"].get("full_report_dict_list") or () if isinstance(r, Mapping)]
        done = {r.get("scwid") for r in reports if r.get("message") == "main done"} - {None, ""}
        return replace(
            self,
            state=document["query_status"],
            job_id=str(document["job_monitor"].get("job_id") or self.job_id),
            scw_done=max(self.scw_done, min(len(done), self.scw_total)),
            node=next((str(r["node"]) for r in reversed(reports) if r.get("node")), self.node),
        )


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses after a lost poll: doubling, capped, spread by chance so that many jobs do not come back together.

    Attributes
    ----------
    first, cap
        Seconds.
    attempts
        Lost polls in a row after which the error is raised.
    spread
        Fraction by which a pause is drawn shorter or longer.
    draw
        Uniform in [0, 1); of the first pause between two polls, too.
    """

    first: float = 1.0
    cap: float = 30.0
    attempts: int = 6
    spread: float = 0.5
    draw: Callable[[], float] = field(default=random.random, repr=False)

    def pause(self, lost: int) -> float:
        """Seconds to wait after the `lost`-th lost poll in a row (1, 2, ...)."""
        return min(self.cap, self.first * 2.0 ** (lost - 1)) * (1 + self.spread * (2 * self.draw() - 1))


def obtain(
    batch: Batch,
    host: Host,
    *,
    token: str = "",
    progress: Callable[[JobProgress], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
    resume: JobHandle | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    backoff: Backoff | None = None,
) -> Answer:
    """Submit a batch, poll it until it is done, decode what comes.

    Equal parameters of one user are one job at the dispatcher, so that calling this again is harmless. The product is
    taken from the answer that says `done`; nothing is fetched twice. A refused or unanswered submission is raised at
    once; a lost poll is repeated, the job staying the same.

    Parameters
    ----------
    batch
        What to ask.
    host
        Where, how often to poll, and the deadlines of a request and of the job.
    token
        "" for anonymous.
    progress
        Called with every answer.
    stop
        Asked before every request and twice a second between; True ends the wait.
    resume
        A job submitted before; it is polled, not submitted.
    clock, sleep
        Seconds, and how to wait for them.
    backoff
        Pauses after lost polls.

    Raises
    ------
    JobStuck
        No end within `host.job_seconds`: submit again.
    JobExpired, JobFailed
        The dispatcher has no record of the job; the backend could not compute it.
    HostUnreachable, HostTimeout, HostFailing, MalformedAnswer
        The transport failed.
    RequestRefused, NotAuthorized, TokenExpired, UnsafePayload, JobMixedUp
        Asking again does not help.
    EmptyProduct
        The job ended without a result.
    Abandoned
        `stop` said so.
    """
    from dashboard.dispatcher.client import DispatcherClient  # loads oda_api: 3 s

    client = DispatcherClient(host, sent_parameters(batch), token=token, session_id=resume.session_id if resume else "")
    if resume:
        client.job_id, client.query_status = resume.job_id, resume.query_status
    state = JobProgress(client.query_status, client.job_id or "", client.session_id, scw_total=len(batch.scw))
    patience, started = backoff or Backoff(), clock()

    def wait(seconds: float) -> None:
        while seconds > 0 and not stop():
            pause = min(seconds, STOP_LATENCY)
            sleep(pause)
            seconds -= pause

    lost = 0
    part = patience.draw()  # of the first pause: jobs that were sent together are not asked for together, and one that ends is found sooner
    while True:
        if stop():
            raise Abandoned(f"Job {state.job_id or 'not yet submitted'} on {host.name} is no longer waited for.")
        overdue = clock() - started >= host.job_seconds
        try:
            document = client.ask()
        except (HostUnreachable, HostTimeout, HostFailing, MalformedAnswer):
            lost += 1
            if not client.is_submitted or lost >= patience.attempts or overdue:
                raise
            wait(patience.pause(lost))
            continue
        lost = 0
        state = state.after(document)
        progress(state)
        if client.is_done:
            return decode_answer(document, batch, host, token=token, n_bytes=client.n_bytes)
        if client.is_failed:
            raise verdict(document, host.name, job_id=state.job_id, node=state.node, token=token)
        if overdue:
            raise JobStuck(f"Job {state.job_id} on {host.name} has no end after {host.job_seconds:g} s: retry the batch.")
        wait(host.poll_seconds * part)
        part = 1.0
