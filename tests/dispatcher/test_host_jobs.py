"""Answers of /inspect-user-state and /report_incident, built by hand after dispatcher-app's source, and what they become."""

from __future__ import annotations

import json
import logging
import math
import socket
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from dashboard.dispatcher.host_jobs import LARGEST_ANSWER, JobsDoor, incident
from dashboard.dispatcher.job_record import HostJob
from dashboard.errors import (
    DispatcherError,
    HostFailing,
    HostTimeout,
    HostUnreachable,
    MalformedAnswer,
    NotAuthorized,
    RequestRefused,
    TokenExpired,
    TokenRefused,
)
from dashboard.hosts import Host
from tests.dispatcher.scripted import Scripted
from tests.signed import signed

TOKEN = signed()
HOST = Host("geneva", "https://dispatcher.invalid/dispatch-data")
JOB, SESSION = "574abdab77ceb965", "ZMRJWO84WPIFVK6Y"
PARAMETERS = {
    "instrument": "isgri",
    "product_type": "isgri_image",
    "src_name": "Crab",
    "scw_list": ["066500220010.001"],
    "E1_keV": 28.0,
    "session_id": SESSION,
    "token": {"sub": "ada@example.invalid", "exp": 1},
    "email_history": [{"fn": "email"}],
}
RECORD: dict[str, Any] = {
    "mtime": 1795327944.0,
    "ctime": 1795327900.0,
    "session_id": SESSION,
    "job_id": JOB,
    "aliased_marker": "",
    "analysis_parameters": PARAMETERS,
    "request_completed": True,
    "token_expired": False,
}


class FakeHost(Scripted):
    def door(self, host: Host = HOST, token: str = TOKEN) -> JobsDoor:
        client = httpx.Client(transport=httpx.MockTransport(self), follow_redirects=True)
        return JobsDoor(host, token, client, sleep=self.pauses.append)


def listed(*records: Any) -> httpx.Response:
    return httpx.Response(200, json={"records": list(records)})


def only(*records: Any) -> HostJob:
    (job,) = FakeHost(listed(*records)).door().jobs()
    return job


def test_a_job_is_read_and_nothing_of_the_session_stays() -> None:
    host = FakeHost(listed(RECORD))
    (job,) = host.door().jobs(3.5)
    assert job == HostJob(
        JOB,
        SESSION,
        "done",
        1795327944.0,
        1795327900.0,
        {k: PARAMETERS[k] for k in ("instrument", "product_type", "src_name", "scw_list", "E1_keV")},
    )
    assert (job.instrument, job.product_type, job.source, job.scw) == ("isgri", "isgri_image", "Crab", ("066500220010.001",))
    (request,) = host.requests
    assert (request.method, request.url.path) == ("GET", "/dispatch-data/inspect-user-state")
    assert dict(request.url.params) == {"recent_days": "3.5", "include_status_query_output": "True", "token": TOKEN}


def test_one_job_is_asked_by_the_eight_digits_the_server_compares() -> None:
    other = {**RECORD, "job_id": JOB[:8] + "00000000"}
    host = FakeHost(listed(RECORD, other))
    assert [job.job_id for job in host.door().jobs(job_id=JOB[:12])] == [JOB]
    assert host.requests[0].url.params["job_id"] == JOB[:8]
    assert len(host.door().jobs(job_id=JOB[:5])) == 2
    assert "job_id" not in host.requests[1].url.params, "fewer digits would find nothing"


def test_nothing_is_no_failure() -> None:
    assert FakeHost(listed()).door().jobs() == ()


def test_sessions_of_a_job_are_one_job_and_what_one_finished_is_done() -> None:
    older = {**RECORD, "mtime": 10.0, "session_id": "A" * 16}
    newer = {**RECORD, "mtime": 20.0, "session_id": "B" * 16, "aliased_marker": "_aliased", "request_completed": False}
    job = only(older, newer)
    assert (job.state, job.changed, job.session_id, job.sessions) == ("done", 20.0, "B" * 16, 2)


def test_jobs_come_newest_first() -> None:
    records = [{**RECORD, "job_id": f"{n:016x}", "mtime": float(n)} for n in (3, 9, 6)]
    assert [job.changed for job in FakeHost(listed(*records)).door().jobs()] == [9.0, 6.0, 3.0]


def test_records_that_the_server_grouped_by_job_say_the_same() -> None:
    folders = [{"scratch_dir_fn": f"scratch_sid_{SESSION}_jid_{JOB}", "mtime": 5.0, "request_completed": True, "token_expired": False}]
    grouped = {"job_id": JOB, "analysis_parameters": PARAMETERS, "job_status_data": folders}
    job = only(grouped)
    assert (job.state, job.session_id, job.changed, job.source) == ("done", SESSION, 5.0, "Crab")


