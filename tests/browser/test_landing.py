"""What a visitor sees while batches land: one line of truth, cells, a page that stands still, and another visitor undisturbed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.browser.conftest import SHORT, VIEW, Served, Visitor
from tests.conftest import Observatory

RECORD = """() => {
  const all = [], walk = root => { for (const e of root.querySelectorAll("*")) { all.push(e); if (e.shadowRoot) walk(e.shadowRoot) } }
  walk(document)
  const watched = all.filter(e => ["pane", "ask", "header", "truth-pane"].some(name => e.classList.contains(name)))
  const boxes = () => watched.map(e => { const b = e.getBoundingClientRect(); return [b.x, b.y, b.width, b.height] })
  const first = boxes(), truth = all.find(e => e.classList.contains("line")).shadowRoot
  window.seen = {count: watched.length, jump: 0, told: []}
  const look = () => {
    boxes().forEach((box, i) => box.forEach((v, k) => { seen.jump = Math.max(seen.jump, Math.abs(v - first[i][k])) }))
    const line = truth.querySelector(".truth")
    if (line && seen.told.at(-1)?.[0] != line.innerHTML) seen.told.push([line.innerHTML, line.innerText.replaceAll("\\n", " ")])
    requestAnimationFrame(look)
  }
  look()
}"""
LINE = re.compile(r"(\d) of 6 batches, (\d+) of 42 ScW, [\d.]+ ks, OSA11\.2, CONS")


@contextmanager
def turned(observatory: Observatory, **knobs: Any) -> Iterator[None]:
    """The shared observatory with some knobs turned, and turned back."""
    before = observatory.get("/observatory/knobs")["knobs"]
    observatory.knobs(**knobs)
    yield
    observatory.knobs(**{name: before[name] for name in knobs})


@pytest.fixture
def slowly(shared_observatory: Observatory) -> Iterator[None]:
    """Batches of about 7 ScW land one after the other."""
    with turned(shared_observatory, time_per_scw=0.3, concurrency=1):
        yield


@pytest.fixture
def one_fails(shared_observatory: Observatory) -> Iterator[None]:
    """The next batch fails however often it is tried."""
    before = shared_observatory.get("/observatory/knobs")["counts"]["jobs"]
    with turned(shared_observatory, fail_first={"jobs": before + 1, "submissions": 100, "kind": "backend"}):
        yield


@pytest.mark.slow
def test_the_page_tells_the_truth_and_stands_still_while_batches_land(
    site: Served, visitor: Visitor, second_visitor: Visitor, slowly: None
) -> None:
    visitor.open(site.url)
    second_visitor.open(site.url)
    for label, text in (("From [UTC]", SHORT[0]), ("To [UTC]", SHORT[1]), ("E min [keV]", "40"), ("E max [keV]", "60")):
        visitor.fill(label, text)
    visitor.unfold()
    visitor.fill("s_max [ScW]", "10")
    visitor.click("Plan")
    visitor.read("42 ScW · 119.6 ks · 6 batches")
    visitor.page.evaluate(RECORD)
    visitor.click("Run")
    visitor.wait_for_sources()
    visitor.zoom_to("Crab")
    near, then = visitor.page.evaluate(f"[({VIEW})(), seen.told.length]")
    visitor.read("DONE", 120)
    visitor.read("empty sky: width")

    seen = visitor.page.evaluate("window.seen")
    told = [(html, LINE.search(text), text) for html, text in seen["told"] if "Nothing asked yet" not in text]
    counts = []
    for html, line, text in told:
        assert line is not None, text
        assert "SIMULATED" in text
        cells = re.findall(r'class="cell (\w+)"', html)
        assert len(cells) == 6
        assert cells.count("done") == int(line.group(1)), html
        counts.append(int(line.group(1)))
    assert counts == sorted(counts)
    assert counts[-1] == 6
    assert set(counts) & set(range(1, 6)), "batches land one after the other"
    assert seen["count"] == 7, "header, request, line of truth, four panes"
    assert seen["jump"] <= 1, "nothing moves while data land"
    assert len(seen["told"]) > then, "batches landed after the zoom"
    assert visitor.page.evaluate(VIEW) == near, "zoom stays with the user"

    second_visitor.read("Nothing asked yet")
    assert second_visitor.field("E min [keV]").input_value() == ""
    assert "run=" not in second_visitor.page.url


def test_a_failing_batch_is_shown_with_its_reason(site: Served, visitor: Visitor, one_fails: None) -> None:
    visitor.open(f"{site.url}?run={site.start_run(s_max=20, E1_keV=22.0, E2_keV=28.0)}")
    visitor.read("DONE WITH FAILURES", 120)
    visitor.read("(1 failed)")
    failed = visitor.page.locator("i.cell.failed")
    assert failed.count() == 1
    assert failed.inner_text() == "!"
    assert "backend" in (failed.get_attribute("title") or "")
    assert visitor.page.locator("i.cell.done").count() == 2
