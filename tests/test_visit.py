"""What an address opens, for whom, and what whoever came by a link cannot do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard.errors import LinkEnded, NotAuthorized, RequestError, RunNotFound
from dashboard.identity import Identity
from dashboard.products.catalog import SourceCatalog
from dashboard.request.link import link_of_request, values_of
from dashboard.request.request import Request
from dashboard.routes.download import EVERYTHING, address
from dashboard.runs.run_view import RunView
from dashboard.runs.store import RunStore
from dashboard.session import Session
from dashboard.settings import Settings
from dashboard.view import View
from dashboard.visit import Visit
from tests.published import PublishedRun
from tests.routes.web import fetch
from tests.runs.sky_dispatcher import plan_of, settings_in
from tests.signed import signed
from tests.waiting import wait_until

pytestmark = pytest.mark.sqlite


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PublishedRun:
    monkeypatch.setenv("INTEGRAL_DASHBOARD_DATA", str(tmp_path / "data"))
    for name in ("session", "run_acts"):
        monkeypatch.setattr(f"dashboard.{name}.ensure_worker", lambda _: pytest.fail("a viewer starts no worker"))
    made = PublishedRun(settings_in(tmp_path / "data"), plan_of(4))
    made.publish(0, 1.0)
    return made


def visit_of(run: PublishedRun, **more: Any) -> Visit:
    return Visit(link=RunStore(run.settings).share(run.run_id, **more))


def viewing(run: PublishedRun, **more: Any) -> Session:
    """A session that came by a link and looks at the run."""
    visit = visit_of(run, **more)
    session = visit.session(run.settings, None)
    session.open(visit.look(session)[0])
    return session


def test_a_viewer_sees_the_run_grow(run: PublishedRun) -> None:
    session = viewing(run)
    run.seen(session)
    assert session.mosaic is not None
    run.publish(0, 2.0)
    run.seen(session)
    assert float(np.asarray(session.mosaic.flux)[0, 0]) == 2.0
    assert session.run is not None
    assert (session.run.owner, session.run.tell, {batch.job_id for batch in session.run.batches}) == ("", "", {""})


ACTS: dict[str, Callable[[Any], Any]] = {
    "cancel": lambda session: session.acts.cancel(session.run),
    "list": lambda session: session.acts.runs(),
    "share": lambda session: session.acts.share(session.run, None, View()),
    "jobs": lambda session: session.jobs.jobs("simulated", 1),
    "token": lambda session: session.take_token(signed()),
    "plan": lambda session: session.propose(),
    "start": lambda session: session.start(),
    "the store": lambda session: session.own,
}


@pytest.mark.parametrize("what", ACTS)
def test_a_viewer_can_do_nothing(run: PublishedRun, what: str) -> None:
    session, store = viewing(run), RunStore(run.settings)
    before = store.state(run.run_id), store.links(run.run_id), store.list_runs()
    with pytest.raises(NotAuthorized, match="shared by link"):
        ACTS[what](session)
    assert (store.state(run.run_id), store.links(run.run_id), store.list_runs()) == before


def test_the_only_users_token_is_not_the_viewers(run: PublishedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ODA_TOKEN", signed())
    settings = replace(run.settings, hosts={name: replace(host, account_token=True) for name, host in run.settings.hosts.items()})
    assert Session(settings, Identity()).standing.token
    visit = visit_of(run)
    assert visit.session(settings, None).standing.token == ""


def test_a_viewer_sees_no_other_run_by_whatever_address(run: PublishedRun) -> None:
    other = RunStore(run.settings).start(plan_of(2), Identity())
    session = viewing(run)
    session.open(other)
    assert other in session.problem
    assert session.run is not None
    assert session.run.run_id == run.run_id
    assert Visit.of_arguments({"run": [other.encode()], "link": [b"x"]}) == Visit(link="x"), "a link wins"
    for name in ("0-mosaic.fits", EVERYTHING):
        assert fetch(address(run.settings, session.ticket_holder, run.run_id, name)).code == 200
        assert fetch(address(run.settings, session.ticket_holder, other, name)).code == 404
    mine = address(run.settings, session.ticket_holder, run.run_id, EVERYTHING)
    assert fetch(mine.replace(run.run_id, other)).code == 403
    assert fetch(mine.replace("link%3A", "local")).code == 403


def test_a_page_and_its_downloads_end_with_the_link(run: PublishedRun) -> None:
    session, kept = viewing(run), viewing(run)
    files = address(run.settings, session.ticket_holder, run.run_id, "0-mosaic.fits")
    assert fetch(files).code == 200
    assert session.shared is not None
    RunStore(run.settings).revoke(session.shared.link_id)

    def ended() -> bool:
        session.refresh()
        return session.run is None

    wait_until(ended, "the page goes on")
    assert "was revoked" in session.problem
    assert (session.mosaic, session.look) == (None, None)
    assert fetch(files).code == 404
    run.publish(0, 3.0)
    run.seen(kept)
    assert kept.run is not None, "another link stays"


@pytest.mark.parametrize("secret", ["", "x", "../../etc", "A" * 5000, "'; DROP TABLE links; --"])
def test_a_link_that_opens_nothing_is_a_sentence(run: PublishedRun, secret: str) -> None:
    visit = Visit(link=secret or "é")
    with pytest.raises(LinkEnded, match="opens no run"):
        visit.look(visit.session(run.settings, None))
    with pytest.raises(LinkEnded, match="opens no run"):
        Visit(copy=secret or "é").values(run.settings)


def test_where_users_log_in_links_need_a_login_unless_the_deployment_says_so(run: PublishedRun) -> None:
    def settings_of(**more: str) -> Settings:
        read = Settings.from_environment(
            {"INTEGRAL_DASHBOARD_DATA": str(run.settings.data_dir), "INTEGRAL_DASHBOARD_USERS": "login", **more}
        )
        return read

    visit = visit_of(run)
    for login in (None, "guest"):
        with pytest.raises(NotAuthorized):
            visit.session(settings_of(), login)
        assert visit.session(settings_of(INTEGRAL_DASHBOARD_LINKS="open"), login).shared is not None
        with pytest.raises(NotAuthorized):
            Visit(run=run.run_id).session(settings_of(INTEGRAL_DASHBOARD_LINKS="open"), login)
        with pytest.raises(NotAuthorized):
            Visit(copy=visit.link).session(settings_of(INTEGRAL_DASHBOARD_LINKS="open"), login)
    session = visit.session(settings_of(), "ada")
    assert (session.shared is not None, session.identity.user) == (True, ""), "not even ada may do anything here"


def test_a_copy_fills_the_form_with_the_catalogue_and_watches_nothing(tmp_path: Path) -> None:
    settings, sources = settings_in(tmp_path / "data"), '{"cat_column_names": []}'
    plan = plan_of(2)
    asked = {**plan.request, "product": "spectrum", "use_default_catalog": False, "api_catalog_file": sources}
    run_id = RunStore(settings, "bob").start(replace(plan, request=asked), Identity("bob"))
    visit = Visit(copy=RunStore(settings).share(run_id))
    session = visit.session(settings, None)
    assert visit.look(session) == ("", View())
    values = visit.values(settings)
    assert (values["api_catalog_file"], values["product"], values["E1_keV"]) == (sources, "spectrum", asked.get("E1_keV"))
    session.request.param.update(**values)
    assert (session.run, session.plan) == (None, None)
    with pytest.raises(RunNotFound):
        session.store.state(run_id)


@pytest.mark.parametrize("path", ["/home/bob/catalog.json", "catalog.json"])
def test_no_path_of_the_owners_goes_along_with_a_copy(tmp_path: Path, path: str) -> None:
    settings, plan = settings_in(tmp_path / "data"), plan_of(2)
    asked = {**plan.request, "product": "spectrum", "use_default_catalog": False, "api_catalog_file": path, "isdc_cat_url": path}
    for lists, kept in (({}, ""), ({"isgri": SourceCatalog()}, "cat_column_names")):
        run_id = RunStore(settings).start(replace(plan, request=asked, lists=lists), Identity())
        values = Visit(copy=RunStore(settings).share(run_id)).values(settings)
        assert path not in str(values)
        assert kept in values["api_catalog_file"]


def test_a_link_to_a_request_fills_the_form(run: PublishedRun) -> None:
    request = Request(src_name="Cyg X-1", bands=[[20, 40]], s_max=20)
    visit = Visit.of_arguments({"ask": [link_of_request(request).encode()]})
    assert visit.values(run.settings) == values_of(request)
    with pytest.raises(RequestError, match="holds no request"):
        Visit(ask="nothing").values(run.settings)


def test_the_view_comes_along(run: PublishedRun) -> None:
    view = View(0, (83.6, 22.0, 1.5), {"plane": "flux"}, "Crab", None, (20.0, 40.0))
    visit = visit_of(run, view=view.to_json())
    assert visit.look(visit.session(run.settings, None)) == (run.run_id, view)


def test_the_link_is_in_no_representation(run: PublishedRun) -> None:
    visit = visit_of(run)
    session = visit.session(run.settings, None)
    assert visit.link not in repr(visit) + repr(session) + repr(session.store)
    assert isinstance(session.store, RunView)
