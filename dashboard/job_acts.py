"""A user's jobs at the hosts: looked at, attached as runs, reported. Every method blocks, and raises a DashboardError."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from dashboard.account import Account
from dashboard.archive.reference_catalog import reference_catalog
from dashboard.archive.resolver import Target, resolve
from dashboard.archive.selection import find_pointings
from dashboard.dispatcher.host_jobs import JobsDoor, incident
from dashboard.dispatcher.job_identity import foretold_job_id
from dashboard.dispatcher.job_record import HostJob
from dashboard.dispatcher.remedy import remedy_of_job
from dashboard.dispatcher.token import subject
from dashboard.errors import NotAuthorized, RequestError
from dashboard.identity import Identity
from dashboard.plan.attaching import ADDED_BY_US, attached_plan, middle_of, request_of, sent_again, source_of
from dashboard.plan.batch import Batch
from dashboard.plan.plan import Plan
from dashboard.request.checks import check
from dashboard.runs.capacity import refuse_without_room
from dashboard.runs.process import ensure_worker, host_for
from dashboard.runs.store import RunStore
from dashboard.settings import Settings

DAYS: Final = 7.0
"""How far back is looked when nothing else is said."""
CLEARED_SECONDS: Final = 5 * 86400.0
"""After so long a dispatcher may clear the folder of a job that is done (dispatcher-app, configurer.py)."""
WHERE: Final = "on the page at Hosts and token, the button beside Runs; on the command line by ODA_TOKEN or --token-file"
_NOWHERE: Final = Target("", 0.0, 0.0, "")


@dataclass(frozen=True, slots=True)
class JobLook:
    """A job and what can be done about it.

    Attributes
    ----------
    job
        As the host records it.
    run_id, run_name
        The user's run that it belongs to, "" for none.
    remedy
        What can be done where something is wrong, else "".
    obstacle
        Why it cannot be attached, "" when it can.
    remark
        What attaching it will mean.
    """

    job: HostJob
    run_id: str = ""
    run_name: str = ""
    remedy: str = ""
    obstacle: str = ""
    remark: str = ""

    @property
    def what(self) -> str:
        """Instrument and product in a few words."""
        return f"{self.job.instrument or '?'} {self.job.product_type.rpartition('_')[2] or '?'}"

    @property
    def when(self) -> str:
        """Last change, UTC to the minute; "" when not told."""
        return f"{datetime.fromtimestamp(self.job.changed, UTC):%Y-%m-%d %H:%M}" if self.job.changed == self.job.changed else ""

    @property
    def source(self) -> str:
        """Its source, "" where the dispatcher's default stands."""
        return source_of({"src_name": self.job.source})[0]


