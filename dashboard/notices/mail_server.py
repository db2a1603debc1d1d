"""The mail server of a deployment, written as an address."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from dashboard.errors import SettingsError

TLS, STARTTLS = "tls", "starttls"
KINDS = {"smtp": ("", 25), "smtps": (TLS, 465), "smtp+starttls": (STARTTLS, 587)}
"""Security and port of each scheme."""

_HOST = re.compile(r"[a-z0-9._:-]+", re.ASCII)
_ATOM, _LABEL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+", r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?P<local>{_ATOM}(?:\.{_ATOM})*)@{_LABEL}(?:\.{_LABEL})*", re.ASCII)
LONGEST_ADDRESS, LONGEST_LOCAL = 254, 64


@dataclass(frozen=True, slots=True)
class MailServer:
    """Whom mails are handed to. Build it with `mail_server`.

    Attributes
    ----------
    host, port
        Where it listens.
    security
        "tls" from the first byte, "starttls" after the greeting, "" for none: on this machine or a closed network alone, because
        the password travels in the clear.
    sender
        The address mails come from.
    user, password
        For the log-in, "" when there is none.
    """

    host: str
    port: int
    security: str
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)


def mail_server(url: str) -> MailServer:
    """The server of an address such as smtp+starttls://user:password@mail.example.org:587?from=dashboard@example.org.

    The scheme is smtp, smtps or smtp+starttls; user with password, and the port, may be absent.

    Raises
    ------
    SettingsError
        When it cannot be meant. No part of it is shown: in a mistyped address the password may stand anywhere.
    """
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise _wrong("holds a blank, a control character or a letter beyond ASCII: write such characters of a password percent-encoded")
    if url.partition("://")[0].lower() not in KINDS:
        raise _wrong("must begin with smtp://, smtps:// or smtp+starttls://")
    parts = _parts(url)
    host, port = parts.hostname or "", parts.port
    if not _HOST.fullmatch(host):
        raise _wrong("names no host")
    if parts.path not in ("", "/") or parts.fragment:
        raise _wrong("goes on behind the port, where only ?from= may follow: write / ? # of a password percent-encoded")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if bool(user) != bool(password):
        raise _wrong("has a user name without a password, or a password without a user name")
    if not all(text.isascii() and text.isprintable() for text in (user, password)):
        raise _wrong("has a user name or password with characters that cannot be sent: only printable ASCII can")
    key, _, sender = parts.query.partition("=")
    if key != "from":
        raise _wrong("must end with the sender and nothing else: ?from=dashboard@example.org")
    if not is_address(unquote(sender)):
        raise _wrong("has no plain mail address behind ?from=, such as dashboard@example.org")
    security, usual = KINDS[parts.scheme]
    return MailServer(host, usual if port is None else port, security, unquote(sender), user, password)


def is_address(text: str) -> bool:
    """Whether a text is one plain mail address (the addr-spec of RFC 5322 without quotes and comments) and nothing else."""
    found = _ADDRESS.fullmatch(text)
    return found is not None and len(text) <= LONGEST_ADDRESS and len(found["local"]) <= LONGEST_LOCAL


def _parts(url: str) -> SplitResult:
    """The address taken apart, with a port that can be read."""
    with suppress(ValueError):
        parts = urlsplit(url)
        if parts.port is None or parts.port:
            return parts
    raise _wrong("has no port that can be read: a number to 65535; write / ? # @ : [ ] of a user name or password percent-encoded")


def _wrong(what: str) -> SettingsError:
    return SettingsError(f"The mail server's address {what}. It looks like smtps://user:password@host:port?from=dashboard@example.org.")
