"""`runs share`, `links`, `revoke`, `report` and `request link`: what the page does, from the command line."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dashboard.__main__ import main
from dashboard.commands.exit_codes import BROKEN, OK, WRONG_REQUEST
from dashboard.errors import LinkEnded
from dashboard.request.link import request_of_link, values_of
from dashboard.request.request import Request
from dashboard.runs.shared_run import SharedRun
from tests.published import PublishedRun
from tests.runs.sky_dispatcher import plan_of, settings_in

pytestmark = pytest.mark.sqlite
Do = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PublishedRun:
    monkeypatch.setenv("INTEGRAL_DASHBOARD_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("INTEGRAL_DASHBOARD_ADDRESS", "https://example.org/integral/app")
    return PublishedRun(settings_in(tmp_path / "data"), plan_of(4))


@pytest.fixture
def do(run: PublishedRun, capsys: pytest.CaptureFixture[str]) -> Do:
    def told(*words: str, code: int = OK) -> Any:
        assert main(words) == code
        out = capsys.readouterr()
        return json.loads(out.out) if "--json" in words and code == OK else out.out if code == OK else out.err

    return told


def test_a_link_is_made_listed_and_revoked(run: PublishedRun, do: Do) -> None:
    address = do("runs", "share", run.run_id, "--days", "7", "--name", "Ada", "--json")["link"]
    start, _, secret = address.partition("?link=")
    assert start == "https://example.org/integral/app"
    shared = SharedRun.of_secret(run.settings, secret)
    assert shared.link.expires == pytest.approx(time.time() + 7 * 86400, abs=600)
    for_ever = do("runs", "share", run.run_id).strip().partition("?link=")[2]
    listed = do("runs", "links", run.run_id, "--json")
    assert [(link["name"], link["opens"]) for link in listed] == [("", True), ("Ada", True)]
    assert secret not in json.dumps(listed)
    assert f"opens {run.run_id} no longer" in do("runs", "revoke", shared.link_id[:12])
    with pytest.raises(LinkEnded):
        shared.state(run.run_id)
    assert SharedRun.of_secret(run.settings, for_ever).state(run.run_id).run_id == run.run_id
    lines = do("runs", "links", run.run_id).splitlines()
    assert [line.split()[1] for line in lines] == ["opens", "revoked"]


def test_the_report_is_written_whole_or_not_at_all(run: PublishedRun, do: Do, tmp_path: Path) -> None:
    out = tmp_path / "new" / "crab.html"
    assert "nothing to report" in do("runs", "report", run.run_id, "--out", str(out), code=BROKEN)
    assert not out.exists()
    run.publish(0, 1.0)
    assert do("runs", "report", run.run_id, "--out", str(out)).strip() == str(out)
    assert out.read_text().startswith("<!doctype html>")
    assert [path.name for path in out.parent.iterdir()] == ["crab.html"]


def test_a_request_becomes_the_end_of_an_address(do: Do, tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    file.write_text(json.dumps({"src_name": "Cyg X-1", "E1_keV": 20}))
    start, _, text = do("request", "link", str(file)).strip().partition("?ask=")
    assert start == "https://example.org/integral/app"
    assert request_of_link(text) == values_of(Request(src_name="Cyg X-1", E1_keV=20))


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("runs", "share", "20990101-000000-ffff"), BROKEN, "There is no run"),
        (("runs", "share", "RUN", "--days", "0"), WRONG_REQUEST, "--days is 0"),
        (("runs", "share", "RUN", "--days", "nan"), WRONG_REQUEST, "--days is nan"),
        (("runs", "revoke", "ffff"), WRONG_REQUEST, "no link that begins"),
        (("request", "link", "/nowhere.json"), WRONG_REQUEST, "nowhere.json"),
    ],
)
def test_what_cannot_be_is_a_sentence(run: PublishedRun, do: Do, words: tuple[str, ...], code: int, sentence: str) -> None:
    told = do(*(run.run_id if word == "RUN" else word for word in words), code=code)
    assert sentence in told
    assert "Traceback" not in told
