"""A request goes through an address whole, or a sentence says why not; whatever an address holds, nothing else happens."""

from __future__ import annotations

import base64
import json
import zlib
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dashboard.errors import RequestError
from dashboard.request.link import LONGEST, MOST, link_of_request, request_of_link, values_of
from dashboard.request.request import Request

CATALOGUE = json.dumps({"cat_column_names": ["meta_ID", "src_names"], "cat_column_list": [[1, 2], ["Crab", "1A 0535+262"]]})


def packed(document: Any) -> str:
    text = document if isinstance(document, str) else json.dumps(document)
    return base64.urlsafe_b64encode(zlib.compress(text.encode())).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"src_name": "Cyg X-1", "product": ["mosaic", "spectrum"], "bands": [[20, 40], [40.5, 80]], "s_max": 20, "host_type": "production"},
        {"RA": 83.6331, "DEC": -22.5, "src_name": "", "T1": ["rev:1554", "rev:1560"], "T2": ["rev:1555", "rev:1561"]},
        {"product": "spectrum", "use_default_catalog": False, "api_catalog_file": CATALOGUE},
        {"src_name": "Ž & <script>", "E1_keV": 25.5, "revolutions": [1554, 1555]},
    ],
)
def test_a_request_comes_back_as_it_went(values: dict[str, Any]) -> None:
    request = Request(**values)
    text = link_of_request(request)
    assert text.isascii()
    assert text.replace("-", "").replace("_", "").isalnum()
    assert request_of_link(text) == values_of(request)


def test_a_form_is_filled_wholly() -> None:
    """What is left to the instrument comes as None, so that nothing of an earlier request stays."""
    assert request_of_link(link_of_request(Request()))["E1_keV"] is None
    assert set(request_of_link(link_of_request(Request()))) == set(Request.param) - {"name"}


def test_what_is_too_long_is_told_with_what_to_do() -> None:
    names = [f"source {number * 7919 % 104729}" for number in range(900)]
    long = json.dumps({"cat_column_names": ["src_names"], "cat_column_list": [names]})
    with pytest.raises(RequestError, match=rf"too long for a link: \d+ characters, {LONGEST} at most\. Run it and share the run, or send"):
        link_of_request(Request(use_default_catalog=False, api_catalog_file=long))


@pytest.mark.parametrize(
    "values",
    [
        {"api_catalog_file": "/home/ada/catalog.json", "use_default_catalog": False},
        {"isdc_cat_url": "/isdc/cat.fits"},
        {"isdc_cat_url": "file:///etc/passwd"},
    ],
)
def test_no_file_of_a_machine_goes_along(values: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match="names a file of this machine"):
        link_of_request(Request(**values))
    with pytest.raises(RequestError, match="names a file of another machine"):
        request_of_link(packed(values))


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({"token": "eyJ0"}, "A token is no part of a request"),
        ({"job_id": "0123"}, "no parameter 'job_id'"),
        ({"s_max": "many"}, "s_max"),
        ([], "must be a JSON object"),
        ("[" * 50_000, "no JSON"),
        ('{"src_name": "a", "src_name": "b"}', "twice"),
        (" " * (MOST + 1), "holds no request"),
    ],
)
def test_what_nobody_may_ask_is_a_sentence(document: Any, sentence: str) -> None:
    with pytest.raises(RequestError, match=sentence):
        request_of_link(packed(document))


@given(st.text() | st.text("ABCxyz019-_=+/"))
@example("A" * 3000)
@example("=")
@example(packed({})[:-3])
@example(packed({}) + "AAAA")
def test_any_text_is_a_request_or_a_sentence(text: str) -> None:
    with suppress(RequestError):
        assert set(request_of_link(text)) == set(Request.param) - {"name"}


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_any_document_is_a_request_or_a_sentence(document: Any) -> None:
    with suppress(RequestError):
        request_of_link(packed(document))
