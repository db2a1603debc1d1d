"""A mail arrives whole and with the headers it was given alone; its server may hang, refuse or lie about anything."""

from __future__ import annotations

import socket
import time
from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.errors import NoticeFailed
from dashboard.notices.mail import send, written
from dashboard.notices.mail_server import STARTTLS, TLS, MailServer
from tests.notices.crab_news import SECRET, crab_news
from tests.notices.smtp_server import MailHost, Manner, mail_host
from tests.notices.test_webhook import no_thread_is_left
from tests.waiting import wait_until

ADA = "ada@example.org"
HEADERS = {"from", "to", "subject", "date", "message-id", "auto-submitted", "mime-version", "content-type", "content-transfer-encoding"}


def server_of(host: MailHost, security: str = "", user: str = "", password: str = "") -> MailServer:
    return MailServer("127.0.0.1", host.port, security, "dashboard@example.org", user, password)


def read(content: bytes) -> EmailMessage:
    message = message_from_bytes(content, policy=default)
    assert isinstance(message, EmailMessage)
    return message


def failure(server: MailServer, recipient: str = ADA, seconds: float = 30.0) -> str:
    with pytest.raises(NoticeFailed) as caught:
        send(server, crab_news(), recipient, seconds)
    assert SECRET not in caught.value.sentence
    assert caught.value.__cause__ is caught.value.__context__ is None
    return caught.value.sentence


def test_a_mail_arrives() -> None:
    news = crab_news(name="Crab 蟹", reason=f".\n{'long ' * 300}")
    with mail_host() as host:
        send(server_of(host), news, ADA)
        wait_until(lambda: host.words[-1] in ("QUIT", ""), "no farewell")
    (mail,) = host.mails
    assert (mail.sender, mail.recipients, mail.user, mail.encrypted) == ("dashboard@example.org", (ADA,), "", False)
    assert mail.content.isascii()
    message = read(mail.content)
    assert message["Subject"] == news.subject
    assert message["From"] == "INTEGRAL dashboard <dashboard@example.org>"
    assert message["To"] == ADA
    assert message["Message-ID"].endswith("@example.org>")
    assert message.get_content().replace("\r\n", "\n") == news.text


def test_a_log_in_is_made() -> None:
    with mail_host(Manner(login=("ada", SECRET))) as host:
        send(server_of(host, user="ada", password=SECRET), crab_news(), ADA)
        assert [mail.user for mail in host.mails] == ["ada"]


