from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard.dispatcher.failure import Abandoned
from dashboard.dispatcher.obtain import Backoff, JobHandle, JobProgress, obtain
from dashboard.errors import HostFailing, HostTimeout, HostUnreachable, JobExpired, JobStuck, MalformedAnswer, RequestRefused
from tests.dispatcher.replay import FakeTime, Reply, answer, document, host, image_batch, recorded, serving

ROOT = Path(__file__).resolve().parents[2]
LOST = [Reply(hang_up=True), Reply(b"busy", 503), Reply(b'{"query_status": "progr', 200)]


def polled(state: str = "progress", job_id: str = "574abdab77ceb965", **monitor: Any) -> dict[str, Any]:
    status = {"status": 0, "message": "", "error_message": "", "debug_message": "", "comment": "", "warning": ""}
    return {"query_status": state, "products": {}, "exit_status": status, "job_monitor": {"job_id": job_id, **monitor}}


def test_the_recorded_asynchronous_job(shared_data: Path) -> None:
    """submitted, progress, ready, done: seen in this order, polled at the host's pace, the product fetched once."""
    replies = recorded(shared_data, "06_async_isgri_image")
    time, seen = FakeTime(), list[JobProgress]()
    with serving(replies) as server:
        got = obtain(
            image_batch(), host(server.url), progress=seen.append, clock=time.clock, sleep=time.sleep, backoff=Backoff(draw=lambda: 0.5)
        )
    assert [p.state for p in seen] == ["submitted", *["progress"] * 6, "ready", "done"]
    assert len(server.requests) == len(replies) == 9
    assert time.slept == [0.125, *[0.25] * 7], "the first pause is a drawn part of the others"
    assert [p.node for p in seen[:3]] == ["", "GhostBustersImage", "ii_skyimage"]
    assert (seen[0].scw_done, seen[1].scw_done, seen[1].scw_total) == (0, 1, 1)
    assert (seen[-1].node, seen[-1].scw_done) == ("mosaic_ii_skyimage", 1), "kept when the list of reports is gone"
    assert np.nanmax(got.mosaics[0].significance) == pytest.approx(268.3, abs=0.1)
    assert got.n_bytes == len(replies[-1].body)

    first, *polls = server.requests
    assert all(request[:2] == ("POST", "/run_analysis") for request in server.requests)
    form = first[2]
    assert (form["query_status"], form["query_type"], form["api"], form["off_line"]) == (["new"], ["Real"], ["True"], ["False"])
    assert (form["product_type"], form["scw_list"], form["E1_keV"]) == (["isgri_image"], ["066500220010.001"], ["28.0"])
    assert "job_id" not in form
    assert "token" not in form
    assert {tuple(poll[2]["job_id"]) for poll in polls} == {("574abdab77ceb965",)}
    assert [poll[2]["query_status"][0] for poll in polls] == ["submitted", *["progress"] * 6, "ready"]
    assert len({poll[2]["session_id"][0] for poll in server.requests}) == 1
    assert seen[0].handle == JobHandle(form["session_id"][0], "574abdab77ceb965", "submitted")


def test_an_answer_done_at_once_needs_one_request(shared_data: Path) -> None:
    with serving(recorded(shared_data, "04_dummy_sync_jemx_lc")) as server:
        got = obtain(image_batch(instrument="jemx", product_type="jemx_lc", jemx_num=1, query_type="Dummy"), host(server.url))
    assert len(server.requests) == 1
    assert server.forms[0]["query_type"] == ["Dummy"]
    assert got.products[0].hdulist["JMX1-SRC.-LCR"].data["RATE"].shape == (1,)


def test_parameters_reach_the_server_in_the_form_it_reads(shared_data: Path) -> None:
    catalog = {"cat_column_names": ["src_names"], "cat_column_list": [["null source"]]}
    extras = {"selected_catalog": catalog, "catalog_selected_objects": [1, 2], "image_scale_min": None}
    batch = image_batch(scw_list=["066500220010.001", "066500230010.001"], **extras)
    final = document(shared_data, "04_dummy_sync_isgri_image")
    final["products"]["analysis_parameters"]["scw_list"] = list(batch.scw)
    with serving([answer(final)]) as server:
        obtain(batch, host(server.url))
    form = server.forms[0]
    assert form["scw_list"] == list(batch.scw)
    assert json.loads(form["selected_catalog"][0]) == catalog
    assert form["catalog_selected_objects"] == ["1,2"]
    assert form["image_scale_min"] == ["\0"]


def test_the_comment_on_an_unknown_parameter_surfaces(shared_data: Path) -> None:
    with serving(recorded(shared_data, "20_unknown_param")) as server:
        assert obtain(image_batch(no_such_param=1), host(server.url)).comment == "Please note that argument no_such_param is not used"


