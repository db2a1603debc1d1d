"""The address of a mail server is read whole, or refused with what is wrong and without the password."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.errors import SettingsError
from dashboard.notices.mail_server import STARTTLS, TLS, MailServer, is_address, mail_server
from tests.notices.crab_news import SECRET

SENDER = "dashboard@example.org"


@pytest.mark.parametrize(
    ("url", "server"),
    [
        (f"smtp://mail.example.org?from={SENDER}", MailServer("mail.example.org", 25, "", SENDER)),
        (f"SMTPS://Mail.example.org/?from={SENDER}", MailServer("mail.example.org", 465, TLS, SENDER)),
        (f"smtp+starttls://u:p@mail:2525?from={SENDER}", MailServer("mail", 2525, STARTTLS, SENDER, "u", "p")),
        (f"smtps://u%40x:p%2F%3F%23%3A%20@[::1]?from={SENDER}", MailServer("::1", 465, TLS, SENDER, "u@x", "p/?#: ")),
        ("smtp://u:a@b:c@mail?from=a+b%40example.org", MailServer("mail", 25, "", "a+b@example.org", "u", "a@b:c")),
    ],
)
def test_an_address_is_read(url: str, server: MailServer) -> None:
    assert mail_server(url) == server


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("", "must begin with"),
        (f"http://u:{SECRET}@mail?from={SENDER}", "must begin with"),
        (f"u:{SECRET}@mail", "must begin with"),
        (f"smtp:u:{SECRET}@mail", "must begin with"),
        (f"smtp://u:{SECRET}@?from={SENDER}", "names no host"),
        (f"smtp://u:{SECRET}@ma!l?from={SENDER}", "names no host"),
        (f"smtp://u:{SECRET}@mail:99999?from={SENDER}", "no port that can be read"),
        (f"smtp://u:{SECRET}@mail:0?from={SENDER}", "no port that can be read"),
        (f"smtp://u:{SECRET}@[::1?from={SENDER}", "no port that can be read"),
        (f"smtp://u:{SECRET}/x@mail?from={SENDER}", "no port that can be read"),
        (f"smtp://u:{SECRET}#x@mail?from={SENDER}", "no port that can be read"),
        (f"smtp://u:12#{SECRET}@mail?from={SENDER}", "goes on behind the port"),
        (f"smtp://u:12/{SECRET}@mail?from={SENDER}", "goes on behind the port"),
        (f"smtp://u:12?{SECRET}@mail?from={SENDER}", "must end with the sender"),
        (f"smtp://:{SECRET}@mail?from={SENDER}", "without a user name"),
        (f"smtp://u@mail?from={SENDER}", "without a password"),
        (f"smtp://u:{SECRET} @mail?from={SENDER}", "holds a blank"),
        (f"smtp://u:{SECRET}\n@mail?from={SENDER}", "holds a blank"),
        (f"smtp://u:{SECRET}é@mail?from={SENDER}", "holds a blank"),
        (f"smtp://u:{SECRET}%0A@mail?from={SENDER}", "cannot be sent"),
        (f"smtp://u:{SECRET}%C3%A9@mail?from={SENDER}", "cannot be sent"),
        (f"smtp://u:{SECRET}@mail", "must end with the sender"),
        (f"smtp://u:{SECRET}@mail?sender={SENDER}", "must end with the sender"),
        (f"smtp://u:{SECRET}@mail?from={SENDER}&tls=no", "no plain mail address"),
        (f"smtp://u:{SECRET}@mail?from={SENDER}%0D%0ABcc:x@y", "no plain mail address"),
        (f"smtp://u:{SECRET}@mail?from=", "no plain mail address"),
    ],
)
def test_what_cannot_be_meant_is_told_without_the_password(url: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told) as caught:
        mail_server(url)
    assert SECRET not in caught.value.sentence
    assert caught.value.__cause__ is caught.value.__context__ is None


@given(st.text(), st.sampled_from(["", "smtp://", "smtps://u:", f"smtp://u:{SECRET}@"]))
def test_any_text_is_read_or_refused(text: str, start: str) -> None:
    try:
        told = repr(mail_server(start + text))
    except SettingsError as error:
        told = error.sentence
    assert SECRET not in told


@pytest.mark.parametrize("text", ["ada@example.org", "a.b+c@mail-1.example.org", "root@localhost", "o'hara@example.org"])
def test_plain_addresses(text: str) -> None:
    assert is_address(text)


NO_ADDRESSES = (
    *("", "ada", "@example.org", "ada@", "ada@@example.org", "a da@example.org", "ada@example.org ", "ada@example.org\n"),
    *("ada\r@example.org", "Ada <ada@example.org>", "ada@example.org,bob@example.org", '"a b"@example.org', "ada@[127.0.0.1]"),
    *("ada@-example.org", ".ada@example.org", "a..b@example.org", "ädä@example.org", "ada@exämple.org", "a\0@example.org"),
    *("a" * 65 + "@example.org", "a@" + "b" * 253),
)


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_everything_else_is_none(text: str) -> None:
    assert not is_address(text)
