"""Answers of the gallery, built by hand after dispatcher-app's source, and what they become."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from dashboard.dispatcher.gallery import GalleryDoor, Posted
from dashboard.errors import (
    DispatcherError,
    HostFailing,
    HostTimeout,
    HostUnreachable,
    MalformedAnswer,
    NotAuthorized,
    RequestRefused,
    TokenExpired,
)
from dashboard.hosts import Host
from tests.dispatcher.scripted import Scripted
from tests.signed import signed

TOKEN = signed("gallery contributor")
HOST = Host("geneva", "https://dispatcher.invalid/dispatch-data")
NODE = {
    "nid": [{"value": 42}],
    "created": [{"value": "2026-01-01T00:00:00+00:00"}],
    "changed": [{"value": "2026-01-01T00:00:00+00:00"}],
    "_links": {"self": {"href": "https://gallery.invalid/node/42?_format=hal_json"}},
}
Handler = Callable[[httpx.Request], httpx.Response]


class FakeGallery(Scripted):
    def door(self, host: Host = HOST) -> GalleryDoor:
        client = httpx.Client(transport=httpx.MockTransport(self))
        return GalleryDoor(host, TOKEN, client, pauses=(1.0, 5.0), sleep=self.pauses.append)


def parts(request: httpx.Request) -> dict[str, tuple[str | None, Any]]:
    """File name and content of each part of a form."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + request.content, policy=email.policy.HTTP)
    found = {}
    for part in message.iter_parts():
        found[str(part.get_param("name", header="content-disposition"))] = (part.get_filename(), part.get_payload(decode=True))
    return found


@pytest.fixture
def files(tmp_path: Path) -> list[tuple[str, Path]]:
    (tmp_path / "crab.png").write_bytes(b"\x89PNG")
    (tmp_path / "crab.pha").write_bytes(b"SIMPLE  =")
    return [("img", tmp_path / "crab.png"), ("fits_file_0", tmp_path / "crab.pha")]


def test_form_files_and_token_arrive_as_the_dispatcher_reads_them(files: list[tuple[str, Path]]) -> None:
    gallery = FakeGallery(httpx.Response(200, json=NODE))
    posted = gallery.door().post({"content_type": "data_product", "product_id": "0123456789abcdef", "src_name": "GX 1+4"}, files)
    assert posted == Posted("https://gallery.invalid/node/42", updated=False)
    (request,) = gallery.requests
    assert (request.method, str(request.url)) == ("POST", "https://dispatcher.invalid/dispatch-data/post_product_to_gallery")
    assert parts(request) == {
        "content_type": (None, b"data_product"),
        "product_id": (None, b"0123456789abcdef"),
        "src_name": (None, b"GX 1+4"),
        "token": (None, TOKEN.encode()),
        "img": ("crab.png", b"\x89PNG"),
        "fits_file_0": ("crab.pha", b"SIMPLE  ="),
    }


def test_a_product_that_changed_since_it_was_created_was_updated(files: list[tuple[str, Path]]) -> None:
    gallery = FakeGallery(httpx.Response(200, json=NODE | {"changed": [{"value": "2026-02-01T00:00:00+00:00"}]}))
    assert gallery.door().post({}, files).updated


@pytest.mark.parametrize("first", [httpx.Response(503), httpx.ConnectError("refused"), httpx.ReadError("lost"), httpx.Response(500)])
def test_a_gallery_that_is_down_for_a_moment_is_tried_again_with_the_whole_files(
    files: list[tuple[str, Path]], first: httpx.Response | Exception
) -> None:
    gallery = FakeGallery(first, httpx.Response(200, json=NODE))
    assert gallery.door().post({}, files).link == "https://gallery.invalid/node/42"
    assert gallery.pauses == [1.0]
    assert [parts(request)["fits_file_0"] for request in gallery.requests] == [("crab.pha", b"SIMPLE  =")] * 2


MISSING = (
    "Unfortunately, your priviledges are not sufficient to post on the product gallery.\n"
    "Your privilege roles include ['general'], but the following roles are missing: gallery contributor."
)
UNKNOWN = {
    "error_message": "issue when performing a request to the product gallery",
    "drupal_helper_error_message": "InvalidArgumentException: Field field_time_bin is unknown. in Drupal",
}
FAILURES = [
    (httpx.Response(403, text=MISSING), NotAuthorized, "the following roles are missing: gallery contributor", 1),
    (httpx.Response(403, text="The token provided is expired, please try to logout"), TokenExpired, "give a new one", 1),
    (httpx.Response(400, json={"error_message": "T1 is wrong"}), RequestRefused, "geneva refuses the request: T1 is wrong", 1),
    (httpx.Response(200, json={"error_message": "T1 is wrong"}), RequestRefused, "T1 is wrong", 1),
    (httpx.Response(413, text="<html>large</html>"), RequestRefused, "too large for the gallery of geneva", 1),
    (httpx.Response(500, json=UNKNOWN), RequestRefused, "does not know field_time_bin any more: its form has changed", 1),
    (httpx.Response(503, text="<html>down</html>"), HostFailing, "fails at the moment (HTTP 503): retry", 3),
    (httpx.Response(302, headers={"location": "https://new.invalid/?a=1"}), HostUnreachable, "has moved to https://new.invalid/:", 1),
    (httpx.Response(200, text="<html>Log in</html>"), MalformedAnswer, "is no JSON", 1),
    (httpx.Response(200, json=["node"]), MalformedAnswer, "is no JSON", 1),
    (httpx.Response(200, json={}), MalformedAnswer, "may have changed", 1),
    (httpx.Response(200, json={"node": 42}), MalformedAnswer, "publish again, which updates it", 1),
    (httpx.ReadTimeout("slow"), HostTimeout, "did not answer within 120 s. The product may have arrived all the same", 1),
    (httpx.ConnectTimeout("slow"), HostUnreachable, "cannot be reached", 3),
    (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]"), HostUnreachable, "cannot be reached", 3),
    (httpx.RemoteProtocolError("peer closed"), HostUnreachable, "cannot be reached", 3),
]


@pytest.mark.parametrize(("answer", "kind", "sentence", "tries"), FAILURES)
def test_failures_are_sentences(
    files: list[tuple[str, Path]], answer: httpx.Response | Exception, kind: type[DispatcherError], sentence: str, tries: int
) -> None:
    gallery = FakeGallery(answer)
    with pytest.raises(kind) as caught:
        gallery.door().post({}, files)
    assert sentence in caught.value.sentence
    assert len(gallery.requests) == tries
    assert "<html" not in caught.value.sentence


def test_a_token_that_the_answer_repeats_stays_out_of_the_sentence(files: list[tuple[str, Path]]) -> None:
    gallery = FakeGallery(httpx.Response(400, json={"error_message": f"bad token {TOKEN}"}))
    with pytest.raises(DispatcherError) as caught:
        gallery.door().post({}, files)
    assert TOKEN not in caught.value.sentence
    assert TOKEN not in repr(gallery.door())


def test_links_that_no_browser_opens_are_left_out(files: list[tuple[str, Path]]) -> None:
    for href in ("javascript:alert(1)", 7, None):
        gallery = FakeGallery(httpx.Response(200, json=NODE | {"_links": {"self": {"href": href}}}))
        assert gallery.door().post({}, files).link == ""


def test_a_host_without_address_is_told_before_anything_is_sent(files: list[tuple[str, Path]]) -> None:
    gallery = FakeGallery(httpx.Response(200, json=NODE))
    with pytest.raises(HostUnreachable, match="has no address"):
        gallery.door(Host("geneva")).post({}, files)
    assert gallery.requests == []
