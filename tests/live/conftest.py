"""The hosts the contract is checked against: the simulated one always, real services with `--live` alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dashboard.dispatcher.discovery import discover
from dashboard.dispatcher.health import check_host
from dashboard.dispatcher.token import MASK
from dashboard.hosts import SIMULATED, Host, known_hosts
from tests.conftest import running_observatory
from tests.observatory.conftest import token as signed

LOOK_UP_SECONDS = 20.0
REAL = ("production", "staging", "esa")


class Secret(str):
    """A token that a failing test does not print."""

    __slots__ = ()

    def __repr__(self) -> str:
        return MASK


def live(name: str) -> object:
    """A parameter of `host` that stands for a real service."""
    return pytest.param(name, marks=pytest.mark.live)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--live", action="store_true", help="ask the real services too (needs network)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Whatever -m chooses, real services are left alone unless they are asked for by `--live`."""
    if config.getoption("--live", default=False):
        return
    left_alone = [item for item in items if item.get_closest_marker("live")]
    if left_alone:
        config.hook.pytest_deselected(items=left_alone)
        items[:] = [item for item in items if not item.get_closest_marker("live")]


@pytest.fixture(scope="session", params=[SIMULATED, *map(live, REAL)])
def host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """One after the other; those whose name this network does not know are skipped."""
    known = known_hosts()[request.param]
    if known.simulated:
        with running_observatory(tmp_path_factory.mktemp("observatory")) as observatory:
            yield known.at(observatory.url)
        return
    health = check_host(known, seconds=LOOK_UP_SECONDS, version=False)
    if not health.resolves:
        pytest.skip(health.detail)
    yield known


@pytest.fixture
def token(host: Host) -> Secret:
    """A token that is meant for the host; the simulated one takes what is signed with its well-known secret."""
    if host.simulated:
        return Secret(signed())
    found = discover()[0] if host.account_token else ""
    if not found:
        pytest.skip(f"no token for {host.name}: set ODA_TOKEN")
    return Secret(found)
