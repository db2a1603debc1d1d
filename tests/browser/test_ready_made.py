"""What ISLA has ready-made, in a browser: offered for real hosts, drawn and marked, gone with the host."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.archive.fake_isla import FakeIsla, standing
from tests.browser.conftest import HOSTS, Served, Visitor, serving
from tests.conftest import Observatory


@pytest.fixture
def isla() -> FakeIsla:
    return FakeIsla()


@pytest.fixture
def page(tmp_path: Path, shared_observatory: Observatory, isla: FakeIsla) -> Iterator[Served]:
    """Its institute's host asks an ISLA on this machine, and has its timesystem there, too."""
    with standing(isla) as url:
        hosts = HOSTS.replace("http://127.0.0.1:9", url.removesuffix("/tap")).replace("other_archives = false", f'isla_url = "{url}"')
        with serving(tmp_path / "data", shared_observatory.url, hosts) as page:
            yield page


def test_a_real_hosts_target_is_shown_and_a_simulated_one_has_none(page: Served, visitor: Visitor, isla: FakeIsla) -> None:
    visitor.open(page.url)
    door = visitor.page.get_by_role("button", name="ISLA", exact=True)
    expect(door).to_have_count(0)
    visitor.open_hosts()
    visitor.field("host_type").select_option("institute")
    visitor.page.get_by_role("button", name=re.compile("·")).click()
    expect(door).to_be_visible(timeout=20_000)
    assert isla.asked == []
    door.click()
    drawer = visitor.page.locator(".drawer.ready")
    expect(drawer).to_contain_text("NOT THIS RUN'S", timeout=20_000)
    expect(drawer).to_contain_text("ISGRI 28–40 keV: 3 points", timeout=30_000)
    curve = visitor.plot("ISLA's light curve")
    assert curve.columns(1)["x"] == [54544.25, 54554.5, 54644.75]
    curve.wait("plot => plot.center.some(m => m.type == 'BoxAnnotation' && m.visible && Math.abs(m.left - 54877) < 0.1)")
    visitor.plot("ISLA's spectrum").wait("plot => plot.renderers[1].data_source.data.x.length == 16")
    drawer.get_by_role("button", name="28–40 keV").click()
    expect(drawer.get_by_role("link", name="ISGRI_0665_28_40_mosaic.tar")).to_have_attribute(
        "href", re.compile(r"mosaic_oid=5$"), timeout=20_000
    )
    drawer.get_by_role("radio", name="JEM-X").or_(drawer.get_by_text("JEM-X", exact=True)).first.click()
    expect(drawer.get_by_role("button", name="3–20 keV")).to_be_visible(timeout=20_000)
    both = visitor.plot("ISLA's light curve: JEM-X 1 3.08–19.85 keV, JEM-X 2")
    assert both.columns(1)["x"] == both.columns(3)["x"] == [54544.25, 54554.5, 54644.75]
    both.wait("plot => plot.center.some(m => m.type == 'BoxAnnotation' && m.visible)")

    visitor.open_hosts()
    expect(drawer).to_be_hidden(timeout=20_000)
    visitor.field("host_type").select_option("simulated")
    expect(door).to_be_hidden(timeout=20_000)
