"""Runs are their owners': for others they do not exist."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dashboard.errors import RequestRefused, RunNotFound
from dashboard.identity import Identity
from dashboard.products.catalog import SourceCatalog
from dashboard.request.request import Request
from dashboard.routes.download import EVERYTHING, address
from dashboard.routes.ticket import holder, ticket
from dashboard.runs.database import open_database
from dashboard.runs.ledger import Ledger
from dashboard.runs.run_state import RunState
from dashboard.runs.store import RunStore
from dashboard.settings import Settings
from tests.published import PublishedRun
from tests.routes.web import fetch
from tests.runs.sky_dispatcher import plan_for, plan_of, settings_in
from tests.signed import signed

Act = Callable[[RunStore, str], Any]
ACTS: dict[str, Act] = {
    "state": lambda store, run_id: store.state(run_id),
    "plan": lambda store, run_id: store.plan(run_id),
    "history": lambda store, run_id: store.history(run_id=run_id),
    "cancel": lambda store, run_id: store.cancel(run_id),
    "retry": lambda store, run_id: store.retry_failed(run_id, signed()),
    "go on": lambda store, run_id: store.go_on(run_id, 0, SourceCatalog(), signed()),
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path / "data")


@pytest.fixture
def bobs(settings: Settings) -> str:
    """A run of Bob's with a failed batch, that others may run, too."""
    run_id = RunStore(settings).start(plan_of(4), Identity("bob"))
    ledger = Ledger(open_database(settings), "test")
    ledger.failed(ledger.take_due(run_id)[0].batch_id, RequestRefused("No."), None)
    return run_id


def bobs_state(settings: Settings, run_id: str) -> RunState:
    return RunStore(settings, "bob").state(run_id)


@pytest.mark.parametrize("what", ACTS)
def test_a_run_of_another_is_as_one_that_does_not_exist(settings: Settings, bobs: str, what: str) -> None:
    before, sentences = bobs_state(settings, bobs), []
    for run_id in (bobs, "20260101-000000-ffff"):
        with pytest.raises(RunNotFound) as caught:
            ACTS[what](RunStore(settings, "ada"), run_id)
        assert run_id in caught.value.sentence
        sentences.append(caught.value.sentence.replace(run_id, "it"))
    assert sentences[0] == sentences[1]
    assert bobs_state(settings, bobs) == before


@pytest.mark.parametrize("user", ["", "Bob", "bob ", "b%", "local", "bob' OR '1'='1"])
def test_a_name_that_is_nearly_the_owners_is_another(settings: Settings, bobs: str, user: str) -> None:
    with pytest.raises(RunNotFound):
        RunStore(settings, user).state(bobs)
    assert RunStore(settings, user).list_runs() == RunStore(settings, user).list_runs(user) == ()


def test_the_owner_and_the_worker_see_it(settings: Settings, bobs: str) -> None:
    assert RunStore(settings, "bob").state(bobs) == RunStore(settings).state(bobs)
    assert RunStore(settings, "bob").plan(bobs).to_dict() == plan_of(4).to_dict()
    assert [event.what for event in RunStore(settings, "bob").history(run_id=bobs)] == ["started"]
    assert RunStore(settings, "bob").retry_failed(bobs) == 1
    RunStore(settings, "bob").cancel(bobs)
    assert bobs_state(settings, bobs).state == "cancelled"


def test_lists_hold_ones_own_runs_only(settings: Settings, bobs: str) -> None:
    mine = RunStore(settings).start(plan_of(4), Identity("ada"))
    store = RunStore(settings, "ada")
    assert [run.run_id for run in store.list_runs()] == [run.run_id for run in store.list_runs("ada")] == [mine]
    assert store.list_runs("bob") == (), "not even their names"
    assert [run.run_id for run in RunStore(settings).list_runs("bob")] == [bobs]
    assert [run.run_id for run in RunStore(settings).list_runs()] == [mine, bobs]


def test_versions_of_others_runs_are_absent_as_those_of_runs_that_do_not_exist(settings: Settings, bobs: str) -> None:
    mine = RunStore(settings).start(plan_of(4), Identity("ada"))
    asked = [mine, bobs, "20260101-000000-ffff"]
    assert set(RunStore(settings, "ada").versions(asked)) == {mine}
    assert set(RunStore(settings).versions(asked)) == {mine, bobs}


