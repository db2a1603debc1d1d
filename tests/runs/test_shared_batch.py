"""A public batch that several users wait for is asked once; what is wrong with one user's token is that user's affair."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from dashboard.dispatcher.token import inspect
from dashboard.identity import Identity
from dashboard.runs.database import open_database
from dashboard.runs.gate import Gate
from dashboard.runs.ledger import Ledger
from dashboard.runs.obtaining import Obtainer
from dashboard.runs.run_state import BatchState
from dashboard.runs.schema import batches
from dashboard.runs.store import RunStore
from dashboard.runs.vault import Vault
from tests.dispatcher.replay import Reply, answer, serving
from tests.runs.sky_dispatcher import SkyDispatcher, plan_of, settings_in
from tests.signed import signed

NOT_VALID = answer({"error": "RequestNotAuthorized():The token provided is not valid, please try to logout and login again."}, 403)
EXPIRED = answer({"error": "RequestNotAuthorized():The token provided is expired, please try to logout and login again."}, 403)


class Bench:
    """One batch in runs of several users, at a host that takes no token but `good` ones."""

    def __init__(self, folder: Path, good: str) -> None:
        self.good, self.dispatcher, self.asked_with = good, SkyDispatcher(), list[str]()
        settings = settings_in(folder)
        self.settings = replace(settings, hosts={name: replace(host, poll_seconds=0.01) for name, host in settings.hosts.items()})
        self.database = open_database(self.settings)
        self.store, self.vault, self.ledger = RunStore(self.settings), Vault(self.settings), Ledger(self.database, "test")

    def host(self, form: dict[str, list[str]]) -> Reply:
        (token,) = form.get("token", [""])
        self.asked_with.append(token)
        if token and token != self.good:
            return EXPIRED if inspect(token).expired else NOT_VALID
        return self.dispatcher(form)

    def start(self, owner: str, token: str = "") -> str:
        return self.store.start(plan_of(2), Identity(owner), token=token)

    def work(self, *run_ids: str) -> BatchState:
        """Ask for what is due, several times, leaving out the pauses; what waits for a user goes on waiting."""
        gate = Gate(self.database, self.settings.hosts)
        with serving(self.host) as server:
            obtain = Obtainer(replace(self.settings, simulated_url=server.url), self.ledger, gate)
            for _ in range(4):
                with self.database.writing() as connection:
                    connection.execute(batches.update().where(batches.c.due < float("inf")).values(due=0.0))
                for run_id in run_ids:
                    for order in self.ledger.take_due(run_id):
                        obtain(order.batch_id, order.workflow_id)
        return self.store.state(run_ids[0]).batches[0]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, signed(sub="ada"))


@pytest.mark.parametrize("bad", [{"sub": "forged"}, {"lasts": -60}], ids=["not valid", "expired"])
@pytest.mark.parametrize("anonymous", [True, False])
def test_a_bad_token_of_one_user_holds_up_no_other(bench: Bench, bad: dict[str, object], anonymous: bool) -> None:
    bobs = bench.start("bob", signed("unige-hpc-full", **bad))  # type: ignore[arg-type]
    hers = bench.start("eve", "" if anonymous else bench.good)
    state = bench.work(bobs, hers)
    assert (state.state, state.reason) == ("done", "")
    assert sum(bench.dispatcher.delivered.values()) == 1


@pytest.mark.parametrize("bad", [{"sub": "forged"}, {"lasts": -60}], ids=["not valid", "expired"])
@pytest.mark.parametrize("anonymous", [True, False])
def test_what_waits_for_one_user_is_asked_for_another_who_comes_later(bench: Bench, bad: dict[str, object], anonymous: bool) -> None:
    bobs = bench.start("bob", signed(**bad))  # type: ignore[arg-type]
    assert bench.work(bobs).state == "queued"
    hers = bench.start("eve", "" if anonymous else bench.good)
    assert bench.work(hers).state == "done"


def test_a_token_that_is_refused_waits_for_its_owner_and_is_not_sent_again(bench: Bench) -> None:
    bobs = bench.start("bob", signed(sub="forged"))
    state = bench.work(bobs)
    assert (state.state, "does not accept the token" in state.reason, "token" in state.remedy) == ("queued", True, True)
    assert len(bench.asked_with) == 1
    assert bench.vault.replace("bob", "simulated", bench.good)
    assert bench.work(bobs).state == "done"


def test_an_expired_token_is_not_even_sent(bench: Bench) -> None:
    bobs = bench.start("bob", signed(lasts=-60))
    assert (bench.work(bobs).state, bench.asked_with) == ("queued", [])
    bench.vault.replace("bob", "simulated", "")
    assert bench.work(bobs).state == "done"
    assert set(bench.asked_with) == {""}


def test_a_forged_role_is_believed_by_nobody(bench: Bench) -> None:
    plan = plan_of(60, s_max=60)
    run_id = bench.store.start(plan, Identity("bob"), token=signed("unige-hpc-full", sub="forged"))
    bench.work(run_id)
    with bench.database.reading() as connection:
        assert connection.scalars(sa.select(batches.c.state)).all() == ["queued"]
    assert sum(bench.dispatcher.submitted.values()) == 0