@pytest.mark.parametrize("security", [TLS, STARTTLS])
def test_tls_is_spoken_with_servers_that_are_trusted(security: str, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with mail_host(Manner(("ada", SECRET), certificate, security == TLS)) as host:
        server = server_of(host, security, "ada", SECRET)
        assert "certificate that this machine does not trust" in failure(server)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        send(server, crab_news(), ADA)
        assert "certificate" in failure(replace(server, host="localhost"))
    assert [(mail.user, mail.encrypted) for mail in host.mails] == [("ada", True)]
    assert "AUTH" not in host.words[: host.words.index("STARTTLS")] if security == STARTTLS else True


def test_no_password_is_sent_where_tls_was_asked_and_is_not_offered() -> None:
    with mail_host(Manner(login=("ada", SECRET))) as host:
        assert "does not offer" in failure(server_of(host, STARTTLS, "ada", SECRET))
        assert "AUTH" not in host.words
    with mail_host() as host:
        assert "does not offer" in failure(server_of(host, user="ada", password=SECRET))


@pytest.mark.parametrize(
    ("word", "reply", "told"),
    [
        ("GREETING", "554 go away", "refuses the mail (554)"),
        ("AUTH", f"535 {SECRET} is wrong", "refuses user name and password (535)"),
        ("AUTH", f"334 {SECRET}", "cannot be reached, or breaks off"),
        ("MAIL", f"530 not you, {SECRET}", "refuses the sender (530)"),
        ("RCPT", f"550 nobody, {SECRET}", "refuses the recipient (550)"),
        ("DATA", f"451 later, {SECRET}", "refuses the mail (451)"),
        ("END", f"552 too long, {SECRET}", "refuses the mail (552)"),
        ("MAIL", "x" * 10_000, "refuses the mail (500)"),
        ("GREETING", "HTTP/1.1 400 Bad Request", "does not speak as a mail server does"),
    ],
)
def test_refusals_are_sentences_without_what_the_server_says(word: str, reply: str, told: str) -> None:
    with mail_host(Manner(("ada", SECRET), replies={word: reply})) as host:
        assert told in failure(server_of(host, user="ada", password=SECRET))


@pytest.mark.parametrize("word", ["GREETING", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "END"])
@pytest.mark.parametrize("how", ["hang", "trickle"])
def test_a_server_that_hangs_is_left_at_the_deadline(word: str, how: str) -> None:
    manner = Manner(("ada", SECRET), hang=word * (how == "hang"), trickle=word * (how == "trickle"))
    with mail_host(manner) as host:
        started = time.monotonic()
        assert "did not take the mail within 0.4 s" in failure(server_of(host, user="ada", password=SECRET), seconds=0.4)
        assert time.monotonic() - started < 2
        wait_until(no_thread_is_left, "the mail goes on behind the deadline", 5)


def test_a_server_that_never_speaks_tls_is_left_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = MailServer("127.0.0.1", silent.getsockname()[1], TLS, "dashboard@example.org")
        started = time.monotonic()
        assert "within 0.4 s" in failure(server, seconds=0.4)
        assert time.monotonic() - started < 2
        wait_until(no_thread_is_left, "the mail goes on behind the deadline", 5)


def test_a_farewell_is_not_waited_for() -> None:
    with mail_host(Manner(hang="QUIT")) as host:
        started = time.monotonic()
        send(server_of(host), crab_news(), ADA)
        assert time.monotonic() - started < 5
        assert len(host.mails) == 1


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert "127.0.0.1 cannot be reached" in failure(MailServer("127.0.0.1", port, "", "dashboard@example.org", "ada", SECRET))
    assert "mail.invalid cannot be reached" in failure(MailServer("mail.invalid", 25, "", "dashboard@example.org"))


@pytest.mark.parametrize(
    "recipient", ["", "ada", f"{ADA}\r\nBcc: eve@example.org", f"{ADA}, eve@example.org", f"{ADA}>\r\nDATA", f"<{ADA}>"]
)
def test_recipients_carry_nothing_else(recipient: str) -> None:
    with mail_host() as host:
        assert "no plain mail address" in failure(server_of(host), recipient)
        assert host.words == []


@pytest.mark.parametrize(
    "name", ["Crab\r\nBcc: eve@example.org", "=?utf-8?q?Crab=0D=0ABcc:_eve@example.org?=", "Crab\r\n.\r\nMAIL FROM:<eve@example.org>"]
)
def test_names_carry_no_headers_and_no_commands(name: str) -> None:
    with mail_host() as host:
        send(server_of(host), crab_news(name=name, reason=name, state=name, address=name), ADA)
        wait_until(lambda: host.words[-1] in ("QUIT", ""), "no farewell")
    (mail,) = host.mails
    assert mail.recipients == (ADA,)
    assert host.words.count("MAIL") == host.words.count("RCPT") == 1
    assert {header.lower() for header in read(mail.content)} == HEADERS


@given(
    st.text(st.characters(), max_size=300), st.lists(st.sampled_from(["=?utf-8?q?", "=0A", "?=", "=?", " ", "Bcc:", "=?utf-8?b?Cg==?="]))
)
def test_a_mail_has_the_same_headers_whatever_a_run_is_called(name: str, parts: list[str]) -> None:
    news = crab_news(name=name + "".join(parts), reason="".join(parts) + name)
    content = written(MailServer("mail", 25, "", "dashboard@example.org"), news, ADA).as_bytes()
    message = read(content)
    assert content.isascii()
    assert [header.lower() for header in message] == [header.lower() for header in dict.fromkeys(message)]
    assert {header.lower() for header in message} == HEADERS
    assert message["To"] == ADA
    assert message.get_content().replace("\r\n", "\n") == news.text
