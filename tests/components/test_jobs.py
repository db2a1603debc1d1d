"""What the page says of a job at a host."""

from __future__ import annotations

from components.jobs import STATES, job_lines, job_table
from dashboard.dispatcher.job_record import STATES as KNOWN
from dashboard.dispatcher.job_record import HostJob
from dashboard.job_acts import JobLook

NASTY = '<img src=x onerror="alert(1)">'
JOB = HostJob(
    "574abdab77ceb965",
    state="failed",
    changed=1795327944.0,
    parameters={"instrument": "jemx", "jemx_num": 1, "product_type": "jemx_lc", "src_name": NASTY, "scw_list": ["066500220010.001"]},
    said=NASTY,
)


def test_a_row_says_when_what_how_and_which_run() -> None:
    row = job_table((JobLook(JOB, "20261122-1", "My Crab"),)).iloc[0]
    assert list(row) == ["2026-11-22 06:12", "✗ failed", "jemx1 lc", NASTY, "1", "My Crab"]
    bare = job_table((JobLook(HostJob("574abdab77ceb965")),)).iloc[0]
    assert list(bare) == ["?", "? unknown", "? ?", "–", "?", "–"]


def test_states_have_a_mark_and_a_word() -> None:
    assert set(STATES) == set(KNOWN) - {"unknown"}


def test_what_comes_from_outside_is_text() -> None:
    html = job_lines(JobLook(JOB, "run", NASTY, NASTY, NASTY, NASTY))
    assert "<img" not in html
    assert html.count("&lt;img") >= 6


def test_a_job_of_a_run_links_to_it_and_a_foreign_one_says_what_attaching_means() -> None:
    assert '<a href="?run=20261122-1">My Crab</a>' in job_lines(JobLook(JOB, "20261122-1", "My Crab"))
    told = job_lines(JobLook(JOB, remedy="Round them.", remark="It is computed again."))
    assert "of no run of yours" in told
    assert "Round them." in told
    assert "It is computed again." in told
