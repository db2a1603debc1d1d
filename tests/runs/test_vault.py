"""Tokens lie sealed while their owners' runs need them, and come out for those runs alone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dashboard.errors import NotAuthorized, RequestRefused, TokenExpired, TokenRefused
from dashboard.identity import Identity
from dashboard.plan.plan import Plan
from dashboard.plan.roles import LARGE
from dashboard.runs.database import open_database
from dashboard.runs.ledger import Ledger
from dashboard.runs.rows import set_run
from dashboard.runs.run_state import REVIEW
from dashboard.runs.schema import runs, tokens
from dashboard.runs.store import RunStore
from dashboard.runs.vault import Vault
from dashboard.settings import Settings
from tests.runs.sky_dispatcher import plan_of, settings_in
from tests.signed import signed

PLAN = plan_of(2)
(BATCH,) = PLAN.batches


@dataclass
class Bench:
    """Runs of several users, with what the worker does to them done by hand."""

    settings: Settings

    def __post_init__(self) -> None:
        self.store = RunStore(self.settings)
        self.vault = Vault(self.settings)
        self.database = open_database(self.settings)
        self.ledger = Ledger(self.database, "test")

    def start(self, owner: str, token: str = "", plan: Plan = PLAN) -> str:
        return self.store.start(plan, Identity(owner), token=token)

    def kept(self) -> set[tuple[str, str]]:
        with self.database.reading() as connection:
            return {(row.owner, row.host) for row in connection.execute(sa.select(tokens))}

    def execute(self, statement: Any) -> None:
        with self.database.writing() as connection:
            connection.execute(statement)

    def end(self, run_id: str, *, well: bool = True) -> None:
        """Give the run's batches an end, and the run the state they imply."""
        for order in self.ledger.take_due(run_id):
            if well:
                self.ledger.done(order.batch_id, "file")
            else:
                self.ledger.failed(order.batch_id, RequestRefused("No."), None)
        self.ledger.settle(run_id, complete=True)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(settings_in(tmp_path / "data"))


@pytest.mark.sqlite
def test_a_token_is_nowhere_in_the_clear(bench: Bench) -> None:
    token = signed(LARGE)
    bench.start("ada", token)
    files = {path.name: path.read_bytes() for path in bench.settings.data_dir.rglob("*") if path.is_file()}
    assert files["dashboard.sqlite-wal"]
    written = b"".join(files.values())
    with bench.database.reading() as connection:
        sealed = str(connection.scalar(sa.select(tokens.c.sealed)))
    assert sealed.encode() in written, "what is looked through holds what was written"
    assert [part for part in (token, *token.split(".")) if part.encode() in written] == []
    assert LARGE.encode() not in written
    assert bench.vault.token_for(BATCH) == token


def test_a_token_comes_back_for_its_owners_active_run_at_its_host_only(bench: Bench) -> None:
    token, elsewhere = signed(), plan_of(2, host_type="production")
    bench.start("ada", f" {token}\n")
    bench.start("ada", plan=elsewhere)
    assert bench.vault.token_for(BATCH) == token
    assert bench.vault.token_for(elsewhere.batches[0]) == ""
    assert bench.vault.token_for(plan_of(2, first=40).batches[0]) == "", "no run of hers waits for it"
    bench.start("bob", plan=plan_of(2, first=40))
    assert bench.vault.token_for(plan_of(2, first=40).batches[0]) == "", "nor does it serve another user's run"


def test_a_run_that_has_ended_lends_its_token_to_nobody(bench: Bench) -> None:
    ended = bench.start("ada", signed())
    bench.start("ada", plan=plan_of(2, first=20))
    bench.start("bob")
    bench.store.cancel(ended)
    assert bench.kept() == {("ada", "simulated")}, "her other run needs it"
    assert bench.vault.token_for(BATCH) == ""


def test_each_host_has_a_token_of_its_own(bench: Bench) -> None:
    here, there, elsewhere = signed(sub="here"), signed(sub="there"), plan_of(2, host_type="production")
    bench.start("ada", here)
    bench.start("ada", there, elsewhere)
    assert (bench.vault.token_for(BATCH), bench.vault.token_for(elsewhere.batches[0])) == (here, there)


