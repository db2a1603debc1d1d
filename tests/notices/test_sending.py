"""Every way that is set up is tried, and what failed is returned and not raised."""

from __future__ import annotations

import pytest

from dashboard.notices import webhook
from dashboard.notices.mail_server import mail_server
from dashboard.notices.sending import send_all
from tests.notices.crab_news import SECRET, crab_news
from tests.notices.http_server import Reply, hook
from tests.notices.smtp_server import Manner, mail_host


@pytest.fixture(autouse=True)
def _short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "PAUSE", 0.01)


def test_both_ways() -> None:
    with hook() as server, mail_host() as host:
        mail = mail_server(f"smtp://127.0.0.1:{host.port}?from=dashboard@example.org")
        assert send_all(server.url, mail, "ada@example.org", crab_news()) == ()
        assert (len(server.documents), len(host.mails)) == (1, 1)


def test_no_way_and_no_recipient() -> None:
    assert send_all("", None, "ada@example.org", crab_news()) == ()
    with mail_host() as host:
        assert send_all("", mail_server(f"smtp://127.0.0.1:{host.port}?from=dashboard@example.org"), "", crab_news()) == ()
        assert host.words == []


def test_a_way_that_fails_keeps_no_other_from_being_tried() -> None:
    with hook(Reply(500)) as server, mail_host(Manner(login=("ada", "another"))) as host:
        good = mail_server(f"smtp://127.0.0.1:{host.port}?from=dashboard@example.org")
        bad = mail_server(f"smtp://ada:{SECRET}@127.0.0.1:{host.port}?from=dashboard@example.org")
        (sentence,) = send_all(f"{server.url}/{SECRET}", good, "ada@example.org", crab_news())
        assert sentence.startswith("The webhook at 127.0.0.1 answered with HTTP status 500")
        assert len(host.mails) == 1
        sentences = send_all(f"{server.url}/{SECRET}", bad, "ada@example.org", crab_news())
    assert [sentence.split(" 127")[0] for sentence in sentences] == ["The webhook at", "The mail server"]
    assert not any(SECRET in sentence for sentence in sentences)


@pytest.mark.parametrize("recipient", ["ada", "ada@example.org\nBcc: eve@example.org"])
def test_nothing_is_raised(recipient: str) -> None:
    sentences = send_all("no address", mail_server("smtp://127.0.0.1:1?from=dashboard@example.org"), recipient, crab_news())
    assert len(sentences) == 2
