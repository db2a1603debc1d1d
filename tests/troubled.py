"""A server on 127.0.0.1 that answers every question wrongly, in one of the ways that remotes have."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

PAGE = b"<!doctype html><html><body><h1>Maintenance</h1>Please log in.</body></html>"
MEGABYTE = b" " * 1_000_000
MOST_MB = 100

TROUBLES = {
    "silent": "takes the question and says nothing",
    "slow": "sends a byte now and then, without end",
    "empty": "200 and no body",
    "changed": "200 and a well-formed answer of other fields",
    "HTML": "200 and the page of a proxy",
    "redirect": "302 to a page of a log-in",
    "TLS": "a certificate that nobody vouches for",
    "cut": "hangs up before the length it announced",
    "huge": "sends without end, as fast as it can",
}
BOMBS = {"bomb": "200 kB of gzip that unpack to 200 MB", "nested bomb": "the same packed once more, in 1 kB"}


@cache
def bomb(times: int) -> bytes:
    """200 MB of blanks, packed so many times."""
    return gzip.compress(bomb(1)) if times > 1 else gzip.compress(MEGABYTE * 200, 1)


@dataclass
class Troubled:
    """What it was asked (first lines), and the megabytes it could send to one of those who asked."""

    url: str
    asked: list[str] = field(default_factory=list)
    sent_mb: int = 0


@contextmanager
def troubled(how: str, changed: bytes, certificate: Path) -> Iterator[Troubled]:
    """It is in trouble `how`; `changed` is the well-formed answer of other fields."""
    ended = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    server = Troubled(f"http{'s' if how == 'TLS' else ''}://127.0.0.1:{listener.getsockname()[1]}")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)

    def answer(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            if how == "TLS":
                tls.wrap_socket(connection, server_side=True).close()
                return
            first = _question(connection)
            server.asked.append(first)
            if how == "silent":
                ended.wait(30)
            elif how in ("slow", "huge"):
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
                _without_end(connection, how)
            elif how == "redirect" and "/elsewhere" not in first:
                connection.sendall(
                    f"HTTP/1.1 302 Found\r\nLocation: {server.url}/elsewhere\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
                )
            else:
                times = list(BOMBS).index(how) + 1 if how in BOMBS else 0
                body = bomb(times) if times else {"empty": b"", "changed": changed, "cut": changed}.get(how, PAGE)
                length = len(body) + (5000 if how == "cut" else 0)
                packed = f"Content-Encoding: {', '.join(['gzip'] * times)}\r\n" if times else ""
                connection.sendall(f"HTTP/1.1 200 OK\r\n{packed}Content-Length: {length}\r\nConnection: close\r\n\r\n".encode() + body)

    def _without_end(connection: socket.socket, pace: str) -> None:
        mb = 0
        while mb < MOST_MB and not ended.is_set():
            connection.sendall(b" " if pace == "slow" else MEGABYTE)
            if pace == "slow":
                ended.wait(0.02)
            else:
                mb += 1
                server.sent_mb = max(server.sent_mb, mb)

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield server
    finally:
        ended.set()
        listener.close()


def _question(connection: socket.socket) -> str:
    """The first line of a request that has been read as a whole."""
    text = b""
    while b"\r\n\r\n" not in text:
        if not (piece := connection.recv(65536)):
            raise OSError
        text += piece
    head, _, body = text.partition(b"\r\n\r\n")
    lengths = [int(line.partition(b":")[2]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while lengths and len(body) < lengths[0] and (piece := connection.recv(65536)):
        body += piece
    return head.split(b"\r\n")[0].decode()