def test_cancelling_ones_own_run_leaves_anothers_with_the_same_batches(settings: Settings, bobs: str) -> None:
    mine = RunStore(settings, "ada").start(plan_of(4), Identity("ada"))
    RunStore(settings, "ada").cancel(mine)
    assert {batch.state for batch in bobs_state(settings, bobs).batches} <= {"planned", "queued"}
    assert bobs_state(settings, bobs).state in ("planned", "running")


def test_private_data_of_one_user_are_asked_again_for_another(settings: Settings) -> None:
    """The token that opens them is each user's own: what Ada may see is no answer to Bob."""
    ledger, runs = Ledger(open_database(settings), "test"), {}
    for user in ("ada", "bob"):
        plan = plan_for(Identity(user), 4, Request(s_max=2, integral_data_rights="all-private"))
        runs[user] = plan, RunStore(settings, user).start(plan, Identity(user))
    for batch in ledger.take_due(runs["ada"][1]):
        ledger.done(batch.batch_id, "file", attempt=1)
    (adas, _), (bobs, bobs_run) = runs["ada"], runs["bob"]
    ids = {user: {batch.batch_id for batch in plan.batches} for user, (plan, _) in runs.items()}
    assert [dict(batch.parameters) for batch in adas.batches] == [dict(batch.parameters) for batch in bobs.batches], "the same is asked"
    assert RunStore(settings, "ada").done_batches(ids["ada"]) == ids["ada"]
    assert RunStore(settings, "bob").done_batches(ids["bob"]) == set()
    assert {due.batch_id for due in ledger.take_due(bobs_run)} == ids["bob"]
    for batch_id in ids["ada"]:
        with pytest.raises(RunNotFound):
            RunStore(settings, "bob").history(batch_id=batch_id)
    public = [{batch.batch_id for batch in plan_for(Identity(user), 4, Request(s_max=2)).batches} for user in ("ada", "bob")]
    assert public[0] == public[1], "public data are shared"


@pytest.mark.sqlite
def test_a_ticket_of_one_user_does_not_open_anothers_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTEGRAL_DASHBOARD_DATA", str(tmp_path / "data"))
    run = PublishedRun(settings_in(tmp_path / "data"), plan_of(2))
    run.publish(0, 1.0)
    for name in ("0-mosaic.fits", "0-sources.csv", EVERYTHING):
        owners, another = (address(run.settings, user, run.run_id, name) for user in ("local", "eve"))
        unknown = address(run.settings, "eve", "20260101-000000-ffff", name)
        answers = {path: fetch(path) for path in (owners, another, unknown)}
        assert [answer.code for answer in answers.values()] == [200, 404, 404]
        assert answers[another].reason == answers[unknown].reason.replace("20260101-000000-ffff", run.run_id)
        assert b"Crab" not in answers[another].body
        assert fetch(another.replace("ticket=eve", "ticket=local")).code == 403, "a ticket names its user for good"


def test_a_ticket_is_for_one_user_one_run_one_file_and_a_while(settings: Settings) -> None:
    for name in ("müller", "ada l", "ada.l@example.org"):
        good = ticket(settings, name, "run", "all.zip")
        assert holder(settings, good, "run", "all.zip") == name
    assert holder(settings, good, "another", "all.zip") == ""
    assert holder(settings, good, "run", "0-mosaic.fits") == ""
    assert holder(settings, ticket(settings, "ada", "run", "all.zip", lifetime=-2.0), "run", "all.zip") == ""
    user, expires, signature = good.rsplit(".", 2)
    assert holder(settings, f"{user}.{int(expires) + 1}.{signature}", "run", "all.zip") == ""
    elsewhere = settings_in(settings.data_dir.parent / "elsewhere")
    assert holder(elsewhere, good, "run", "all.zip") == "", "another deployment has another secret"


@pytest.mark.parametrize(
    "forged", ["", ".", "..", "ada", "ada.9999999999", "ada.9999999999.é", "ada.².00", "ada.٣٣٣٣٣٣٣٣٣٣٣.00", "ada.-1.0"]
)
def test_a_forged_ticket_opens_nothing_whatever_it_is_made_of(settings: Settings, forged: str) -> None:
    assert holder(settings, forged, "run", "all.zip") == ""
