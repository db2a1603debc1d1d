from __future__ import annotations

import json
import logging
import traceback
from pathlib import Path

import pytest

from dashboard.dispatcher.failure import plain, refusal, verdict
from dashboard.dispatcher.obtain import obtain
from dashboard.errors import (
    DispatcherError,
    HostBusy,
    HostFailing,
    HostTimeout,
    HostUnreachable,
    JobExpired,
    JobFailed,
    JobStuck,
    MalformedAnswer,
    NotAuthorized,
    RequestRefused,
    TokenExpired,
    TokenRefused,
)
from tests.dispatcher.replay import Reply, answer, host, image_batch, recorded, serving
from tests.dispatcher.test_obtain import polled

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"
CASES = [
    ("21_bad_value_E1", RequestRefused, "staging refuses the request: ISGRI energy range is restricted to 15 - 800 keV"),
    ("22_bad_type_RA", RequestRefused, "Parameter RA wrong value abc. could not convert string to float: 'abc'"),
    ("23_bad_osa_version", RequestRefused, "value OSA9 is not allowed. The OSA version should start with one of ['OSA10.2', 'OSA11.2']"),
    ("24_wrong_product", RequestRefused, "product type no_such_product not in query_dictionary"),
    ("25_wrong_instrument", RequestRefused, 'instrument: "no_such_instr", known:'),
    ("26_expired_token", TokenExpired, "The token has expired, says staging: give a new one and resume."),
    ("27_bad_signature_token", TokenRefused, "staging does not accept the token: give another one, or go on without."),
    ("28_garbage_token", TokenRefused, "cannot read the token"),
    ("29_role_missing_all_private", NotAuthorized, "- integral-private-qla: this role is needed to access private INTEGRAL data"),
    ("30_no_token_role_needed", NotAuthorized, "- unige-hpc-extreme: it is needed to request > 500 ScW"),
    ("31_no_token_numerical", NotAuthorized, "general role is needed for p>50"),
    (
        "32_failing_product",
        JobFailed,
        "257eac7d0b88f0fa failed on staging: Error when getting query products; Instrument: empty, product: failing.",
    ),
    ("33_bad_scw", JobFailed, "the following scws have a wrong format ['abc']"),
    ("34_bad_time", RequestRefused, "Parameter T1 wrong value not-a-time: can't be parsed as Time of isot format"),
    (
        "35_backend_failure",
        JobFailed,
        "04344cd7d8042b44 failed on staging after the step mosaic_ii_skyimage: the backend gave no reason.",
    ),
    ("39_too_many_scw_no_role", NotAuthorized, "- unige-hpc-full: it is needed to request > 50 ScW"),
]


@pytest.mark.parametrize(("case", "kind", "sentence"), CASES, ids=[case for case, _, _ in CASES])
def test_recorded_failures(shared_data: Path, case: str, kind: type[DispatcherError], sentence: str) -> None:
    """The right exception with the server's own sentence: short, without configuration, body or pleas for feedback."""
    with serving(recorded(shared_data, case)) as server, pytest.raises(DispatcherError) as caught:
        obtain(image_batch(), host(server.url), token=TOKEN, sleep=lambda _: None)
    assert type(caught.value) is kind
    assert sentence in caught.value.sentence
    assert_discreet(caught.value)
    assert "feedback" not in caught.value.sentence


def assert_discreet(error: BaseException) -> None:
    """Neither the message nor anything chained to it holds secrets, configuration or markup."""
    text = "".join(traceback.format_exception(error))
    chained = error.__cause__ or error.__context__
    texts = [str(error), repr(error), text.split("Error: ")[-1], str(chained), repr(chained)]
    assert len(str(error)) < 700
    for word in (TOKEN, "smtp", "installed_instruments", "debug_mode", "<html", "<!doctype"):
        assert not any(word in part for part in texts)


HTML = b"<!doctype html>\n<html><title>500</title><p>smtp " + TOKEN.encode()


