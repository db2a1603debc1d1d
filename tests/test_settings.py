"""What a deployment sets: declared once, documented, read, and refused with a sentence where it cannot be meant."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dashboard.__main__ import main
from dashboard.commands.exit_codes import BROKEN, OK
from dashboard.errors import SettingsError
from dashboard.runs.beginning import mistakes, settings_to_begin_with
from dashboard.runs.process import SECRETS
from dashboard.settings import Settings
from dashboard.variables import PREFIX, VARIABLES, given

ROOT = Path(__file__).resolve().parents[1]
LONG = "a secret of at least thirty-two characters"
MEANT = {
    "DATA": "/srv/integral",
    "DATABASE": "postgresql://ada:of-ada@db.example.org:5432/runs",
    "STORAGE": "s3://products/dashboard",
    "WORKERS": "0",
    "CATALOG_HOSTS": "www.example.org",
    "USERS": "login",
    "ADMINS": "ada, grace",
    "KEY": LONG,
    "QUOTA_GB": "2.5",
    "KEEP_DAYS": "90",
    "KEEP_GB": "500",
    "WEBHOOK": "https://hooks.example.org/a-secret-path",
    "MAIL": "smtp://mail.example.org?from=dashboard@example.org",
    "ADDRESS": "https://integral.example.org/",
    "LOG": "json",
    "METRICS_TOKEN": "sixteen-characters",
    "FRAME_ANCESTORS": "self, https://hub.example.org",
    "SIMULATED_URL": "http://127.0.0.1:8080",
    "WORKSPACE": "/srv/workspace",
}
"""Of each variable a value that is no default; the others need a file or company."""
WRONG = [
    ("DATABASE", "mysql://ada:hidden-word@db/runs", "must be postgresql://"),
    ("DATABASE", "db.example.org", "must be postgresql://"),
    ("DATABASE", "postgresql://ada:hidden/word@db/runs", "percent-encoded"),
    ("DATABASE", "postgresql://ada:hidden#word@db/runs", "percent-encoded"),
    ("STORAGE", "s4://products", "begins with s4://, for which nothing is installed"),
    ("WORKERS", "65", "whole number from 0 to 64"),
    ("WORKERS", "2", "on SQLite there is exactly one"),
    ("HOSTS", "/nowhere/hosts.toml", "which cannot be read"),
    ("USERS", "everybody", "must be single, login or header"),
    ("LINKS", "closed", "must be open or login"),
    ("KEY", "hidden-word", "too short"),
    ("QUOTA_GB", "much", "number of gigabytes above 0"),
    ("KEEP_DAYS", "-1", "number of days above 0"),
    ("KEEP_GB", "nan", "number of gigabytes above 0"),
    ("WEBHOOK", "hooks.example.org/hidden-word", "must begin with http:// or https://"),
    ("WEBHOOK", "https://hooks.example.org:port/hidden-word", "must begin with http:// or https://"),
    ("MAIL", "imap://ada:hidden-word@mail.example.org", "smtp"),
    ("ADDRESS", "integral.example.org", "must begin with http:// or https://"),
    ("ADDRESS", "https:///runs", "must begin with http:// or https://"),
    ("LOG", "xml", "must be text or json"),
    ("METRICS_TOKEN", "hidden-word", "too short"),
    ("SIMULATED_URL", "127.0.0.1:8080", "must begin with http:// or https://"),
]


def environment(tmp_path: Path, **values: str) -> dict[str, str]:
    return {f"{PREFIX}DATA": str(tmp_path / "data"), **{PREFIX + word: value for word, value in values.items()}}


def test_the_documentation_has_the_variables_as_they_are_declared() -> None:
    rows = re.findall(r"^\| `(INTEGRAL_DASHBOARD_\w+)`(?:, or `(\w+)`)? \| (.*) \| (.*) \|$", (ROOT / "docs/settings.md").read_text(), re.M)
    assert rows == [(variable.name, variable.also, variable.meaning, variable.default) for variable in VARIABLES]


def test_no_variable_is_spoken_of_that_is_not_declared() -> None:
    known = {name for variable in VARIABLES for name in variable.names}
    places = [*(path for folder in ("dashboard", "components", "deploy") for path in (ROOT / folder).rglob("*")), *ROOT.glob("docs/*.md")]
    files = [path for path in (*places, ROOT / "Dockerfile", ROOT / "README.md") if path.is_file() and "__pycache__" not in path.parts]
    spoken = {(name, path.name) for path in files for name in re.findall(rf"\b{PREFIX}[A-Z_]*[A-Z]\b", path.read_text())}
    invented = {f"{PREFIX}USER"}  # mistyped, in an example
    assert {(name, where) for name, where in spoken if name not in known | invented} == set()


@pytest.mark.parametrize("variable", [variable for variable in VARIABLES if variable.word in MEANT], ids=lambda variable: variable.word)
def test_each_is_read_under_all_its_names(tmp_path: Path, variable: object) -> None:
    assert isinstance(variable, type(VARIABLES[0]))
    without, value = Settings.from_environment({"HOME": "/home/ada"}), MEANT[variable.word]
    read = Settings.from_environment({"HOME": "/home/ada", variable.name: value})
    assert read != without
    (tmp_path / "value").write_text(f"{value}\n")
    for name in variable.names[1:]:
        given_there = str(tmp_path / "value") if name.endswith("_FILE") else value
        assert Settings.from_environment({"HOME": "/home/ada", name: given_there}) == read, name


def test_those_that_need_others_are_read(tmp_path: Path) -> None:
    of_the_server = {"PORT", "LISTEN", "PREFIX", "ORIGINS"}  # see tests/test_reach.py
    assert {variable.word for variable in VARIABLES} - set(MEANT) == {"HOSTS", "LINKS", "USER_HEADER", "PROXIES", *of_the_server}
    header = Settings.from_environment(environment(tmp_path, USERS="header", USER_HEADER="X-Remote-User", PROXIES="192.0.2.7"))
    assert (header.user_header, [str(network) for network in header.proxies]) == ("X-Remote-User", ["192.0.2.7/32"])
    (tmp_path / "hosts.toml").write_text("[institute]\ndispatcher_url = 'https://mmoda.example.org'\n")
    read = Settings.from_environment(environment(tmp_path, HOSTS=str(tmp_path / "hosts.toml"), USERS="login", LINKS="open"))
    assert "institute" in read.hosts
    assert (read.single_user, read.links_open) == (False, True)


@pytest.mark.parametrize(("word", "value", "told"), WRONG, ids=[f"{word}={value[:12]}" for word, value, _ in WRONG])
def test_what_cannot_be_meant_is_told_when_a_process_begins(tmp_path: Path, word: str, value: str, told: str) -> None:
    env = environment(tmp_path, **{word: value})
    with pytest.raises(SettingsError) as caught:
        settings_to_begin_with(env)
    assert told in caught.value.sentence
    assert len(mistakes(env)) == 1, "once"
    assert word.lower() in caught.value.sentence.lower()
    assert "hidden" not in caught.value.sentence


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    found = mistakes(environment(tmp_path, LOG="xml", QUOTA_GB="much", USERS="all"))
    assert [word for word in ("LOG", "QUOTA_GB", "USERS") if any(word in sentence for sentence in found)] == ["LOG", "QUOTA_GB", "USERS"]
    assert len(found) == 3


def test_a_name_that_is_none_is_told_with_the_one_that_may_be_meant(tmp_path: Path) -> None:
    found = mistakes(environment(tmp_path, USER="login", KEY_FLE="/x", COLOUR_SCHEME="red"))
    assert found == (
        f"{PREFIX}COLOUR_SCHEME is no setting of this program: docs/settings.md has them all.",
        f"{PREFIX}KEY_FLE is no setting of this program: {PREFIX}KEY_FILE may be meant.",
        f"{PREFIX}USER is no setting of this program: {PREFIX}USERS may be meant.",
    )


def test_places_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    assert "cannot be made" in mistakes(environment(tmp_path, DATA=str(tmp_path / "file/data"), STORAGE=str(tmp_path)))[0]
    assert "cannot be written" in mistakes(environment(tmp_path, STORAGE=str(tmp_path / "file/products")))[0]
    env = environment(tmp_path)
    assert mistakes(env) == ()
    (tmp_path / "data/secret.key").chmod(0o644)
    assert "chmod 600" in mistakes(env)[0]


def test_a_secret_may_stand_in_a_file_but_not_in_two_places(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(f"{LONG}\n")
    assert Settings.from_environment(environment(tmp_path, KEY_FILE=str(path))).key == LONG
    with pytest.raises(SettingsError, match="keep one of them"):
        Settings.from_environment(environment(tmp_path, KEY_FILE=str(path), KEY=LONG))
    with pytest.raises(SettingsError, match="cannot be read as text"):
        Settings.from_environment(environment(tmp_path, KEY_FILE=str(tmp_path / "missing")))
    assert f"{PREFIX}KEY_FILE" not in given(environment(tmp_path, KEY_FILE=str(path)))
    assert {f"{PREFIX}KEY", f"{PREFIX}KEY_FILE", f"{PREFIX}MAIL", "DATABASE_URL"} < SECRETS, "which no child gets as they stand"


def test_settings_are_shown_with_their_origin_and_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "key").write_text(LONG)
    env = environment(tmp_path, KEY_FILE=str(tmp_path / "key"), WEBHOOK=MEANT["WEBHOOK"], QUOTA_GB="2.5")
    for name, value in {**env, "DATABASE_URL": MEANT["DATABASE"]}.items():
        monkeypatch.setenv(name, value)
    assert main(["settings"]) == OK
    shown = capsys.readouterr().out
    assert re.search(r"DATABASE +postgresql://ada:\[secret\]@db\.example\.org:5432/runs \(from DATABASE_URL\)\n", shown)
    assert re.search(rf"KEY +\[secret\] \(from {PREFIX}KEY_FILE\)\n", shown)
    assert re.search(r"QUOTA_GB +2\.5\n", shown)
    assert re.search(r"WORKERS +not set: 1\n", shown)
    assert not [secret for secret in ("of-ada", LONG, "a-secret-path") if secret in shown]
    monkeypatch.setenv(f"{PREFIX}LOG", "xml")
    assert main(["settings"]) == BROKEN
    assert "! INTEGRAL_DASHBOARD_LOG is 'xml': it must be text or json." in capsys.readouterr().err


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_no_process_begins_with_a_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    for name, value in environment(tmp_path, USER="login").items():
        monkeypatch.setenv(name, value)
    assert main([command]) == BROKEN
    assert f"{PREFIX}USERS may be meant" in capsys.readouterr().err