def test_a_private_batch_is_asked_with_its_owners_token_alone(bench: Bench) -> None:
    plan = plan_of(2, integral_data_rights="all-private")
    (batch,) = plan.batches
    bench.start("bob", signed("integral-private-qla"), plan)
    bench.start(batch.owner, plan=plan)
    assert bench.vault.token_for(batch) == ""
    own = signed()
    assert bench.vault.replace(batch.owner, "simulated", own)
    assert bench.vault.token_for(batch) == own


@pytest.mark.parametrize("able", ["ada", "bob", "eve"])
def test_of_those_who_wait_for_a_public_batch_the_one_with_the_roles_asks(bench: Bench, able: str) -> None:
    plan, good = plan_of(60, s_max=60), signed("general", LARGE)
    others = {"ada": signed("general"), "bob": signed(LARGE, lasts=-60), "eve": ""}
    for owner, token in others.items():
        bench.start(owner, good if owner == able else token, plan)
    assert len(plan.batches[0].scw) == 60
    assert bench.vault.token_for(plan.batches[0]) == good


@pytest.mark.parametrize("roles", [(), ("integral-private-qla",)])
def test_without_the_roles_a_token_that_has_not_expired_asks(bench: Bench, roles: tuple[str, ...]) -> None:
    plan, valid = plan_of(60, s_max=60), signed(*roles)
    bench.start("ada", signed(LARGE, lasts=-60), plan)
    bench.start("bob", valid, plan)
    assert bench.vault.token_for(plan.batches[0]) == valid


def test_a_run_that_is_done_or_failed_or_cancelled_leaves_no_token(bench: Bench) -> None:
    acts: tuple[Callable[[str], None], ...] = (bench.end, lambda run_id: bench.end(run_id, well=False), bench.store.cancel)
    for number, act in enumerate(acts):
        run_id = bench.start("ada", signed(), plan_of(2, first=20 + 4 * number))
        assert bench.kept() == {("ada", "simulated")}
        act(run_id)
        assert bench.store.state(run_id).state in ("done", "done with failures", "cancelled")
        assert bench.kept() == set()


def test_a_token_stays_while_another_run_of_its_owner_needs_it(bench: Bench) -> None:
    first, second = bench.start("ada", signed()), bench.start("ada", plan=plan_of(2, first=20))
    other = bench.start("bob", signed())
    bench.store.cancel(first)
    assert bench.kept() == {("ada", "simulated"), ("bob", "simulated")}
    bench.store.cancel(second)
    assert bench.kept() == {("bob", "simulated")}
    bench.store.cancel(other)
    assert bench.kept() == set()


def test_a_token_stays_while_a_run_is_in_review(bench: Bench) -> None:
    token = signed()
    run_id = bench.start("ada", token)
    bench.ledger.set_run(run_id, REVIEW)
    assert bench.kept() == {("ada", "simulated")}
    bench.execute(runs.update().where(runs.c.run_id == run_id).values(state="running"))
    assert bench.vault.token_for(BATCH) == token


@pytest.mark.sqlite
def test_a_run_ends_and_its_token_goes_in_one_transaction(bench: Bench) -> None:
    ending, cancelled = bench.start("ada", signed()), bench.start("bob", signed(), plan_of(2, first=20))
    bench.execute(sa.text("CREATE TRIGGER stay BEFORE DELETE ON tokens BEGIN SELECT RAISE(ABORT, 'it stays'); END"))
    for act, run_id in ((bench.end, ending), (bench.store.cancel, cancelled)):
        with pytest.raises(sa.exc.IntegrityError, match="it stays"):
            act(run_id)
        assert bench.store.state(run_id).state == "planned", "what could not remove the token did not end the run"
    with bench.database.writing() as connection:
        connection.execute(sa.text("DROP TRIGGER stay"))
        set_run(connection, ending, "done")
        assert set(connection.scalars(sa.select(tokens.c.owner))) == {"bob"}
        assert bench.kept() == {("ada", "simulated"), ("bob", "simulated")}, "seen from outside nothing has happened yet"
    assert bench.kept() == {("bob", "simulated")}


def test_another_token_is_used_from_the_next_query_on(bench: Bench) -> None:
    old, new = signed(sub="old"), signed(sub="new")
    run_id = bench.start("ada", old)
    assert bench.vault.replace("ada", "simulated", new)
    assert bench.vault.token_for(BATCH) == new
    assert not bench.vault.replace("ada", "simulated", " ")
    assert (bench.vault.token_for(BATCH), bench.kept()) == ("", set())
    bench.store.cancel(run_id)
    assert not bench.vault.replace("ada", "simulated", new)
    assert bench.kept() == set(), "nobody needs it"
    assert bench.store.retry_failed(run_id, new) == 1
    assert bench.vault.token_for(BATCH) == new


