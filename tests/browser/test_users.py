"""Two users in two browsers, who log in or come through a proxy: neither sees anything of the other's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, expect

from dashboard.observatory.query import sign
from tests.browser.conftest import SHORT, Served, Visitor, serving, visiting
from tests.conftest import Observatory
from tests.header_proxy import HEADER, naming

pytestmark = pytest.mark.slow

ANSWER = """token => new Promise(resolve => {
  const socket = new WebSocket(`ws://${location.host}/app/ws`, ["bokeh", token])
  socket.onmessage = event => { resolve(JSON.parse(event.data).msgtype); socket.close() }
  socket.onclose = () => resolve("closed")
})"""
"""What a websocket with a token says first."""
PASSWORDS = {"ada": "one word", "bob": "another"}


@dataclass
class Person(Visitor):
    """A visitor with a name, and the address at which he finds the page."""

    user: str = ""
    url: str = ""

    def come(self, query: str = "") -> None:
        """Open the page, by the login where it asks for one."""
        self.page.goto(f"{self.url}{query}")
        if "/login" in self.page.url:
            self.page.get_by_label("User").fill(self.user)
            self.page.get_by_label("Password").fill(PASSWORDS[self.user])
            self.page.get_by_role("button", name="Log in").click()
            self.page.wait_for_url(re.compile("/app"))
        self.open(f"{self.url}{query}")
        expect(self.page.get_by_title(self.user, exact=True)).to_be_visible()

    def session_token(self) -> str:
        """Of a new page of his."""
        found = re.search(r'"token":\s*"([^"]+)"', self.page.context.request.get(self.url).text())
        assert found
        return found[1]

    def files(self) -> list[str]:
        """Addresses of the files at the top of his page, but of the report, which takes long."""
        links = self.page.locator("a[download]")
        links.first.wait_for()
        return [address for link in links.all() if "report" not in (address := link.evaluate("link => link.href"))]

    def fetched(self, address: str) -> int:
        """Status with which his browser gets an address of another's page."""
        return self.page.context.request.get(re.sub(r"^http://[^/]+", self.url.removesuffix("/app"), address)).status


@dataclass
class Site:
    """A page with users, and the port at which each finds it; Bob is the administrator."""

    served: Served
    ports: dict[str, int]


@pytest.fixture(scope="module", params=["login", "header"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, shared_observatory: Observatory) -> Iterator[Site]:
    """By Panel's basic login, and through a proxy each."""
    folder, proxied = tmp_path_factory.mktemp("users"), request.param == "header"
    (folder / "users.json").write_text(json.dumps(PASSWORDS))
    rest = ["--allow-websocket-origin", "*"] if proxied else ["--basic-auth", str(folder / "users.json")]
    about = {"INTEGRAL_DASHBOARD_USERS": request.param, "INTEGRAL_DASHBOARD_ADMINS": "bob"}
    with serving(folder / "data", shared_observatory.url, options=("--", *rest), **about) as served, ExitStack() as stack:
        yield Site(served, {user: stack.enter_context(naming(user, served.port)) if proxied else served.port for user in PASSWORDS})


def person(site: Site, visitor: Visitor, user: str) -> Person:
    return Person(visitor.page, visitor.complaints, user, f"http://127.0.0.1:{site.ports[user]}/app")


@pytest.fixture
def ada(site: Site, visitor: Visitor) -> Person:
    return person(site, visitor, "ada")


@pytest.fixture
def bob(site: Site, second_visitor: Visitor) -> Person:
    return person(site, second_visitor, "bob")


def test_neither_sees_the_others_runs_files_token_or_session(ada: Person, bob: Person) -> None:
    ada.come()
    for label, text in (("From [UTC]", SHORT[0]), ("To [UTC]", "2009-02-16T00:00:00"), ("E min [keV]", "34"), ("E max [keV]", "57")):
        ada.fill(label, text)
    ada.open_hosts()
    ada.field("token").first.fill(sign("general"))
    ada.field("token").first.press("Enter")
    ada.read("Simulated user (given here)")
    ada.click("Run")
    ada.wait_for_sources()
    run_id = ada.page.url.partition("run=")[2]
    assert run_id

    bob.come()
    bob.open_hosts()
    bob.read("Anonymous at simulated")
    expect(bob.page.get_by_text("given here")).to_have_count(0)
    bob.click("Runs")
    bob.page.locator(".drawer.runs").wait_for()
    expect(bob.page.get_by_text(run_id)).to_have_count(0)
    bob.open(f"{bob.url}?run={run_id}")
    bob.read(f"There is no run '{run_id}' here")
    expect(bob.page.get_by_role("gridcell", name="Crab")).to_have_count(0)
    assert bob.page.locator("a[download]").count() == 0

    files = ada.files()
    assert len(files) > 2
    assert {ada.fetched(address) for address in files} == {200}
    assert {bob.fetched(address) for address in files} == {403}
    assert {bob.fetched(address.replace("ticket=ada", "ticket=bob")) for address in files} == {403}

    token = ada.session_token()
    assert bob.page.evaluate(ANSWER, token) == "closed"
    assert ada.page.evaluate(ANSWER, token) == "ACK"
    assert bob.page.evaluate(ANSWER, bob.session_token()) == "ACK"

    expect(ada.page.get_by_role("button", name="Load", exact=True)).to_have_count(0)
    bob.click("Load")
    expect(bob.page.locator(".drawer.load tr", has_text="ada")).to_contain_text("1 ", timeout=20_000)
    shown = bob.page.locator(".drawer.load").inner_text()
    assert run_id not in shown
    assert "Crab" not in shown


def test_without_a_user_nothing_is_opened(site: Site, ada: Person, browser: Browser) -> None:
    """The server's own port, as whoever passes the proxy by, or has not logged in, reaches it."""
    ada.come()
    token = ada.session_token()
    with visiting(browser) as stranger:
        for headers in ({}, {HEADER: ""}, {HEADER: "local"}):
            stranger.page.context.set_extra_http_headers(headers)
            answer = stranger.page.context.request.get(site.served.url)
            assert "/login" in answer.url or answer.status == 403
        stranger.page.goto(f"http://127.0.0.1:{site.served.port}/health")
        assert stranger.page.evaluate(ANSWER, token) == "closed"
        stranger.complaints[:] = [told for told in stranger.complaints if "WebSocket" not in told]


@pytest.mark.parametrize("site", ["login"], indirect=True)
def test_who_logs_out_is_out(ada: Person) -> None:
    ada.come()
    token = ada.session_token()
    ada.page.get_by_role("link", name="log out").click()
    ada.read("You have logged out")
    assert ada.page.evaluate(ANSWER, token) == "closed"
    ada.page.goto(ada.url)
    assert "/login" in ada.page.url
    ada.page.get_by_label("User").fill("ada")
    ada.page.get_by_label("Password").fill("a wrong word")
    ada.page.get_by_role("button", name="Log in").click()
    ada.read("Invalid username or password")
    ada.complaints[:] = [told for told in ada.complaints if "WebSocket" not in told]
