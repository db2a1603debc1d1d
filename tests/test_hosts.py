"""What an administrator may say about dispatchers, and what is said back to him when it cannot be meant."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dashboard.errors import SettingsError
from dashboard.hosts import GATEWAY, SIMULATED, Host, known_hosts, read_hosts
from dashboard.settings import SHORTEST_KEY, Settings

INSTITUTE = "https://mmoda.example.org/dispatch-data"
KEY = "0123456789abcdef" * 2


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hosts.toml"


def refusal(path: Path, text: str) -> str:
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        read_hosts(path)
    return caught.value.sentence


def test_a_host_is_added_with_its_timesystem_behind_the_same_door(path: Path) -> None:
    path.write_text(f'[institute]\ndispatcher_url = "{INSTITUTE}/"\njobs_in_flight = 2\npoll_seconds = 10\n')
    added = Host("institute", INSTITUTE, INSTITUTE + GATEWAY, jobs_in_flight=2, poll_seconds=10.0)
    assert dict(read_hosts(path)) == {**known_hosts(), "institute": added}
    assert added.timesystems == (INSTITUTE + GATEWAY,)


def test_a_timesystem_of_its_own_is_kept(path: Path) -> None:
    path.write_text(f'[institute]\ndispatcher_url = "{INSTITUTE}"\ntimesystem_url = "https://time.example.org/"\n')
    assert read_hosts(path)["institute"] == Host("institute", INSTITUTE, "https://time.example.org")


def test_limits_of_a_known_host_change_and_nothing_else(path: Path) -> None:
    path.write_text("[esa]\njobs_in_flight = 1\naccount_token = false\n[simulated]\npause_seconds = 0.5\n")
    known, hosts = known_hosts(), read_hosts(path)
    assert hosts["esa"] == replace(known["esa"], jobs_in_flight=1, account_token=False)
    assert hosts[SIMULATED] == replace(known[SIMULATED], pause_seconds=0.5)
    assert [hosts[name] for name in ("production", "staging")] == [known[name] for name in ("production", "staging")]


def test_a_known_host_that_moves_takes_its_timesystem_along(path: Path) -> None:
    path.write_text(f'[staging]\ndispatcher_url = "{INSTITUTE}"\n')
    assert read_hosts(path)["staging"] == known_hosts()["staging"].at(INSTITUTE)


def test_a_host_is_taken_away(path: Path) -> None:
    path.write_text("[staging]\noffered = false\n")
    assert list(read_hosts(path)) == [name for name in known_hosts() if name != "staging"]


@pytest.mark.parametrize("door", ["http://localhost:8001", "http://127.0.0.1:8001/x", "http://127.9.9.9", "http://[::1]:8001"])
def test_what_does_not_leave_the_machine_needs_no_encryption(path: Path, door: str) -> None:
    path.write_text(f'[institute]\ndispatcher_url = "{door}"\n')
    assert read_hosts(path)["institute"].dispatcher_url == door


@pytest.mark.parametrize("name", ["institute", "esa"])
def test_a_closed_network_is_said_to_be_one(path: Path, name: str) -> None:
    path.write_text(f'[{name}]\ndispatcher_url = "http://mmoda.lan"\nplain_http = true\n')
    host = read_hosts(path)[name]
    assert (host.dispatcher_url, host.timesystem_url) == ("http://mmoda.lan", "http://mmoda.lan" + GATEWAY)


@pytest.mark.parametrize(
    ("name", "key", "value", "said"),
    [
        ("production", "jobs", "2", "unknown key"),
        ("production", "name", '"geneva"', "unknown key"),
        ("production", "jobs_in_flight", '"2"', "a whole number, not '2'"),
        ("production", "jobs_in_flight", "2.0", "a whole number, not 2.0"),
        ("production", "jobs_in_flight", "true", "a whole number, not True"),
        ("production", "poll_seconds", "true", "a number, not True"),
        ("production", "poll_seconds", "[1.0]", "a number"),
        ("production", "note", "3", "a text, not 3"),
        ("production", "dispatcher_url", "false", "a text, not False"),
        ("production", "check_roles", '"no"', "true or false, not 'no'"),
        ("production", "offered", "0", "true or false, not 0"),
        ("production", "plain_http", '"yes"', "true or false, not 'yes'"),
        ("production", "jobs_in_flight", "0", "above 0"),
        ("production", "jobs_in_flight", "-1", "above 0"),
        ("production", "jobs_in_flight", "10000000", "below ten million"),
        ("production", "request_seconds", "-0.5", "above 0"),
        ("production", "job_seconds", "1e300", "below ten million"),
        ("production", "pause_seconds", "inf", "below ten million"),
        ("production", "pause_seconds", "nan", "above 0"),
        ("institute", "dispatcher_url", '""', "no dispatcher_url"),
        ("institute", "dispatcher_url", '"mmoda.example.org"', "no plain address"),
        ("institute", "dispatcher_url", '"ftp://mmoda.example.org"', "no plain address"),
        ("institute", "dispatcher_url", '"https:///path"', "no plain address"),
        ("institute", "dispatcher_url", '"https://mmoda.example.org:99999"', "no plain address"),
        ("institute", "dispatcher_url", '"https://[mmoda"', "no plain address"),
        ("institute", "dispatcher_url", '"https://mmoda.example.org/dispatch data"', "no plain address"),
        ("institute", "dispatcher_url", '"https://mmoda.example.org/a\\n"', "no plain address"),
        ("institute", "dispatcher_url", '"https://mmoda.example.org/?token=1"', "no plain address"),
        ("institute", "dispatcher_url", '"https://mmoda.example.org/#part"', "no plain address"),
        ("institute", "dispatcher_url", '"http://mmoda.example.org"', "plain_http = true"),
        ("institute", "dispatcher_url", '"http://127.0.0.1.example.org"', "plain_http = true"),
        ("production", "dispatcher_url", '"http://www.astro.unige.ch/mmoda/dispatch-data"', "plain_http = true"),
        ("production", "timesystem_fallback", '"http://time.example.org"', "plain_http = true"),
        ("production", "timesystem_url", '""', "no plain address"),
        ("esa", "dispatcher_url", '"http://another.lan"', "plain_http = true"),
        ("esa", "timesystem_url", '"http://another.lan"', "plain_http = true"),
    ],
)
def test_a_mistake_is_told_with_file_host_and_key(path: Path, name: str, key: str, value: str, said: str) -> None:
    sentence = refusal(path, f"[{name}]\n{key} = {value}\n")
    assert [part for part in (said, str(path), repr(name), key) if part not in sentence] == []


def test_an_unknown_key_is_told_the_known_ones(path: Path) -> None:
    sentence = refusal(path, "[production]\njobs = 2\n")
    assert [key for key in ("dispatcher_url", "jobs_in_flight", "longest_pause_seconds", "plain_http") if key not in sentence] == []


@pytest.mark.parametrize("key", ["note", "timesystem_url"])
def test_a_new_host_needs_an_address(path: Path, key: str) -> None:
    sentence = refusal(path, f'[institute]\n{key} = "{INSTITUTE}"\n')
    assert ("no dispatcher_url" in sentence, "'institute'" in sentence) == (True, True)


@pytest.mark.parametrize("key", ["dispatcher_url", "timesystem_url", "timesystem_fallback"])
def test_the_simulated_host_gets_no_address_here(path: Path, key: str) -> None:
    sentence = refusal(path, f'[{SIMULATED}]\n{key} = "{INSTITUTE}"\n')
    assert ("INTEGRAL_DASHBOARD_SIMULATED_URL" in sentence, repr(SIMULATED) in sentence) == (True, True)


@pytest.mark.parametrize("address", ["ada:s3cret@example.org", ":s3cret@example.org", "ada@example.org", "example.org/?token=s3cret"])
def test_an_address_with_a_secret_is_refused_without_repeating_it(path: Path, address: str) -> None:
    sentence = refusal(path, f'[institute]\ndispatcher_url = "https://{address}"\n')
    assert ("no plain address" in sentence, "institute" in sentence, "dispatcher_url" in sentence) == (True, True, True)
    assert "s3cret" not in sentence


@pytest.mark.parametrize("name", ["Institute", "1st", "our_host", "in st", "é", "", "a" * 32])
def test_a_name_is_one_that_fits_everywhere(path: Path, name: str) -> None:
    sentence = refusal(path, f'["{name}"]\ndispatcher_url = "{INSTITUTE}"\n')
    assert repr(name) in sentence
    assert "lower-case" in sentence


@pytest.mark.parametrize("text", ["production = 4", 'production = "off"', "[[production]]\njobs_in_flight = 4"])
def test_what_is_no_table_is_named(path: Path, text: str) -> None:
    sentence = refusal(path, text)
    assert "'production' outside a table" in sentence


def test_a_file_that_is_no_toml_or_is_not_there_or_leaves_nothing_is_named(path: Path, tmp_path: Path) -> None:
    assert "is no TOML" in refusal(path, "[production\n")
    assert "no host to ask" in refusal(path, "".join(f"[{name}]\noffered = false\n" for name in known_hosts()))
    path.write_bytes(b"[production]\nnote = '\xff'\n")
    for unreadable in (path, tmp_path, tmp_path / "absent.toml"):
        with pytest.raises(SettingsError, match="cannot be read") as caught:
            read_hosts(unreadable)
        assert str(unreadable) in caught.value.sentence


def test_the_environment_names_the_file(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text("[staging]\noffered = false\n")
    monkeypatch.chdir(tmp_path)
    settings = Settings.from_environment({"INTEGRAL_DASHBOARD_HOSTS": " hosts.toml "})
    assert "staging" not in settings.hosts
    assert settings.hosts_file == str(path), "a child process started elsewhere finds it too"
    assert Settings.from_environment({}).hosts == known_hosts()


@pytest.mark.parametrize(("users", "single"), [("", True), ("single", True), (" login ", False)])
def test_who_the_users_are(users: str, single: bool) -> None:
    assert Settings.from_environment({"INTEGRAL_DASHBOARD_USERS": users}).single_user is single


@pytest.mark.parametrize("users", ["Login", "many", "0", "single,login"])
def test_other_users_are_refused(users: str) -> None:
    with pytest.raises(SettingsError, match="INTEGRAL_DASHBOARD_USERS") as caught:
        Settings.from_environment({"INTEGRAL_DASHBOARD_USERS": users})
    assert users in caught.value.sentence


@pytest.mark.parametrize(
    ("users", "links", "opened"),
    [("", "", True), ("single", "login", True), ("login", "", False), ("login", "login", False), ("login", " open ", True)],
)
def test_who_may_open_a_link(users: str, links: str, opened: bool) -> None:
    """Without logins there is nobody to ask for one."""
    read = Settings.from_environment({"INTEGRAL_DASHBOARD_USERS": users, "INTEGRAL_DASHBOARD_LINKS": links})
    assert read.links_open is opened


def test_links_for_others_are_refused() -> None:
    with pytest.raises(SettingsError, match="INTEGRAL_DASHBOARD_LINKS is 'all': it must be open or login"):
        Settings.from_environment({"INTEGRAL_DASHBOARD_LINKS": "all"})


def test_a_key_that_protects_nothing_is_refused_and_never_shown() -> None:
    short = KEY[: SHORTEST_KEY - 1]
    with pytest.raises(SettingsError, match="INTEGRAL_DASHBOARD_KEY") as caught:
        Settings.from_environment({"INTEGRAL_DASHBOARD_KEY": f"{short}  "})
    assert short not in caught.value.sentence
    settings = Settings.from_environment({"INTEGRAL_DASHBOARD_KEY": f"{KEY}\n"})
    assert settings.key == KEY
    assert KEY not in repr(settings)