@pytest.mark.parametrize(
    ("reply", "kind", "part"),
    [
        (Reply(HTML, 500), HostFailing, "HTTP 500"),
        (Reply(b"Traceback: smtp", 500), HostFailing, "HTTP 500"),
        (answer({"error_message": f"disk of {TOKEN} is full", "config": "smtp"}, 500), HostFailing, "disk of [token] is full"),
        (Reply(HTML, 502), HostFailing, "HTTP 502"),
        (Reply(HTML, 503), HostFailing, "HTTP 503"),
        (Reply(HTML, 504), HostFailing, "HTTP 504"),
        (Reply(HTML, 403), NotAuthorized, "without a reason"),
        (Reply(HTML, 400), MalformedAnswer, "cannot be read"),
        (answer(["smtp"], 400), RequestRefused, "without a reason"),
        (answer(["smtp"], 403), MalformedAnswer, "cannot be read"),
        (answer({"smtp": 1}, 403), MalformedAnswer, "cannot be read"),
        (Reply(HTML, 401), NotAuthorized, "does not allow"),
        (Reply(HTML, 404), HostUnreachable, "HTTP 404"),
        (Reply(HTML, 413), RequestRefused, "HTTP 413"),
        (Reply(HTML, 429), HostFailing, "HTTP 429"),
        (Reply(b"", 302, {"Location": f"https://new.example/api?token={TOKEN}"}), HostUnreachable, "moved to https://new.example/api:"),
        (Reply(HTML), MalformedAnswer, "no dispatcher's answer"),
        (Reply(b'{"query_status": "done", "products": {"numpy'), MalformedAnswer, "no dispatcher's answer"),
        (Reply(b'{"query_status": "done"}' * 99, cut=500), MalformedAnswer, "broke off"),
        (Reply(b"[" * 100_000), MalformedAnswer, "no dispatcher's answer"),
        (answer([]), MalformedAnswer, "no dispatcher's answer"),
        (answer({"query_status": "submitted", "products": []}), MalformedAnswer, "broken part products"),
        (answer({"query_status": "submitted", "job_monitor": {"job_id": 7}}), MalformedAnswer, "names no job"),
        (answer({"query_status": "submitted", "exit_status": {"status": "smtp"}}), MalformedAnswer, "no exit status"),
        (answer(polled("unaccessible")), MalformedAnswer, "unknown state"),
        (Reply(b"", headers={"Content-Encoding": "gzip"}, cut=0), MalformedAnswer, "no dispatcher's answer"),
        (Reply(b"xx", headers={"Content-Encoding": "gzip"}), MalformedAnswer, "broke off"),
        (Reply(hang_up=True), HostUnreachable, "cannot be reached"),
        (Reply(hang=True), HostTimeout, "did not answer within 1 s"),
    ],
    ids=lambda value: str(value)[:70],
)
def test_every_way_to_answer_badly(reply: Reply, kind: type[DispatcherError], part: str) -> None:
    with serving([reply]) as server, pytest.raises(DispatcherError) as caught:
        obtain(image_batch(), host(server.url, request_seconds=1.0 if reply.hang else 5.0), token=TOKEN)
    assert type(caught.value) is kind
    assert part in caught.value.sentence
    assert "staging" in caught.value.sentence
    assert_discreet(caught.value)
    assert_true_in_the_end(caught.value)


def assert_true_in_the_end(error: DispatcherError) -> None:
    """A sentence promises no further try, for it may be the last one; where one may help, the user is told to ask for it."""
    for promise in ("ask again", "is repeated", "submitted again"):
        assert promise not in error.sentence
    if isinstance(error, HostFailing | HostTimeout | JobExpired | JobStuck | MalformedAnswer) and "HTTP 500): " not in error.sentence:
        assert "retry the batch" in error.sentence


def test_a_lock_error_is_the_hosts_and_a_lost_record_the_jobs() -> None:
    def failed(**status: str) -> DispatcherError:
        error = verdict({"exit_status": status}, "staging", job_id="1")
        assert_true_in_the_end(error)
        return error

    assert isinstance(failed(message="x", debug_message="Failed to acquire lock for directory /scratch"), HostBusy)
    assert isinstance(failed(error_message="unable to find any record for job 1"), JobExpired)
    assert isinstance(failed(), JobFailed)
    lost = refusal(400, "unable to find any record for job 1", "staging")
    assert isinstance(lost, JobExpired)
    assert_true_in_the_end(lost)
    assert isinstance(refusal(500, "Failed to acquire lock for directory", "staging"), HostBusy)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("RequestNotAuthorized():no\n way", "no way"),
        ("DDAException(\"wrong ['abc']\")", "wrong ['abc']"),
        ("InternalError()", ""),
        ("<p>page", ""),
        (None, ""),
        (17, ""),
        ("fine (really)", "fine (really)"),
        ("x" * 1000, "x" * 599 + "…"),
    ],
)
def test_plain(text: object, expected: str) -> None:
    assert plain(text) == expected


def test_the_token_is_in_no_log_record_and_no_value(shared_data: Path, caplog: pytest.LogCaptureFixture) -> None:
    """oda-api logs bodies and payloads; the server repeats the token in every answer."""
    replies = recorded(shared_data, "06_async_isgri_image")
    token = json.loads(replies[0].body)["products"]["analysis_parameters"]["token"]
    broken = Reply(json.dumps({"token": token}).encode()[:-1])
    loggers = ["", "oda_api", "oda_api.api", "oda_api.api.dispatcherapi", "oda_api.api.dispatcherapi.progress", "urllib3", "oda_api.token"]
    for name in loggers:
        caplog.set_level(logging.DEBUG, logger=name or None)
    errors: list[DispatcherError] = []
    seen: list[object] = []
    refused = [Reply(b"x", 500), Reply(f"not JSON, {token}".encode(), 400), answer({"error_message": token}, 400)]
    for script in ([*replies[:3], broken, *replies[6:]], [broken], *([reply] for reply in refused)):
        with serving(script) as server:
            try:
                got = obtain(image_batch(), host(server.url), token=token, progress=seen.append, sleep=lambda _: None)
            except DispatcherError as error:
                errors.append(error)
            assert server.forms[0]["token"] == [token]
            assert not any(token in path for _, path, _ in server.requests)
    assert len(errors) == 4
    cards = "".join(repr(hdu.header) for product in got.products for hdu in product.hdulist)
    texts = [cards, repr(got), *map(repr, [*seen, *errors]), *("".join(traceback.format_exception(e)) for e in errors)]
    texts += [record.getMessage() + str(record.args) + str(record.exc_text) for record in caplog.records]
    assert caplog.records, "nothing was logged at all: the test looks in the wrong place"
    for part in (token, token.split(".")[1], token.split(".")[2]):
        assert not any(part in text for text in texts)
