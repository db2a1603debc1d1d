"""A process has one thing for each deployment, whoever asks first."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from dashboard.one_each import OneEach
from dashboard.settings import Settings
from tests.runs.sky_dispatcher import settings_in


def test_a_deployment_has_one_and_another_has_its_own(tmp_path: Path) -> None:
    shared: OneEach[list[Settings]] = OneEach(lambda settings: [settings])
    one = settings_in(tmp_path)
    first = shared(one)
    assert first == [one]
    assert shared(replace(one, quota_bytes=1.0)) is first, "what it may take does not make it another"
    others = (
        settings_in(tmp_path / "other"),
        replace(one, database_url="sqlite:///elsewhere"),
        replace(one, storage_url="memory://elsewhere"),
        replace(one, hosts_file="/etc/hosts.toml"),
    )
    assert len({id(first), *(id(shared(other)) for other in others)}) == 5
    assert OneEach(lambda settings: [settings])(one) is not first


def test_several_threads_get_the_same(tmp_path: Path) -> None:
    made: list[object] = []
    together = threading.Barrier(4)

    def make(_: Settings) -> object:
        made.append(object())
        return made[-1]

    shared: OneEach[object] = OneEach(make)

    def ask(_: int) -> object:
        together.wait()
        return shared(settings_in(tmp_path))

    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(ask, range(4))) == set(made)
    assert len(made) == 1


def test_what_could_not_be_made_is_made_at_the_next_try(tmp_path: Path) -> None:
    tries = iter([ValueError("no disk"), "made"])

    def make(_: Settings) -> object:
        tried = next(tries)
        if isinstance(tried, ValueError):
            raise tried
        return tried

    shared: OneEach[object] = OneEach(make)
    with pytest.raises(ValueError, match="no disk"):
        shared(settings_in(tmp_path))
    assert shared(settings_in(tmp_path)) == "made"
