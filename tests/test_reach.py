"""Where the page listens and how browsers find it."""

from __future__ import annotations

import pytest

from dashboard.errors import SettingsError
from dashboard.reach import Reach


def reach(**values: str) -> Reach:
    return Reach.from_environment({f"INTEGRAL_DASHBOARD_{name}": value for name, value in values.items()})


def test_by_default_this_machine_alone() -> None:
    assert reach().options == ("--port", "5006", "--address", "127.0.0.1")


def test_a_proxy_is_told_by_the_environment() -> None:
    found = reach(PORT="8080", LISTEN="0.0.0.0", PREFIX="datalabs/ada/", ORIGINS="datalabs.example.org, lab:8443")
    assert (found.port, found.listen, found.prefix) == (8080, "0.0.0.0", "/datalabs/ada")
    words = " ".join(found.options)
    assert "--prefix /datalabs/ada --use-xheaders" in words
    for origin in ("datalabs.example.org", "lab:8443", "127.0.0.1:8080", "localhost:8080"):
        assert f"--allow-websocket-origin {origin}" in words


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "80a"), ("PORT", "70000"), ("PREFIX", "/a b"), ("PREFIX", "/a?b"), ("ORIGINS", "https://lab/app"), ("ORIGINS", "*")],
)
def test_what_cannot_be_meant_is_said(name: str, value: str) -> None:
    with pytest.raises(SettingsError):
        reach(**{name: value})