class JobActs:
    """Acts on the jobs of one user.

    Parameters
    ----------
    settings, store
        Of the deployment; as the user sees it.
    identity
        The user.
    account
        The user's tokens.
    """

    def __init__(self, settings: Settings, store: RunStore, identity: Identity, account: Account) -> None:
        self._settings, self._store, self._identity, self._account = settings, store, identity, account

    def jobs(self, host: str, days: float = DAYS, job_id: str = "") -> tuple[JobLook, ...]:
        """The user's jobs at a host, the newest first; only those whose id begins with `job_id`."""
        found = self._door(host).jobs(days, job_id)
        owners = self._store.runs_of_jobs(host, {job.job_id: self._batch_id(host, job) for job in found})
        return tuple(self._look(host, job, *owners.get(job.job_id, ("", ""))) for job in found)

    def job(self, host: str, job_id: str, days: float = DAYS) -> JobLook:
        """One job by its id or its beginning; RequestError when there is none, or several."""
        found = self.jobs(host, days, job_id)
        if len(found) != 1:
            how = f"{len(found)} jobs" if found else "no job"
            raise RequestError(
                f"{host} has {how} of yours with an id that begins with {job_id[:64]!r} in the last {days:g} days: see the list."
            )
        return found[0]

    def attach(self, host: str, look: JobLook, name: str = "", *, lasting: bool = False) -> str:
        """Start a run that is the job, and return its id; `lasting`: its worker outlives this process.

        Raises
        ------
        RequestError
            When it is part of a run already, or can be none.
        """
        job = look.job
        known = self._store.runs_of_jobs(host, {job.job_id: self._batch_id(host, job)})
        if job.job_id in known:
            run_id, title = known[job.job_id]
            raise RequestError(f"Job {job.job_id} belongs to your run {title} ({run_id}) already: open that one.")
        plan = self.plan(host, job)
        standing = self._account.at(host)
        standing.refuse(plan, self._settings.hosts[host])
        refuse_without_room(self._settings, plan, set())
        identity = replace(self._identity, roles=standing.roles)
        run_id = self._store.start(plan, identity, name or f"Job {job.job_id} {look.what}", standing.token)
        ensure_worker(self._settings, lasting=lasting)
        return run_id

    def plan(self, host_name: str, job: HostJob) -> Plan:
        """The plan of a job's run.

        Raises
        ------
        RequestError
            When the job can be no run.
        ArchiveError
            When its science windows or its source are not found.
        """
        sent = sent_again(job.parameters)
        request, host = request_of(sent, host_name), host_for(self._settings, host_name)
        pointings = find_pointings(request, _NOWHERE, host)[request.instruments[0]]
        if any(source_of(sent)):
            target = resolve(request, host)
        else:
            target = middle_of(pointings)
            request.param.update(RA=target.ra, DEC=target.dec)
        check(request, hosts=self._settings.hosts)
        note = f"This run is job {job.job_id} of {host_name}. Other science windows, or another interval, are asked for anew."
        return attached_plan(request, sent, target, pointings, self._identity, reference_catalog(), note)

    def report(self, host: str, look: JobLook, text: str) -> str:
        """Tell the host's people that something is wrong with a job; what became of the report."""
        return self._door(host).report(look.job, text)

    @staticmethod
    def preview(look: JobLook, text: str) -> dict[str, str]:
        """What `report` will send, besides the token that says who sends it."""
        return incident(look.job, text)

    def _door(self, name: str) -> JobsDoor:
        if name not in self._settings.hosts:
            raise RequestError(f"There is no host {name[:60]!r}: choose one of {', '.join(self._settings.hosts)}.", "host_type")
        token = self._account.at(name).token
        if not token:
            raise NotAuthorized(f"{name} tells jobs to their user alone: give a token for {name} first, {WHERE}.")
        return JobsDoor(host_for(self._settings, name), token)

    def _look(self, host: str, job: HostJob, run_id: str, run_name: str) -> JobLook:
        look = JobLook(job, run_id, run_name, remedy_of_job(job, time.time()))
        if run_id:
            return look
        try:
            sent = sent_again(job.parameters)
            request_of(sent, host)
        except RequestError as error:
            return replace(look, obstacle=error.sentence)
        same = foretold_job_id({**sent, **ADDED_BY_US}, subject(self._account.at(host).token)) == job.job_id
        return replace(look, remark=_meaning(job, same or self._settings.hosts[host].simulated))

    def _batch_id(self, host: str, job: HostJob) -> str:
        """Of the batch that a run made of this job has; "" for a job that can be none."""
        try:
            return Batch(host, sent_again(job.parameters), self._identity.user).batch_id
        except RequestError:
            return ""


def _meaning(job: HostJob, same: bool) -> str:
    """What attaching a job will do."""
    if not same:
        return "Its id does not follow from its parameters as they are recorded: the host may compute it anew."
    if job.state == "failed":
        return "It failed: attached, it is computed again."
    if time.time() - job.changed > CLEARED_SECONDS:
        return "It is so old that the host may have cleared it: then it is computed anew."
    if job.state in ("done", "ready"):
        return "Attached, it is handed over without a new computation."
    return "Attached, it is waited for; it is not computed twice."