BARE = {"job_id": JOB}
STATES = [
    ({**BARE, "error": "problem reading scratch_sid_X_jid_Y/analysis_parameters.json: FileNotFoundError()"}, "unknown", "problem reading"),
    (BARE, "unknown", ""),
    ({**BARE, "job_status": "progress"}, "progress", ""),
    ({**BARE, "job_status": "unaccessible", "request_completed": False}, "unaccessible", ""),
    ({**BARE, "request_completed": False, "token_expired": True}, "submitted", ""),
    (
        {
            **BARE,
            "request_completed": True,
            "query_output": {"status_dictionary": {"status": 1, "error_message": "AnalysisException('x')"}},
        },
        "failed",
        "AnalysisException",
    ),
    ({**BARE, "status_query_output": {"exit_status": {"status": 0, "job_status": "done", "message": ""}}}, "done", ""),
    (
        {**BARE, "job_status": 7, "mtime": "soon", "session_id": None, "analysis_parameters": ["?"], "request_completed": "yes"},
        "unknown",
        "",
    ),
]


@pytest.mark.parametrize(("record", "state", "said"), STATES)
def test_changed_and_missing_fields_are_unknown_and_not_wrong(record: dict[str, Any], state: str, said: str) -> None:
    job = only(record)
    assert (job.state, job.parameters, math.isnan(job.changed)) == (state, {}, True)
    assert said in job.said


def test_tokens_within_a_record_are_masked() -> None:
    job = only({**RECORD, "analysis_parameters": {**PARAMETERS, "note": f"with {TOKEN}"}, "job_status": "failed", "error": f"by {TOKEN}"})
    assert TOKEN not in repr(job)
    assert job.parameters["note"] == "with [token]"


def test_records_that_are_none_are_passed_over() -> None:
    assert only("text", None, {"job_id": "../../etc"}, {"job_id": 5}, RECORD).job_id == JOB


HTML = "<html><body>Sign in</body></html>"
FAILURES = [
    (httpx.Response(200, text=HTML), MalformedAnswer, "is no list of jobs", 1),
    (httpx.Response(200, json={"states": []}), MalformedAnswer, "is no list of jobs", 1),
    (httpx.Response(200, json={"records": [{"id": JOB}]}), MalformedAnswer, "in a form that is not known", 1),
    (httpx.Response(200, text='{"records": [{"job_id": "574a'), MalformedAnswer, "is no list of jobs", 1),
    (httpx.Response(200, headers={"content-encoding": "gzip"}, content=iter([b"no gzip"])), MalformedAnswer, "broke off", 1),
    (httpx.Response(403, text="A token must be provided."), NotAuthorized, "A token must be provided", 1),
    (httpx.Response(403, text="The token provided is expired."), TokenExpired, "give a new one", 1),
    (httpx.Response(403, text="The token provided is not valid."), TokenRefused, "give another one", 1),
    (httpx.Response(403, json={"error_message": "Request not authorized"}), NotAuthorized, "Request not authorized", 1),
    (httpx.Response(403, text=HTML), NotAuthorized, "without a reason", 1),
    (httpx.Response(404, text=HTML), RequestRefused, "does not tell users their jobs", 1),
    (
        httpx.Response(302, headers={"location": f"https://elsewhere.invalid/login?token={TOKEN}"}),
        HostUnreachable,
        "elsewhere.invalid/login:",
        1,
    ),
    (httpx.Response(502, text=HTML), HostFailing, "fails at the moment (HTTP 502)", 3),
    (httpx.Response(500, json={"error": "KeyError('jid')"}), HostFailing, "jid", 3),
    (httpx.ReadTimeout("slow"), HostTimeout, "did not answer within 120 s", 1),
    (httpx.ConnectTimeout("slow"), HostUnreachable, "check the network", 3),
    (httpx.ConnectError("refused"), HostUnreachable, "check the network", 3),
    (
        httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"),
        HostUnreachable,
        "certificate that cannot be verified",
        3,
    ),
    (httpx.RemoteProtocolError("peer closed"), MalformedAnswer, "broke off", 1),
]


@pytest.mark.parametrize(("answer", "kind", "sentence", "tries"), FAILURES)
def test_failures_are_sentences_without_the_token(
    answer: httpx.Response | Exception, kind: type[DispatcherError], sentence: str, tries: int, caplog: pytest.LogCaptureFixture
) -> None:
    host = FakeHost(answer)
    with caplog.at_level(logging.DEBUG), pytest.raises(kind) as caught:
        host.door().jobs()
    assert sentence in caught.value.sentence
    assert type(caught.value) is kind or issubclass(type(caught.value), kind)
    assert len(host.requests) == tries
    assert TOKEN not in caplog.text + "".join(traceback.format_exception(caught.value))


