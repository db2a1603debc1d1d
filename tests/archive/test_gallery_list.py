"""What the gallery has of a source, and what becomes of answers that are none."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from dashboard.__main__ import main
from dashboard.archive.gallery_list import GalleryProduct, gallery_products
from dashboard.errors import ArchiveUnavailable, RequestError
from dashboard.hosts import Host
from tests.archive.fake_archive import FakeArchive


def found(answer: httpx.Response, source: str = "GX 1+4") -> tuple[GalleryProduct, ...]:
    archive = FakeArchive(broken=lambda _: answer)
    products = gallery_products(source, archive.host(), archive.client)
    assert archive.asked == ["http://dispatcher/get_data_product_list_by_source_name?src_name=GX+1+4"]
    return products


def test_products_are_told_in_words() -> None:
    entry = {
        "title": "GX 1+4 isgri image",
        "nid": "42",
        "instrumentused": "<a href='/x'>isgri</a>",
        "e1_kev": 28.5,
        "time_bin": "",
        "files": ["a"],
        "shown": True,
        "odd": "A&amp;B\x1b[31m",
    }
    facts = {"nid": "42", "instrumentused": "isgri", "e1_kev": "28.5", "odd": "A&B[31m"}
    assert found(httpx.Response(200, json=[entry])) == (GalleryProduct("GX 1+4 isgri image", facts),)


def test_a_source_the_gallery_does_not_know_has_nothing() -> None:
    assert found(httpx.Response(200, json=[])) == ()


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (httpx.Response(200, text="<html>Log in</html>"), "is no JSON"),
        (httpx.Response(200, json={"title": "one"}), "is no list of products"),
        (httpx.Response(200, json=["one"]), "is no list of products"),
        (httpx.Response(200, json=[{"name": "one"}]), "its form has changed"),
        (httpx.Response(200, content=b""), "is no JSON"),
        (httpx.Response(400, json={"error_message": "no such thing"}), "refused the question"),
        (httpx.Response(403, text="role"), "HTTP status 403"),
    ],
)
def test_answers_that_are_none_are_sentences(answer: httpx.Response, sentence: str) -> None:
    with pytest.raises(ArchiveUnavailable) as caught:
        found(answer)
    assert sentence in caught.value.sentence
    assert "The gallery of production" in caught.value.sentence


def test_long_facts_are_cut() -> None:
    (product,) = found(httpx.Response(200, json=[{"title": "t", "additional_information": "x" * 5000}]))
    assert len(product.facts["additional_information"]) == 200


def test_no_name_and_the_simulated_host_are_refused_before_anything_is_asked() -> None:
    with pytest.raises(RequestError, match="No source is named"):
        gallery_products("  ", Host("production", "http://dispatcher"))
    with pytest.raises(RequestError, match="has no gallery"):
        gallery_products("Crab", Host("simulated", "http://dispatcher"))


def test_the_command_refuses_hosts_without_a_gallery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("INTEGRAL_DASHBOARD_DATA", str(tmp_path))
    assert main(["gallery", "search", "Crab", "--host", "simulated"]) == 2
    assert "has no gallery" in capsys.readouterr().err
    assert main(["gallery", "search", "Crab", "--host", "moon"]) == 2
    assert "There is no host 'moon'" in capsys.readouterr().err
