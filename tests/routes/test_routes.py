"""Every address of the server, what it may do, and that asking changes nothing: a new route has to be thought of here."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import quote

import panel as pn
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from panel.io.server import get_server
from tornado.httpclient import AsyncHTTPClient
from tornado.routing import PathMatches
from tornado.web import Application, RequestHandler

from dashboard.routes.download import EVERYTHING, address
from dashboard.routes.plugin import ROUTES
from dashboard.routes.ticket import holder, ticket
from dashboard.runs.store import RunStore
from tests.published import PublishedRun
from tests.routes.web import fetch
from tests.runs.sky_dispatcher import plan_of, settings_in

OURS = {
    r"/health": "tells that the process lives",
    r"/ready": "asks database and store",
    r"/metrics": "counts; this machine or a token",
    r"/docs": "leads to docs/",
    r"/docs/(.*)": "reads what is listed",
    r"/download/([\w-]+)/([\w.-]+)": "reads a run; a ticket",
}
THEIRS = {
    r"/app/?": "the page; begins a session",
    r"/app/ws": "a session's websocket: own origin, signed token of the page",
    r"/app/metadata": "constants",
    r"/app/autoload.js": "begins a session; no page of another site may ask or read",
    r"/app/static/(.*)": "files of packages",
    r"/static/(.*)": "files of packages",
    r"/static/extensions/(.*)": "files of packages",
    r"/components/(.*)": "files of Panel components by name",
    r"/favicon.ico": "a picture",
    r"/?": "leads to the page",
}
METHODS = ("POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def written(handler: type[RequestHandler], method: str) -> bool:
    """Whether it answers such a request."""
    return getattr(handler, method.lower()) is not getattr(RequestHandler, method.lower())


def test_every_route_is_known_and_none_takes_more_than_a_question() -> None:
    assert {pattern for pattern, *_ in ROUTES} == set(OURS)
    for pattern, handler, _ in ROUTES:
        assert not [method for method in METHODS if written(handler, method)], pattern


def test_every_route_of_panel_and_bokeh_is_known_and_none_changes_anything() -> None:
    server = get_server({"app": lambda: pn.Column()}, port=0, start=False, show=False)
    try:
        rules = [(rule.matcher, rule.target) for rule in server._tornado.wildcard_router.rules]
        found = {matcher.regex.pattern.removesuffix("$"): target for matcher, target in rules if isinstance(matcher, PathMatches)}
    finally:
        server.stop()
        server._http.stop()
    assert set(found) == set(THEIRS)
    assert {name: [m for m in METHODS if written(handler, m)] for name, handler in found.items()} == {
        name: ["OPTIONS"] if name.endswith("autoload.js") else [] for name in THEIRS
    }


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PublishedRun:
    monkeypatch.setenv("INTEGRAL_DASHBOARD_DATA", str(tmp_path / "data"))
    run = PublishedRun(settings_in(tmp_path / "data"), plan_of(4))
    run.publish(0, 1.0)
    return run


def content(run: PublishedRun) -> dict[str, str]:
    """Everything that is stored."""
    files = {str(path): path for path in run.settings.data_dir.rglob("*") if path.is_file() and "sqlite" not in path.name}
    hashes = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    store = RunStore(run.settings)
    rows = {"run": store.state(run.run_id), "events": store.history(run.run_id), "links": store.links(run.run_id)}
    return {**hashes, **{name: repr(value) for name, value in rows.items()}}


def test_asking_changes_nothing_and_telling_is_refused(run: PublishedRun) -> None:
    """No route takes a change, so that no page of another site can make one: cross-site request forgery has nothing to forge."""
    file = address(run.settings, "local", run.run_id, EVERYTHING)
    assert fetch(file).code == 200  # what is read for the first time may leave a key behind
    before = content(run)
    paths = ["health", "ready", "metrics", "docs", "docs/", "docs/runs", file, address(run.settings, "local", run.run_id, "report.html")]
    assert [fetch(path).code for path in paths] == [200] * len(paths)

    async def told() -> list[int]:
        server = Application(ROUTES).listen(0, "127.0.0.1")
        (socket,) = server._sockets.values()
        url = f"http://127.0.0.1:{socket.getsockname()[1]}/"
        try:
            ask: dict[str, Any] = {"raise_error": False, "allow_nonstandard_methods": True, "body": b"state=cancelled"}
            return [(await AsyncHTTPClient().fetch(url + path, method=method, **ask)).code for path in paths for method in METHODS]
        finally:
            server.stop()
            await server.close_all_connections()

    assert set(asyncio.run(told())) == {405}
    assert content(run) == before


STEPS = ("..", "%2e%2e", "%252e%252e", "/", "%2f", "%252f", "\\", "%5c", "%00", "etc", "passwd", "～", "．．", "secret.key", "data")
CLIMBING = st.lists(st.sampled_from(STEPS), min_size=1, max_size=9).map("".join)


@hypothesis_settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CLIMBING, st.booleans())
def test_no_path_leads_out_of_a_run(run: PublishedRun, name: str, signed: bool) -> None:
    """Even with a ticket for that very name."""
    told = quote(ticket(run.settings, "local", run.run_id, name)) if signed else "a.1.b"
    for path in (f"download/{run.run_id}/{name}", f"download/{name}/all.zip", f"docs/{name}"):
        answer = fetch(quote(path, safe="/%\\") + f"?ticket={told}")
        assert answer.code in (400, 403, 404), (path, answer.code)
        assert b"root:x:" not in answer.body


@given(st.text(), st.text(), st.text())
def test_no_text_is_a_ticket(tmp_path_factory: pytest.TempPathFactory, text: str, run_id: str, name: str) -> None:
    assert holder(settings_in(tmp_path_factory.getbasetemp() / "tickets"), text, run_id, name) == ""
