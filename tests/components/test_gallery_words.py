"""The gallery in words: every field and file is there, and nothing from outside is markup."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from html import escape
from pathlib import Path

from components.gallery_words import MOST, elsewhere_lines, offer_body, offer_state, product_rows, publish_label
from dashboard.archive.gallery_list import GalleryProduct
from dashboard.gallery.drafting import Sum, image_draft
from dashboard.gallery_desk import Offer
from dashboard.runs.publication import Publication
from tests.gallery.real_sky import real_mosaic, real_plan, table_of


def offered(folder: Path) -> Offer:
    folder.mkdir(exist_ok=True)
    table = table_of(("Crab", "known"), ("a<b>", "known"))
    return Offer(image_draft(Sum("r1", real_plan(), 0, 3), real_mosaic(band=(28.0, 40.0)), table, folder), False, folder)


def publication(offer: Offer, **changes: object) -> Publication:
    known = Publication(offer.draft.product_id, "institute", 0, "", "Crab <image>", "https://gallery.invalid/node/42", 3, 0.0)
    return replace(known, **changes)  # type: ignore[arg-type]


def test_every_field_and_file_is_shown_as_it_is_sent(tmp_path: Path) -> None:
    offer = offered(tmp_path)
    html = offer_body(offer)
    for name, value in offer.draft.fields.items():
        assert name in html
        assert escape(value) in html
    for file in offer.draft.files:
        assert f"<td>{file.path.name}</td>" in html
    assert b64encode(offer.draft.files[0].path.read_bytes()).decode() in html
    assert "<b>" not in html
    assert "1 of 2 batches: 1 is missing" in html


def test_the_state_of_a_product_is_a_word_or_a_sentence(tmp_path: Path) -> None:
    offer = offered(tmp_path)
    assert "not in the gallery yet" in offer_state(offer)
    offer.known = publication(offer)
    assert "in the gallery as it is now" in offer_state(offer)
    assert 'href="https://gallery.invalid/node/42"' in offer_state(offer)
    offer.known = publication(offer, sum_version=2)
    assert "the run has changed since" in offer_state(offer)
    offer.known = publication(offer, link="")
    assert "link not told" in offer_state(offer)
    offer.state, offer.problem = "failed", "no <such> field"
    assert "✗ no &lt;such&gt; field" in offer_state(offer)


def test_the_button_says_what_it_does(tmp_path: Path) -> None:
    first, second = offered(tmp_path / "a"), offered(tmp_path / "b")
    assert publish_label([first]) == "Publish 1 product"
    assert publish_label([first, second]) == "Publish 2 products"
    second.known = publication(second)
    assert publish_label([first, second]) == "Publish 2 products, 1 of them anew"
    assert publish_label([second]) == "Update 1 product"


def test_what_was_published_of_other_sources_is_told(tmp_path: Path) -> None:
    offer = offered(tmp_path)
    assert elsewhere_lines([publication(offer)], [offer]) == ""
    told = elsewhere_lines([publication(offer), publication(offer, product_id="other", source="a<b>")], [offer])
    assert told.count("<li>") == 1
    assert "Crab &lt;image&gt;" in told
    assert "a&lt;b&gt;" in told


def test_the_gallerys_products_are_told_with_ones_own_first(tmp_path: Path) -> None:
    mine = publication(offered(tmp_path))
    others = [
        GalleryProduct(f"x<{n}>", {"url": "javascript:1", "e1_kev": "20", "e2_kev": "40", "instrumentused": "isgri"}) for n in range(MOST)
    ]
    html = product_rows([*others, GalleryProduct("my own", {"nid": "42"})], (mine,))
    first, second, *_ = html.split("<tr")[2:]
    assert "yours" in first
    assert 'href="https://gallery.invalid/node/42"' in first
    assert "<td>20–40</td>" in second
    assert "<td>isgri</td>" in second
    assert "x&lt;0&gt;" in second
    assert "javascript" not in html.replace("url: javascript:1", "")
    assert "and 1 more" in html
    assert product_rows([], ()) == ""
