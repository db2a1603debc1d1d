"""A report holds what the run holds, in one file that loads nothing and runs nothing."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from dashboard.errors import RunNotFound
from dashboard.report import report
from dashboard.routes.download import REPORT, address
from dashboard.runs.results import load_sources
from dashboard.runs.shared_run import SharedRun
from dashboard.runs.store import RunStore
from tests.combine.curves import curve
from tests.published import PublishedRun
from tests.routes.web import fetch
from tests.runs.sky_dispatcher import plan_of, settings_in
from tests.spectra import spectrum
from tests.test_range_look import plan_of_three

HOSTILE = '<img src="https://evil.example/x"><script>alert(1)</script>'


class Reader(HTMLParser):
    """Tags, addresses and words of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action", "data", "style")]
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.words += data


def assert_whole(page: Reader) -> None:
    assert {"script", "link", "iframe", "object", "a", "form"}.isdisjoint(page.tags)
    assert page.addresses
    assert all(address.startswith(("data:image/png;base64,", "data:image/svg+xml;base64,")) for address in page.addresses)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PublishedRun:
    monkeypatch.setenv("INTEGRAL_DASHBOARD_DATA", str(tmp_path / "data"))
    return PublishedRun(settings_in(tmp_path / "data"), plan_of(4))


def made(run: PublishedRun) -> str:
    store = RunStore(run.settings)
    return report(run.settings, store, store.state(run.run_id))


def test_the_report_says_what_the_run_holds(run: PublishedRun) -> None:
    run.publish(0, 1.0)
    page = Reader(made(run))
    assert_whole(page)
    state = RunStore(run.settings).state(run.run_id)
    found = load_sources(run.settings, state, 0)
    (source,) = found.sources
    for told in (
        state.line_of_truth,
        run.run_id,
        "SIMULATED",
        f"{source.flux:.4g} ± {source.scaled_error:.3g}",
        f"{source.scaled_significance:.1f}",
        "weighted by inverse variance",
        f"cut into {len(run.plan.batches)} batches",
        state.osa_version,
        "nothing to publish or to cite",
        "Neronov et al. 2021",
        "Lebrun et al. 2003",
        found.crab.sentence,
        '"src_name"',
    ):
        assert told in page.words, told
    assert "Lund" not in page.words, "JEM-X was not used"


def test_spectra_and_light_curves_have_their_figures(tmp_path: Path) -> None:
    run = PublishedRun(settings_in(tmp_path / "data"), plan_of_three())
    run.publish(0, 1.0)
    run.publish(1, [spectrum()])
    run.publish(2, [curve(np.arange(3) + 5300.0)])
    page = Reader(made(run))
    assert_whole(page)
    pictures = [base64.b64decode(address.partition(",")[2]) for address in page.addresses]
    assert [picture[:4] == b"\x89PNG" for picture in pictures] == [True, False, False]
    assert all(b"<svg" in picture and b"<script" not in picture for picture in pictures[1:])
    assert "rates and responses are averaged" in page.words
    assert "bins of" in page.words


def test_names_from_outside_are_text(tmp_path: Path) -> None:
    plan = plan_of(2)
    plan = replace(plan, target=replace(plan.target, name=HOSTILE), request={**plan.request, "src_name": HOSTILE})
    run = PublishedRun(settings_in(tmp_path / "data"), plan)
    RunStore(run.settings).rename(run.run_id, HOSTILE)
    run.publish(0, 1.0)
    page = Reader(made(run))
    assert_whole(page)
    assert HOSTILE in page.words
    assert "evil" not in "".join(page.addresses)


def test_no_path_token_or_job_goes_along(tmp_path: Path) -> None:
    plan = plan_of(2)
    asked = {**plan.request, "api_catalog_file": "/home/bob/catalog.json"}
    run = PublishedRun(settings_in(tmp_path / "data"), replace(plan, request=asked))
    run.publish(0, 1.0)
    text = made(run)
    assert "/home/bob" not in text
    assert str(run.settings.data_dir) not in text
    assert "local" not in re.sub("local(_| width)", "", Reader(text).words), "not even the owner's name"


def test_a_run_without_products_has_nothing_to_report(run: PublishedRun) -> None:
    with pytest.raises(RunNotFound, match="nothing to report"):
        made(run)
    assert fetch(address(run.settings, "local", run.run_id, REPORT)).code == 404


@pytest.mark.sqlite
def test_the_report_is_a_download_of_the_owner_and_of_who_has_a_link(run: PublishedRun) -> None:
    run.publish(0, 1.0)
    shared = SharedRun.of_secret(run.settings, RunStore(run.settings).share(run.run_id))
    for holder in ("local", f"link:{shared.link_id}"):
        answer = fetch(address(run.settings, holder, run.run_id, REPORT))
        assert (answer.code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert "attachment" in answer.headers["Content-Disposition"], "it is saved, not shown in the page's name"
        assert "INTEGRAL" in Reader(answer.body.decode()).words
    assert fetch(address(run.settings, "eve", run.run_id, REPORT)).code == 404
