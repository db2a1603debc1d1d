"""Through a real JupyterHub and its proxy: as a service for all its users, and from the launcher of one of them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import expect

from dashboard.runs.store import RunStore
from tests.browser.conftest import SHORT, Visitor
from tests.browser.hub import Hub, need_tools, running_hub
from tests.browser.test_sharing import assert_nothing_to_press, link_on
from tests.conftest import running_observatory

pytestmark = [pytest.mark.slow]
FAVICON = "404 (Not Found)"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    need_tools()
    folder = tmp_path_factory.mktemp("hub")
    with running_observatory(folder) as observatory, running_hub(folder, observatory.url) as started:
        yield started


def run_the_short_one(visitor: Visitor) -> None:
    """Fill in the interval, press Run, and see the first sources."""
    visitor.page.get_by_role("button", name="Run", exact=True).wait_for(timeout=90_000)
    visitor.fill("From [UTC]", SHORT[0])
    visitor.fill("To [UTC]", SHORT[1])
    visitor.click("Run")
    visitor.wait_for_sources()
    visitor.page.wait_for_url(re.compile(r"\?run="))


def without_favicon(visitor: Visitor) -> None:
    """Browsers ask for one by themselves, and there is none."""
    visitor.complaints[:] = [complaint for complaint in visitor.complaints if FAVICON not in complaint]


def test_users_of_the_hub_have_runs_of_their_own_and_open_each_others_links(hub: Hub, visitor: Visitor, second_visitor: Visitor) -> None:
    ada, bob = visitor.page, second_visitor.page
    ada.goto(hub.service)
    hub.log_in(ada, "ada")
    run_the_short_one(visitor)
    visitor.click("Share")
    visitor.click("Make a link to this run")
    link = link_on(visitor, "link=")
    assert link.startswith(f"{hub.service}?link=")

    bob.goto(ada.url)
    hub.log_in(bob, "bob")
    expect(bob.get_by_text("There is no run")).to_be_visible(timeout=60_000)
    bob.goto(link)
    expect(bob.get_by_text("shared by link, read-only")).to_be_visible(timeout=60_000)
    second_visitor.wait_for_sources()
    assert_nothing_to_press(bob)
    with bob.expect_download() as download:
        bob.get_by_text("CSV ↓", exact=True).click()
    assert download.value.suggested_filename.startswith("SIMULATED_")
    assert [state.owner for state in RunStore(hub.settings).list_runs()] == ["ada"]
    for each in (visitor, second_visitor):
        without_favicon(each)


def test_who_is_not_logged_in_or_says_to_be_another_is_sent_to_the_hub(hub: Hub) -> None:
    for cookies in ({}, {"user": "ada"}, {"is_guest": "1"}):
        answer = httpx.get(hub.service, cookies=cookies)
        assert answer.status_code == 302
        assert answer.headers["location"].startswith("./oauth_callback?next=")
    away = httpx.get(f"{hub.url}/services/integral/oauth_callback", params={"next": "//evil.example.org/services/integral/app"})
    assert away.headers["location"].startswith("/hub/api/oauth2/authorize")
    assert "evil" not in "".join(away.headers.values())


def test_leaving_the_hub_is_leaving_the_page(hub: Hub, visitor: Visitor) -> None:
    page = visitor.page
    page.goto(hub.service)
    hub.log_in(page, "carol")
    page.get_by_role("button", name="Run", exact=True).wait_for(timeout=90_000)
    page.goto(f"{hub.url}/hub/logout")
    page.goto(hub.service)
    expect(page.get_by_label("Username")).to_be_visible(timeout=20_000)
    without_favicon(visitor)


def test_the_launcher_of_a_user_opens_a_page_of_his_own(hub: Hub, visitor: Visitor) -> None:
    page = visitor.page
    page.goto(f"{hub.url}/hub/user-redirect/integral/app")
    hub.log_in(page, "dora")
    run_the_short_one(visitor)
    assert page.url.startswith(f"{hub.url}/user/dora/integral/app?run=")
    assert (hub.data.parent / "dora/.local/share/integral-dashboard/dashboard.sqlite").is_file()
    told = page.goto(f"{hub.url}/user/dora/server-proxy/servers-info")
    assert told is not None
    entry = next(each for each in told.json()["server_processes"] if each["name"] == "integral")["launcher_entry"]
    assert (entry["title"], entry["path_info"]) == ("INTEGRAL", "integral/app")
    icon = page.goto(f"{hub.url}{entry['icon_url']}")
    assert icon is not None
    assert icon.text().startswith("<svg")
    without_favicon(visitor)