def test_nan_and_the_text_null_survive_the_json(shared_data: Path) -> None:
    sent = document(shared_data, "04_dummy_sync_isgri_image")
    sent["products"]["numpy_data_product_list"][0]["data_unit_list"][2]["header"] |= {"OBJECT": "nullable", "DEADC": float("nan")}
    sent["products"]["catalog"]["cat_column_list"][2] = [float("inf")]
    sent["exit_status"]["comment"] = "null"
    reply = answer(sent)
    assert b"NaN" in reply.body
    assert b"Infinity" in reply.body
    with serving([reply]) as server:
        got = obtain(image_batch(), host(server.url))
    assert got.comment == "null"
    assert got.mosaics[0].keywords["OBJECT"] == "nullable"
    assert got.catalog.sources[0].significance == 0


def test_resuming_polls_the_job_without_submitting(shared_data: Path) -> None:
    replies = recorded(shared_data, "06_async_isgri_image")[-2:]
    time = FakeTime()
    handle = JobHandle("ZMRJWO84WPIFVK6Y", "574abdab77ceb965", "progress")
    with serving(replies) as server:
        got = obtain(image_batch(), host(server.url), resume=handle, clock=time.clock, sleep=time.sleep)
    assert got.job_id == handle.job_id
    assert [(f["job_id"][0], f["session_id"][0], f["query_status"][0]) for f in server.forms] == [
        (handle.job_id, handle.session_id, "progress"),
        (handle.job_id, handle.session_id, "ready"),
    ]


def test_an_expired_job_says_so() -> None:
    gone = answer({"error_message": "unable to find any record for job_id 1", "config": "secret"}, 400)
    with serving([gone]) as server, pytest.raises(JobExpired):
        obtain(image_batch(), host(server.url), resume=JobHandle("S" * 16, "1", "submitted"))
    assert len(server.requests) == 1


def test_lost_polls_are_repeated_with_growing_pauses_and_nothing_is_submitted_again(shared_data: Path) -> None:
    replies = recorded(shared_data, "06_async_isgri_image")
    time = FakeTime()
    patience = Backoff(first=1.0, cap=3.0, attempts=5, spread=0.5, draw=lambda: 0.75)
    with serving([replies[0], *LOST, replies[1], *LOST, *replies[7:]]) as server:
        obtain(image_batch(), host(server.url), clock=time.clock, sleep=time.sleep, backoff=patience)
    assert [form["query_status"][0] for form in server.forms].count("new") == 1
    assert sum(time.slept) == pytest.approx((0.75 + 2) * 0.25 + 2 * (1 + 2 + 3) * 1.25)


def test_the_number_of_lost_polls_is_bounded() -> None:
    time = FakeTime()
    with serving([answer(polled("submitted")), Reply(status=502)]) as server, pytest.raises(HostFailing, match="HTTP 502"):
        obtain(image_batch(), host(server.url), clock=time.clock, sleep=time.sleep, backoff=Backoff(attempts=4))
    assert len(server.requests) == 1 + 4


def test_pauses_double_to_the_cap_and_spread() -> None:
    assert [Backoff(draw=lambda: 0.5).pause(n) for n in range(1, 8)] == [1, 2, 4, 8, 16, 30, 30]
    assert (Backoff(draw=lambda: 0.0).pause(1), Backoff(draw=lambda: 1.0).pause(1)) == (0.5, 1.5)
    assert len({Backoff().pause(1) for _ in range(20)}) > 1


@pytest.mark.parametrize("lost", LOST, ids=["hang up", "503", "truncated"])
def test_a_lost_submission_is_not_repeated_here(lost: Reply) -> None:
    time = FakeTime()
    with serving([lost]) as server, pytest.raises((HostUnreachable, HostFailing, MalformedAnswer)):
        obtain(image_batch(), host(server.url), clock=time.clock, sleep=time.sleep)
    assert len(server.requests) == 1
    assert time.slept == []


def test_a_refusal_during_polling_is_final() -> None:
    with serving([answer(polled("submitted")), answer({"error_message": "no"}, 400)]) as server, pytest.raises(RequestRefused):
        obtain(image_batch(), host(server.url), sleep=lambda _: None)
    assert len(server.requests) == 2


def test_a_stuck_job_ends_at_its_deadline() -> None:
    time = FakeTime()
    with serving([answer(polled())]) as server, pytest.raises(JobStuck, match=r"574abdab77ceb965 .* no end after 10 s: retry the batch"):
        obtain(image_batch(), host(server.url, job_seconds=10.0), clock=time.clock, sleep=time.sleep, backoff=Backoff(draw=lambda: 1.0))
    assert time.now == 10.0
    assert len(server.requests) == 41


def test_a_hanging_server_meets_the_deadline_of_a_request() -> None:
    with serving([Reply(hang=True)]) as server, pytest.raises(HostTimeout, match=r"within 0\.2 s"):
        obtain(image_batch(), host(server.url, request_seconds=0.2))
    with serving([Reply(b"{}" * 5000, cut=100, hang=True)]) as server, pytest.raises(HostTimeout):
        obtain(image_batch(), host(server.url, request_seconds=0.2))