@pytest.mark.parametrize(("owner", "host"), [("bob", "simulated"), ("ada", "production")])
def test_a_row_that_was_moved_opens_nothing(bench: Bench, owner: str, host: str) -> None:
    elsewhere = plan_of(2, host_type="production")
    for user in ("ada", "bob"):
        bench.start(user)
        bench.start(user, plan=elsewhere)
    assert bench.vault.replace("ada", "simulated", signed())
    bench.execute(tokens.update().values(owner=owner, host=host))
    for batch in (BATCH, elsewhere.batches[0]):
        with suppress(TokenRefused):
            assert bench.vault.token_for(batch) == ""


def test_another_key_opens_nothing_and_says_so_without_the_token(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    token = signed()
    bench.start("ada", token)
    with bench.database.reading() as connection:
        sealed = str(connection.scalar(sa.select(tokens.c.sealed)))
    with pytest.raises(TokenRefused, match="sealed with another key") as caught:
        Vault(replace(bench.settings, key="k" * 32)).token_for(BATCH)
    assert [part for part in ("ada", "simulated", "given again") if part not in caplog.text] == []
    assert [part for part in (sealed, *token.split(".")) if part in caplog.text + caught.value.sentence] == []
    caplog.clear()
    assert (bench.vault.token_for(BATCH), caplog.text) == (token, "")


@pytest.mark.parametrize("sealed", ["", "garbage", "é"])
def test_what_was_tampered_with_opens_nothing(bench: Bench, sealed: str) -> None:
    bench.start("ada", signed())
    bench.execute(tokens.update().values(sealed=sealed))
    with pytest.raises(TokenRefused):
        bench.vault.token_for(BATCH)


def test_a_token_that_has_expired_is_not_sent_and_its_owner_decides(bench: Bench) -> None:
    old, new = signed(lasts=-60), signed()
    run_id = bench.start("ada", old)
    (order,) = bench.ledger.take_due(run_id)
    with pytest.raises(TokenExpired, match="simulated has expired") as caught:
        bench.vault.token_for(BATCH)
    assert old not in caught.value.sentence
    for given in (new, ""):
        bench.ledger.wait_for_token(order.batch_id, caught.value)
        assert bench.ledger.take_due(run_id) == []
        bench.vault.replace("bob", "simulated", new)
        bench.vault.replace("ada", "production", new)
        assert bench.ledger.take_due(run_id) == [], "it waits for its owner's token at its host"
        bench.vault.replace("ada", "simulated", given)
        (order,) = bench.ledger.take_due(run_id)
        assert bench.vault.token_for(BATCH) == given


def test_what_no_run_needs_is_swept(bench: Bench) -> None:
    for owner, token in {"ada": signed(), "bob": signed(), "for ever": signed(lasts=None)}.items():
        bench.start(owner, token)
    bench.execute(runs.update().where(runs.c.owner == "bob").values(state="done"))
    assert len(bench.kept()) == 3
    bench.vault.sweep()
    assert bench.kept() == {("ada", "simulated"), ("for ever", "simulated")}


@pytest.mark.parametrize("garbage", ["garbage", "a.b.c", "é.é.é"])
def test_what_is_no_token_is_refused_and_changes_nothing(bench: Bench, garbage: str) -> None:
    with pytest.raises(NotAuthorized):
        bench.start("ada", garbage)
    assert bench.store.list_runs("ada") == ()
    token = signed()
    run_id = bench.start("ada", token)
    with pytest.raises(NotAuthorized):
        bench.vault.replace("ada", "simulated", garbage)
    bench.ledger.failed(BATCH.batch_id, RequestRefused("No."), None)
    with pytest.raises(NotAuthorized):
        bench.store.retry_failed(run_id, garbage)
    assert bench.store.state(run_id).n_failed == 1
    assert bench.vault.token_for(BATCH) == token


def test_what_is_no_token_is_refused_also_where_no_run_needs_one(bench: Bench) -> None:
    with pytest.raises(NotAuthorized):
        bench.vault.replace("ada", "simulated", "garbage")
    assert bench.kept() == set()
