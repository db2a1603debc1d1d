"""A mail server on 127.0.0.1 that keeps what it is handed, in the clear or over TLS, and fails where it is told to."""

from __future__ import annotations

import base64
import contextlib
import socketserver
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.notices.http_server import trickle


@dataclass(frozen=True)
class Mail:
    sender: str
    recipients: tuple[str, ...]
    content: bytes
    user: str
    encrypted: bool


@dataclass
class MailHost:
    port: int
    mails: list[Mail] = field(default_factory=list)
    words: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Manner:
    """How the server behaves.

    Attributes
    ----------
    login
        User name and password; "" when nobody is asked.
    certificate
        File of certificate and key: with it TLS from the first byte (`wrapped`), or STARTTLS.
    replies
        What is answered to a word, instead of the usual.
    hang, trickle
        The word at which it falls silent, or answers without end; "GREETING" is one.
    """

    login: tuple[str, str] = ("", "")
    certificate: Path | None = None
    wrapped: bool = False
    replies: Mapping[str, str] = field(default_factory=dict)
    hang: str = ""
    trickle: str = ""


@contextmanager
def mail_host(manner: Manner | None = None) -> Iterator[MailHost]:
    """One server, until the block ends."""
    how, ended = manner or Manner(), threading.Event()

    class Handler(socketserver.StreamRequestHandler):
        user, sender, encrypted = "", "", False

        def handle(self) -> None:
            with contextlib.suppress(OSError, EOFError):
                if how.wrapped:
                    self.encrypt()
                self.recipients: list[str] = []
                self.answer("GREETING", "220 mail.example.invalid ESMTP")
                while self.one():
                    pass

        def one(self) -> bool:
            line = self.rfile.readline().decode().rstrip("\r\n")
            word = line.partition(" ")[0].upper()
            kept.words.append(word)
            usual = getattr(self, f"do_{word.lower()}", lambda _: "502 unknown")(line) if word else ""
            if usual:
                self.answer(word, usual)
            if word == "STARTTLS":
                self.encrypt()
            return word not in ("", "QUIT")

        def answer(self, word: str, usual: str) -> None:
            if how.hang == word:
                ended.wait(30)
                raise EOFError
            if how.trickle == word:
                trickle(self.wfile, b"250-", ended)
                raise EOFError
            self.wfile.write(f"{how.replies.get(word, usual)}\r\n".encode())

        def encrypt(self) -> None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(str(how.certificate))
            self.connection = context.wrap_socket(self.connection, server_side=True)
            self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
            self.encrypted = True

        def finish(self) -> None:
            for each in (self.wfile, self.rfile, self.connection):
                with contextlib.suppress(OSError):
                    each.close()

        def do_ehlo(self, _: str) -> str:
            offers = ["AUTH PLAIN"] * bool(how.login[0]) + ["STARTTLS"] * bool(how.certificate and not self.encrypted)
            return "\r\n".join([*(f"250-{offer}" for offer in ["mail.example.invalid", *offers]), "250 SIZE 1000000"])

        def do_starttls(self, _: str) -> str:
            return "220 go on"

        def do_auth(self, line: str) -> str:
            _, user, password = base64.b64decode(line.split()[2]).decode().split("\0")
            if (user, password) != how.login:
                return f"535 wrong password {password}"
            self.user = user
            return "235 welcome"

        def do_mail(self, line: str) -> str:
            self.sender = line.partition("<")[2].partition(">")[0]
            return "250 ok"

        def do_rcpt(self, line: str) -> str:
            self.recipients.append(line.partition("<")[2].partition(">")[0])
            return "250 ok"

        def do_data(self, _: str) -> str:
            self.answer("DATA", "354 go on")
            if "DATA" in how.replies:
                return ""
            lines = []
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                lines.append(line[1:] if line.startswith(b".") else line)
            kept.mails.append(Mail(self.sender, tuple(self.recipients), b"".join(lines), self.user, self.encrypted))
            self.answer("END", "250 taken")
            return ""

        def do_rset(self, _: str) -> str:
            return "250 ok"

        def do_quit(self, _: str) -> str:
            return "221 bye"

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    kept = MailHost(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        ended.set()
        server.shutdown()
        server.server_close()
        thread.join()