def test_the_log_holds_the_address_without_its_query(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        FakeHost(listed(RECORD)).door().jobs()
    assert "https://dispatcher.invalid/dispatch-data/inspect-user-state" in caplog.text
    assert TOKEN not in caplog.text
    assert TOKEN not in repr(FakeHost(listed()).door())


def test_a_host_that_was_down_for_a_moment_is_asked_again() -> None:
    host = FakeHost(httpx.ConnectError("refused"), httpx.Response(503), listed(RECORD))
    assert host.door().jobs()[0].job_id == JOB
    assert host.pauses == [1.0, 3.0]


def test_an_answer_without_end_is_not_read_to_the_end() -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while True:
            sent += 1_000_000
            yield b" " * 1_000_000

    with pytest.raises(MalformedAnswer, match="is larger than 20 MB: ask for fewer days"):
        FakeHost(httpx.Response(200, content=endless())).door().jobs()
    assert sent <= LARGEST_ANSWER + 2_000_000


def test_an_answer_that_drips_is_given_up_at_the_deadline() -> None:
    now, sent = 0.0, 0

    def dripping() -> Iterator[bytes]:
        nonlocal now, sent
        while True:
            now, sent = now + 10.0, sent + 1
            yield b" "

    client = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200, content=dripping())))
    with pytest.raises(HostTimeout):
        JobsDoor(HOST, TOKEN, client, clock=lambda: now).jobs()
    assert sent == 14  # 120 s and 10 s to connect


@contextmanager
def raw(answer: bytes) -> Iterator[Host]:
    """A server that sends these bytes and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield Host("raw", f"http://127.0.0.1:{listener.getsockname()[1]}", request_seconds=10.0)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + json.dumps({"records": [RECORD]}).encode(), "broke off"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n" + b'{"records": [' + b" " * 50, "is no list of jobs"),
        (b"no HTTP at all\r\n\r\n", "broke off"),
    ],
)
def test_a_body_that_is_not_as_long_as_it_says(answer: bytes, sentence: str) -> None:
    with raw(answer) as host, pytest.raises(MalformedAnswer, match=sentence):
        JobsDoor(host, TOKEN).jobs()


def test_without_token_or_address_nothing_is_asked() -> None:
    host = FakeHost(listed())
    with pytest.raises(NotAuthorized, match="give a token first"):
        host.door(token="").jobs()
    with pytest.raises(HostUnreachable, match="has no address"):
        host.door(Host("nowhere")).jobs()
    with pytest.raises(RequestRefused, match="at most 60 days"):
        host.door().jobs(1000.0)
    assert host.requests == []


SENT = {
    "email_report_status": "incident report email successfully sent",
    "martix_message_report_status": "sending message via matrix failed",
}


def test_a_report_is_sent_as_it_is_shown_and_the_token_is_no_part_of_the_form() -> None:
    host, job = FakeHost(httpx.Response(200, json=SENT)), only(RECORD)
    shown = incident(job, "  The mosaic is empty.\n")
    assert "incident report email successfully sent" in host.door().report(job, "  The mosaic is empty.\n")
    (request,) = host.requests
    assert (request.method, request.url.path, dict(request.url.params)) == ("POST", "/dispatch-data/report_incident", {"token": TOKEN})
    assert {name: value for name, (value,) in parse_qs(request.content.decode()).items()} == shown
    assert shown == {
        "job_id": JOB,
        "session_id": SESSION,
        "scratch_dir": f"scratch_sid_{SESSION}_jid_{JOB}",
        "incident_content": "The mosaic is empty.",
        "incident_time": "1795327900",
    }


@pytest.mark.parametrize(
    ("answer", "kind", "sentence"),
    [
        (httpx.Response(200, json={"email_report_status": "sending email failed"}), HostFailing, "could not pass it on"),
        (httpx.Response(200, text=HTML), MalformedAnswer, "does not say what became of the report"),
        (httpx.Response(403, text="The token provided is expired."), TokenExpired, "give a new one"),
        (httpx.ReadTimeout("slow"), HostTimeout, "The report may have arrived all the same"),
        (httpx.Response(502), HostFailing, "HTTP 502"),
    ],
)
def test_a_report_is_sent_once_whatever_comes(answer: httpx.Response | Exception, kind: type[DispatcherError], sentence: str) -> None:
    host = FakeHost(answer)
    with pytest.raises(kind, match=sentence) as caught:
        host.door().report(only(RECORD), "It is empty.")
    assert len(host.requests) == 1
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(("text", "sentence"), [("  ", "write what is wrong"), ("x" * 5001, "shorten it")])
def test_a_report_says_something_and_not_too_much(text: str, sentence: str) -> None:
    with pytest.raises(RequestRefused, match=sentence):
        incident(only(RECORD), text)
