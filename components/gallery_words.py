"""What would go to the gallery, what stands there, and how sending goes on, as HTML."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Final

from dashboard.archive.gallery_list import GalleryProduct
from dashboard.gallery_board import own_publication
from dashboard.gallery_desk import Offer
from dashboard.runs.publication import Publication

MOST: Final = 60
"""Products of the gallery that are listed."""
_LONG: Final = {"additional_information": "text", "detected_sources": "table of sources"}
_INSTRUMENT: Final = ("instrumentused", "instrument")
_TYPE: Final = ("data_product_type", "product_type")
_BAND: Final = (("e1_kev", "e2_kev"),)
_TIME: Final = (("t1", "t2"), ("timerange", ""), ("rev1", "rev2"))
"""Under which names the gallery may tell it: which it uses is not documented."""


def offer_body(offer: Offer) -> str:
    """HTML of all that is sent of a product: picture, facts, files, and every field."""
    draft = offer.draft
    facts = "".join(f"<p>{escape(fact)}</p>" for fact in draft.facts)
    filed = draft.fields.get("src_name", "")
    under = f"<p>found under {escape(filed.replace(',', ', '))}</p>" if filed else '<p class="warn">▲ found under no source</p>'
    files = "".join(
        f'<tr><td>{escape(file.path.name)}</td><td class="number">{_size(file.path.stat().st_size)}</td></tr>' for file in draft.files
    )
    short = [(name, value) for name, value in draft.fields.items() if name not in _LONG]
    rows = "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in short)
    told = [f"<details><summary>{len(short)} fields</summary><table class='plain fields'>{rows}</table></details>"]
    for name, words in _LONG.items():
        if value := draft.fields.get(name):
            told.append(f"<details><summary>{words} ({name})</summary><pre>{escape(value)}</pre></details>")
    picture = f'<img alt="{escape(draft.title)}" src="data:image/png;base64,{b64encode(offer.picture).decode()}">'
    size = f"{len(draft.files)} files, {_size(draft.n_bytes)}"
    table = f"<details open><summary>{size}</summary><table class='plain fields'>{files}</table></details>"
    return f'<div class="offer">{picture}<div>{facts}{under}{table}{"".join(told)}</div></div>'


def offer_state(offer: Offer) -> str:
    """HTML: what has become of a product, and what stands in the gallery of it."""
    known = offer.known
    match offer.state:
        case "waiting":
            return '<span class="quiet" role="status">waits</span>'
        case "sending":
            return '<span role="status">on its way …</span>'
        case "failed":
            return f'<span class="bad" role="alert">✗ {escape(offer.problem)}</span>'
        case "published" | "updated" if known:
            return f'<span class="ok" role="status">✓ {offer.state}</span>, {_link(known, "see it there")}'
    if known is not None and offer.current:
        return f'<span class="ok">✓ in the gallery as it is now</span>, {_link(known, _day(known))}'
    if known is not None:
        return f'<span class="warn">▲ the run has changed since {_link(known, _day(known))}: publishing updates it</span>'
    catalogue = ", made for its catalogue alone" if offer.by_name else ""
    return f'<span class="quiet">not in the gallery yet{catalogue}</span>'


def elsewhere_lines(publications: Sequence[Publication], offers: Sequence[Offer]) -> str:
    """HTML of what of the run stands in the gallery and is not among the offers, such as a source that is not chosen."""
    shown = {offer.draft.product_id for offer in offers}
    lines = "".join(
        f"<li>{_link(known, known.title)}, {_day(known)}{'' if not known.source else f', of {escape(known.source)}'}</li>"
        for known in publications
        if known.product_id not in shown
    )
    return f"<p>In the gallery already, and not chosen now:</p><ul>{lines}</ul>" if lines else ""


def publish_label(offers: Sequence[Offer]) -> str:
    """Of the button: how many are published, and how many of these are there already."""
    old = sum(offer.known is not None for offer in offers)
    if old == len(offers):
        return f"Update {old} product{'s' * (old != 1)}"
    return f"Publish {len(offers)} product{'s' * (len(offers) != 1)}" + (f", {old} of them anew" if old else "")


def product_rows(products: Sequence[GalleryProduct], own: Sequence[Publication]) -> str:
    """HTML: a row a product of the gallery, one's own first."""
    if not products:
        return ""
    pairs = sorted(((product, own_publication(product, own)) for product in products), key=lambda pair: pair[1] is None)
    rows = "".join(_product_row(*pair) for pair in pairs[:MOST])
    more = f'<p class="quiet">and {len(products) - MOST} more: integral-dashboard gallery search</p>' if len(products) > MOST else ""
    head = "<tr><th>product</th><th>type</th><th>instrument</th><th>keV</th><th>time</th></tr>"
    return f'<table class="plain gallery-list">{head}{rows}</table>{more}'


def _product_row(product: GalleryProduct, own: Publication | None) -> str:
    facts = {name.lower(): text for name, text in product.facts.items()}
    told = next((text for text in facts.values() if text.startswith(("https://", "http://"))), "")
    address = own.link if own and own.link else told
    title = f'<a href="{escape(address)}" target="_blank" rel="noopener">{escape(product.title)}</a>' if address else escape(product.title)
    mine = ' <b class="tag done">yours</b>' if own else ""
    all_facts = "; ".join(f"{name}: {text}" for name, text in product.facts.items())
    cells = (_first(facts, _TYPE), _first(facts, _INSTRUMENT), _span(facts, _BAND), _span(facts, _TIME))
    return f'<tr title="{escape(all_facts)}"><td>{title}{mine}</td>' + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"


def _first(facts: Mapping[str, str], names: Sequence[str]) -> str:
    return next((facts[name] for name in names if name in facts), "–")


def _span(facts: Mapping[str, str], pairs: Sequence[tuple[str, str]]) -> str:
    """From the first to the second of the first pair that is told."""
    for begin, end in pairs:
        if begin in facts:
            words = "–".join(facts[name] for name in (begin, end) if name in facts)
            return f"rev. {words}" if begin == "rev1" else words
    return "–"


def _link(known: Publication, words: str) -> str:
    if not known.link:
        return f"{escape(words)} (link not told)"
    return f'<a href="{escape(known.link)}" target="_blank" rel="noopener">{escape(words)}</a>'


def _day(known: Publication) -> str:
    return f"{datetime.fromtimestamp(known.published, UTC):%Y-%m-%d %H:%M UTC}"


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:.1f} MB" if n_bytes >= 1e6 else f"{n_bytes / 1e3:.1f} kB"
