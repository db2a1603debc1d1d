"""A link opens one run, to be looked at, until it ends; nothing else is opened by it, and nothing is changed."""

from __future__ import annotations

import inspect
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dashboard.errors import LinkEnded, RequestError, RunNotFound
from dashboard.identity import Identity
from dashboard.runs.database import open_database
from dashboard.runs.links import link_id_of
from dashboard.runs.run_view import RunView
from dashboard.runs.schema import metadata
from dashboard.runs.shared_run import SharedRun
from dashboard.runs.store import RunStore
from dashboard.settings import Settings
from tests.runs.sky_dispatcher import plan_of, settings_in


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path / "data")


@pytest.fixture
def bob(settings: Settings) -> RunStore:
    return RunStore(settings, "bob")


@pytest.fixture
def run_id(bob: RunStore) -> str:
    return bob.start(plan_of(4), Identity("bob"), tell="bob@example.org")


def test_a_link_shows_its_run_without_what_is_the_owners(settings: Settings, bob: RunStore, run_id: str) -> None:
    shared = SharedRun.of_secret(settings, bob.share(run_id, view="{}", name=" for Ada "))
    assert (shared.link.run_id, shared.link.name, shared.link.view) == (run_id, "for Ada", "{}")
    state = shared.state(run_id)
    assert (state.name, state.owner, state.tell) == (bob.state(run_id).name, "", "")
    assert shared.plan(run_id).to_dict() == plan_of(4).to_dict()
    assert [run.run_id for run in shared.list_runs()] == [run_id]


def test_what_is_kept_does_not_open_the_run(settings: Settings, bob: RunStore, run_id: str) -> None:
    secret = bob.share(run_id)
    assert len(secret) >= 128 / 6
    assert set(secret) <= {*string.ascii_letters, *string.digits, "-", "_"}
    with open_database(settings).reading() as connection:
        kept = str([connection.execute(sa.select(table)).all() for table in metadata.sorted_tables])
    assert secret not in kept
    (link,) = bob.links(run_id)
    assert secret not in repr(link)
    for text in (link.link_id, secret[:-1], secret + "A", secret.swapcase(), "", "%", "ü\udc80"):
        with pytest.raises(LinkEnded, match="opens no run"):
            _ = SharedRun.of_secret(settings, text).link
    assert bob.share(run_id) != secret


def test_nothing_of_another_run_is_seen_through_a_link(settings: Settings, bob: RunStore, run_id: str) -> None:
    """Not even another run of the same owner, with the same batches."""
    other = bob.start(plan_of(4), Identity("bob"))
    shared = SharedRun.of_secret(settings, bob.share(run_id))
    for read in (shared.state, shared.plan, shared.publications, lambda run: shared.history(run_id=run)):
        read(run_id)
        sentences = []
        for hidden in (other, "20260101-000000-ffff"):
            with pytest.raises(RunNotFound) as caught:
                read(hidden)
            sentences.append(caught.value.sentence.replace(hidden, "it"))
        assert sentences[0] == sentences[1]
    assert [run.run_id for run in shared.list_runs()] == [run_id]
    assert shared.list_runs("bob") == shared.list_runs()
    assert set(shared.versions([run_id, other])) == {run_id}
    bob.rename(other, "Secret campaign")
    assert "Secret" not in str(shared.history(batch_id=bob.state(run_id).batches[0].batch_id))


def test_there_is_no_way_to_change_anything_through_a_link(settings: Settings, bob: RunStore, run_id: str) -> None:
    shared = SharedRun.of_secret(settings, bob.share(run_id))
    changing = {name for name, _ in inspect.getmembers(RunStore, inspect.isfunction)} - set(dir(RunView))
    assert {"start", "cancel", "retry_failed", "exclude", "rename", "revise", "pin", "tell", "delete", "share", "revoke"} <= changing
    assert [name for name in changing if hasattr(shared, name)] == []


@pytest.mark.parametrize("what", ["rename", "cancel", "delete", "share", "revoke", "links"])
def test_who_has_a_link_is_still_nobody_to_the_store(settings: Settings, bob: RunStore, run_id: str, what: str) -> None:
    bob.share(run_id)
    (link,) = bob.links(run_id)
    acts: dict[str, Callable[[RunStore], Any]] = {
        "rename": lambda store: store.rename(run_id, "mine"),
        "cancel": lambda store: store.cancel(run_id),
        "delete": lambda store: store.delete(run_id),
        "share": lambda store: store.share(run_id),
        "revoke": lambda store: store.revoke(link.link_id),
        "links": lambda store: store.links(run_id),
    }
    before = bob.state(run_id), bob.links(run_id)
    for user in ("ada", ""):
        with pytest.raises((RunNotFound, RequestError)):
            acts[what](RunStore(settings, user))
    assert (bob.state(run_id), bob.links(run_id)) == before


def test_a_link_ends_at_its_time_and_not_before(settings: Settings, bob: RunStore, run_id: str) -> None:
    now = [1_800_000_000.0]
    shared = SharedRun.of_secret(settings, bob.share(run_id, expires=now[0] + 60), lambda: now[0])
    for seconds, opens in ((0, True), (59.9, True), (60, False), (1e9, False)):
        now[0] = 1_800_000_000.0 + seconds
        if opens:
            assert shared.state(run_id).run_id == run_id
            continue
        for read in (shared.state, shared.plan):
            with pytest.raises(LinkEnded, match="has expired: ask whoever sent it"):
                read(run_id)
        assert (shared.list_runs(), shared.versions([run_id])) == ((), {})
    assert SharedRun.of_secret(settings, bob.share(run_id), lambda: 1e12).state(run_id).run_id == run_id, "for ever"


def test_a_link_is_revoked_by_the_beginning_of_its_id_and_others_stay(settings: Settings, bob: RunStore, run_id: str) -> None:
    first, second = (SharedRun.of_secret(settings, bob.share(run_id)) for _ in range(2))
    assert bob.revoke(first.link_id[:8]).run_id == run_id
    with pytest.raises(LinkEnded, match="was revoked"):
        first.state(run_id)
    assert second.state(run_id).run_id == run_id
    revoked = next(link.revoked for link in bob.links(run_id) if link.link_id == first.link_id)
    bob.revoke(first.link_id)
    assert next(link.revoked for link in bob.links(run_id) if link.link_id == first.link_id) == revoked, "once is enough"
    for text in ("", "zz", "%"):
        with pytest.raises(RequestError, match="runs links"):
            bob.revoke(text)


def test_links_go_with_their_run(settings: Settings, bob: RunStore, run_id: str) -> None:
    secret = bob.share(run_id)
    bob.delete(run_id)
    with pytest.raises(LinkEnded, match="its run was deleted"):
        SharedRun.of_secret(settings, secret).state(run_id)
    with open_database(settings).reading() as connection:
        assert connection.execute(sa.select(metadata.tables["links"])).all() == []


def test_a_link_is_found_by_its_hash_alone() -> None:
    assert link_id_of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
