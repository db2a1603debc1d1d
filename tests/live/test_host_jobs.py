"""What this project takes for granted of a user's jobs at a dispatcher; nothing is submitted and no incident is reported."""

from __future__ import annotations

import pytest

from dashboard.dispatcher.host_jobs import JobsDoor
from dashboard.dispatcher.job_identity import foretold_job_id
from dashboard.dispatcher.job_record import STATES
from dashboard.dispatcher.token import subject
from dashboard.errors import NotAuthorized, RequestError
from dashboard.hosts import Host
from dashboard.plan.attaching import ADDED_BY_US, sent_again
from tests.signed import signed


def test_a_token_opens_the_list_of_its_users_jobs(host: Host, token: str) -> None:
    jobs = JobsDoor(host, token).jobs(30.0)
    assert all(job.state in STATES and len(job.job_id) == 16 for job in jobs)
    assert [job.changed for job in jobs] == sorted((job.changed for job in jobs), reverse=True)


def test_ids_follow_from_the_parameters_that_are_told(host: Host, token: str) -> None:
    if host.simulated:
        pytest.skip("the observatory numbers its jobs otherwise")
    attachable = []
    for job in JobsDoor(host, token).jobs(30.0):
        try:
            attachable.append((job.job_id, foretold_job_id({**sent_again(job.parameters), **ADDED_BY_US}, subject(token))))
        except RequestError:
            continue
    if not attachable:
        pytest.skip(f"no job of this user at {host.name} can be attached")
    assert [told for told, _ in attachable] == [foretold for _, foretold in attachable]


def test_a_token_that_the_host_did_not_sign_opens_nothing(host: Host) -> None:
    with pytest.raises(NotAuthorized):
        JobsDoor(host, signed()).jobs()