def test_no_server() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(HostUnreachable, match="staging cannot be reached"):
            obtain(image_batch(), host(f"http://127.0.0.1:{free.getsockname()[1]}"))


@pytest.mark.parametrize("url", ["", "production", "ftp://somewhere", "http://user:word@host", "http://host/a_b.c"])
def test_an_address_oda_api_does_not_take_never_leaves_the_machine(url: str) -> None:
    with pytest.raises(HostUnreachable, match="staging"):
        obtain(image_batch(), host(url))


def test_stop_ends_the_wait_and_keeps_the_job() -> None:
    time, late = FakeTime(), Backoff(draw=lambda: 1.0)
    with serving([answer(polled())]) as server, pytest.raises(Abandoned, match="574abdab77ceb965"):
        obtain(
            image_batch(), host(server.url, poll_seconds=60.0), stop=lambda: time.now >= 3, clock=time.clock, sleep=time.sleep, backoff=late
        )
    assert len(server.requests) == 1
    assert time.now == 3
    with serving([answer(polled())]) as server, pytest.raises(Abandoned):
        obtain(image_batch(), host(server.url), stop=lambda: True)
    assert server.requests == []


def test_four_jobs_in_four_threads_stay_apart(shared_data: Path) -> None:
    """Each session gets a job of its own; an answer for another job would be refused."""
    polls: dict[str, int] = {}
    final = document(shared_data, "07_real_blocking_jemx_lc")

    def script(form: dict[str, list[str]]) -> Reply:
        session = form["session_id"][0]
        polls[session] = count = polls.get(session, 0) + 1
        if count < 5:
            return answer(polled("progress", f"job-{session}", session_id=session))
        return answer(final | {"job_monitor": {"job_id": f"job-{session}", "session_id": session}})

    batches = [image_batch(instrument="jemx", product_type="jemx_lc", jemx_num=1, E1_keV=float(n)) for n in range(3, 7)]
    with serving(script) as server, ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda b: obtain(b, host(server.url, poll_seconds=0.01)), batches))
    assert len({a.job_id for a in answers}) == 4
    assert all(a.job_id == f"job-{a.session_id}" for a in answers)
    bands: dict[str, set[str]] = {form["session_id"][0]: set() for form in server.forms}
    for form in server.forms:
        bands[form["session_id"][0]].add(form["E1_keV"][0])
        assert form.get("job_id", [f"job-{form['session_id'][0]}"]) == [f"job-{form['session_id'][0]}"]
    assert sorted(bands.values(), key=min) == [{"3.0"}, {"4.0"}, {"5.0"}, {"6.0"}]


def test_an_answer_for_another_job_is_malformed() -> None:
    with (
        serving([answer(polled("submitted", "one")), answer(polled("progress", "two"))]) as server,
        pytest.raises(MalformedAnswer, match="another job"),
    ):
        obtain(image_batch(), host(server.url), sleep=lambda _: None, backoff=Backoff(attempts=2))


def test_progress_counts_distinct_science_windows() -> None:
    def report(scw: str, message: str) -> dict[str, str]:
        return {"scwid": scw, "message": message, "node": f"{message} of {scw}"}

    reports = [report("1", "main done"), report("1", "main done"), report("2", "restored from cache"), report("3", "main done"), "odd", {}]
    told = JobProgress(scw_total=5).after(polled(full_report_dict_list=reports))
    assert (told.scw_done, told.scw_total, told.node) == (2, 5, "main done of 3")
    assert told.after(polled("done", full_report_dict_list=[])) == JobProgress("done", told.job_id, "", 2, 5, told.node)
    assert JobProgress(scw_total=1).after(polled(full_report_dict_list=reports)).scw_done == 1


def test_the_package_loads_no_oda_api_and_the_client_searches_no_token(tmp_path: Path) -> None:
    """An operator's token in the environment or in files is not picked up, and nothing is asked of odahub.io."""
    (tmp_path / ".oda-token").write_text("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJvcGVyYXRvciIsImV4cCI6OTk5OTk5OTk5OX0.c2ln")
    code = """
import sys, socket
import dashboard.dispatcher.obtain, dashboard.dispatcher.health
assert "oda_api" not in sys.modules
from dashboard.hosts import Host
def refuse(*args, **kwargs): raise AssertionError("network")
socket.create_connection = socket.getaddrinfo = refuse
from dashboard.dispatcher.client import DispatcherClient
client = DispatcherClient(Host("x", "http://localhost:1"), {"instrument": "isgri"})
assert client.token == "" and "token" not in client.parameters_dict_payload, client.token
"""
    environment = os.environ | {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "ODA_TOKEN": (tmp_path / ".oda-token").read_text()}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=environment)
