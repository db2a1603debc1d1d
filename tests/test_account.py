"""Which token a user has at which host, and what he is told before anything is sent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dashboard.account import GIVEN, Account, Standing, account_of
from dashboard.errors import NotAuthorized, TokenExpired
from dashboard.hosts import Host, known_hosts
from dashboard.plan.roles import GALLERY, HUGE, LARGE, PRIVATE
from dashboard.settings import Settings
from tests.runs.sky_dispatcher import plan_of, settings_in
from tests.signed import signed

PRODUCTION = known_hosts()["production"]
ANONYMOUS = Standing()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = settings_in(tmp_path / "data")
    institute = Host("institute", "https://mmoda.example.org", "https://mmoda.example.org/time")
    return replace(settings, hosts={**settings.hosts, "institute": institute})


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A token where MMODA's client looks for it; this machine's own are out of sight."""
    token = signed("general", sub="found")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ODA_TOKEN", token)
    return token


def test_a_single_users_token_is_found_for_the_hosts_it_is_meant_for(settings: Settings, found: str) -> None:
    account = Account(settings)
    standings = {host: account.at(host) for host in (*settings.hosts, "nowhere")}
    assert {host for host, standing in standings.items() if standing.token} == {"production", "staging", "esa"}
    assert standings["production"] == Standing(found, "ODA_TOKEN")
    assert [standings[host] for host in ("simulated", "institute", "nowhere")] == [ANONYMOUS] * 3


def test_an_administrator_says_for_which_hosts_a_token_is_meant(settings: Settings, found: str) -> None:
    changes = {"institute": True, "production": False}
    hosts = {name: replace(host, account_token=changes.get(name, host.account_token)) for name, host in settings.hosts.items()}
    account = Account(replace(settings, hosts=hosts))
    assert (account.at("institute").token, account.at("production").token) == (found, "")


def test_where_users_log_in_nothing_is_looked_for(settings: Settings, found: str) -> None:
    account = Account(replace(settings, single_user=False))
    assert {account.at(host) for host in settings.hosts} == {ANONYMOUS}
    given = signed("general")
    assert account.take("production", given).token == given != found


def test_a_token_that_is_given_goes_before_one_that_is_found_at_its_host(settings: Settings, found: str) -> None:
    account, given = Account(settings), signed(LARGE)
    assert account.take("production", f" {given}\n") == Standing(given, GIVEN)
    assert account.at("production") == Standing(given, GIVEN)
    assert (account.at("staging").token, account.at("simulated").token) == (found, "")


def test_nothing_given_means_to_be_anonymous_whatever_could_be_found(settings: Settings, found: str) -> None:
    account = Account(settings)
    assert account.at("production").token == found
    assert account.take("production", " ") == ANONYMOUS
    assert account.at("production") == ANONYMOUS
    assert account.at("staging").token == found


@pytest.mark.parametrize("text", ["garbage", "a.b.c"])
def test_what_is_no_token_changes_nothing(settings: Settings, found: str, text: str) -> None:
    account, given = Account(settings), signed(LARGE)
    account.take("production", given)
    with pytest.raises(NotAuthorized, match="cannot be read") as caught:
        account.take("production", text)
    assert text not in caught.value.sentence
    assert account.at("production").token == given


def test_a_token_that_is_too_old_is_refused_and_changes_nothing(settings: Settings, found: str) -> None:
    account, old = Account(settings), signed(LARGE, lasts=-60)
    with pytest.raises(TokenExpired, match="has expired") as caught:
        account.take("production", old)
    assert old not in caught.value.sentence
    assert account.at("production").token == found


def test_roles_count_while_the_token_is_valid() -> None:
    assert (ANONYMOUS.roles, ANONYMOUS.facts, ANONYMOUS.largest_batch) == ((), None, 50)
    valid, old = Standing(signed("general", LARGE)), Standing(signed("general", LARGE, lasts=-60))
    assert (valid.roles, valid.largest_batch) == (("general", LARGE), 500)
    assert (old.roles, old.largest_batch) == ((), 50)
    assert {right.role for right in valid.rights if right.held} == {LARGE}
    assert not any(right.held for right in old.rights)


def test_without_a_token_the_sentence_names_role_and_s_max() -> None:
    plan = plan_of(60, s_max=60)
    assert ANONYMOUS.missing(plan) == (LARGE,)
    with pytest.raises(NotAuthorized) as caught:
        ANONYMOUS.refuse(plan, PRODUCTION)
    assert caught.value.sentence == (
        f"production would refuse this: without a token you lack the role {LARGE}; set s_max to 50 or give a token that has it."
    )
    ANONYMOUS.refuse(plan_of(60, s_max=50), PRODUCTION)


def test_a_token_without_the_roles_is_told_what_would_help() -> None:
    plan = plan_of(600, s_max=600)
    with pytest.raises(NotAuthorized) as caught:
        Standing(signed("general", LARGE)).refuse(plan, PRODUCTION)
    assert caught.value.sentence == (
        f"production would refuse this: your token lacks the role {HUGE}; set s_max to 500 or give a token that has it."
    )
    with pytest.raises(NotAuthorized, match=f"lacks the roles {HUGE}, {LARGE}; set s_max to 50 or give a token that has them"):
        Standing(signed("general")).refuse(plan, PRODUCTION)
    Standing(signed(LARGE, HUGE)).refuse(plan, PRODUCTION)


def test_smaller_batches_are_advised_only_where_they_help() -> None:
    private, gallery = plan_of(2, integral_data_rights="all-private"), plan_of(2, upload_to_gallery=True)
    for plan, role in ((private, PRIVATE), (gallery, GALLERY)):
        with pytest.raises(NotAuthorized, match=role) as caught:
            Standing(signed("general")).refuse(plan, PRODUCTION)
        assert "s_max" not in caught.value.sentence
        Standing(signed(role)).refuse(plan, PRODUCTION)


def test_a_token_that_has_expired_since_is_not_sent() -> None:
    old = signed(LARGE, lasts=-60)
    for host in (PRODUCTION, replace(PRODUCTION, check_roles=False)):
        with pytest.raises(TokenExpired, match="production has expired") as caught:
            Standing(old).refuse(plan_of(2), host)
        assert old not in caught.value.sentence


def test_a_host_whose_rules_are_its_own_decides_itself() -> None:
    own_rules = replace(PRODUCTION, check_roles=False)
    ANONYMOUS.refuse(plan_of(60, s_max=60), own_rules)
    Standing(signed("general")).refuse(plan_of(60, s_max=60), own_rules)


def test_a_token_is_in_no_repr(settings: Settings, found: str) -> None:
    standing = Standing(found, "ODA_TOKEN")
    account = Account(settings)
    account.take("production", found)
    shown = f"{standing!r} {standing} {account!r} {[account.at('production')]}"
    assert "ODA_TOKEN" in shown
    assert [part for part in found.split(".") if part in shown] == []


def test_an_account_is_one_users_in_one_deployment(settings: Settings, tmp_path: Path) -> None:
    mine = account_of(settings, "ada")
    mine.take("production", signed(LARGE))
    assert account_of(replace(settings), "ada") is mine
    others = (account_of(settings, "bob"), account_of(settings_in(tmp_path / "elsewhere"), "ada"))
    assert [other.at("simulated") for other in others if other is not mine] == [ANONYMOUS] * 2
    assert LARGE not in {role for other in others for role in other.at("production").roles}
