"""A single user's token is the one that MMODA's own client would take."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from oda_api.token import discover_token

from dashboard.dispatcher.discovery import discover
from tests.signed import signed

PLACES = ("ODA_TOKEN", ".oda-token in this folder", ".oda-token in your home", ".oda_api_context in this folder")
Texts = tuple[str, str, str, str]
KINDS: dict[str, Callable[[int], str]] = {
    "nothing": lambda _: "",
    "valid": lambda place: signed(sub=f"user{place}"),
    "expired": lambda place: signed(sub=f"user{place}", lasts=-60),
    "garbage": lambda place: f"garbage{place}.x.y",
}


@dataclass
class Machine:
    """A process in a folder, with a home and an environment."""

    here: Path
    home: Path
    monkeypatch: pytest.MonkeyPatch

    def hold(self, variable: str, here: str, home: str, context: str) -> None:
        """Put these texts into the four places; "" leaves a place as if nobody had ever been there."""
        if variable:
            self.monkeypatch.setenv("ODA_TOKEN", variable)
        else:
            self.monkeypatch.delenv("ODA_TOKEN", raising=False)
        files = {
            self.here / ".oda-token": here and f"{here}\n",
            self.home / ".oda-token": home and f"{home}\n",
            self.here / ".oda_api_context": context and json.dumps({"token": context}),
        }
        for path, text in files.items():
            if text:
                path.write_text(text)
            else:
                path.unlink(missing_ok=True)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    here, home = tmp_path / "here", tmp_path / "home"
    here.mkdir()
    home.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("HOME", str(home))
    return Machine(here, home, monkeypatch)


def texts(kinds: tuple[str, ...]) -> Texts:
    variable, here, home, context = (KINDS[kind](place) for place, kind in enumerate(kinds))
    return variable, here, home, context


@pytest.mark.parametrize("holding", list(itertools.product(["nothing", "valid"], repeat=4)))
def test_of_valid_tokens_the_first_place_counts_as_it_does_for_mmodas_client(machine: Machine, holding: tuple[str, ...]) -> None:
    held = texts(holding)
    machine.hold(*held)
    expected = next(((text, place) for text, place in zip(held, PLACES, strict=True) if text), ("", ""))
    assert discover() == expected
    assert (discover_token() or "") == expected[0]


def test_expired_and_garbled_tokens_are_passed_over_as_mmodas_client_does(machine: Machine) -> None:
    for holding in itertools.product(KINDS, repeat=4):
        held = texts(holding)
        machine.hold(*held)
        found = [(text, place) for text, place, kind in zip(held, PLACES, holding, strict=True) if kind == "valid"]
        assert discover() == (found[0] if found else ("", "")), holding
        assert (discover_token() or "") == discover()[0], holding


@pytest.mark.parametrize("context", ["", "no json", "[]", "3", '{"token": null}', '{"token": 5}', '{"token": ["x"]}', "\x00"])
def test_a_context_that_holds_no_token_holds_none(machine: Machine, context: str) -> None:
    machine.hold("", "", "", "")
    (machine.here / ".oda_api_context").write_text(context)
    assert discover() == ("", "")


def test_a_file_that_cannot_be_read_as_text_is_passed_over(machine: Machine) -> None:
    valid = signed()
    machine.hold("", "", valid, "")
    (machine.here / ".oda-token").write_bytes(b"\xff\xfe")
    assert discover() == (valid, PLACES[2])
    (machine.here / ".oda-token").unlink()
    (machine.here / ".oda-token").mkdir()
    assert discover() == (valid, PLACES[2])


@pytest.mark.parametrize("roles", [5, True, {"a": 1}, [1, None]])
def test_a_token_with_strange_roles_breaks_nothing(machine: Machine, roles: object) -> None:
    valid = signed()
    machine.hold(signed(roles=roles), valid, "", "")
    assert discover()[1] in PLACES[:2]


def test_without_a_home_the_other_places_count(machine: Machine) -> None:
    valid = signed()
    machine.hold("", "", signed(), valid)
    machine.monkeypatch.delenv("HOME")
    assert discover() == (valid, PLACES[3])


def test_environment_and_folder_may_be_given(machine: Machine, tmp_path: Path) -> None:
    machine.hold(signed(), signed(), signed(), signed())
    assert discover({}, tmp_path) == ("", "")
    other = signed(sub="another", exp=time.time() + 60)
    assert discover({"ODA_TOKEN": f" {other}\n"}, tmp_path) == (other, PLACES[0])
