"""A small reverse proxy that names a user with every request, as that of an institute does after its login."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer

HEADER = "X-Forwarded-User"


@contextmanager
def naming(user: str, target: int) -> Iterator[int]:
    """Port of a proxy in front of a port of this machine; what visitors write into the header themselves is dropped."""
    connections: list[socket.socket] = []

    class OneRequest(BaseRequestHandler):
        """One request a connection, or one websocket."""

        def handle(self) -> None:
            visitor: socket.socket = self.request
            connections.append(visitor)
            head = b""
            with suppress(OSError):
                while b"\r\n\r\n" not in head and (data := visitor.recv(1 << 16)):
                    head += data
            if b"\r\n\r\n" not in head:
                return
            with suppress(OSError), socket.create_connection(("127.0.0.1", target)) as server:
                connections.append(server)
                server.sendall(_named(head, user))
                answers = threading.Thread(target=_copy, args=(server, visitor))
                answers.start()
                _copy(visitor, server)
                answers.join()

    class Proxy(ThreadingTCPServer):
        daemon_threads = False  # so that closing it waits for them

    with Proxy(("127.0.0.1", 0), OneRequest) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield proxy.server_address[1]
        finally:
            proxy.shutdown()
            thread.join()
            for connection in connections:
                _end(connection)


def _named(head: bytes, user: str) -> bytes:
    """What the server gets: with the name, and for an ordinary request the wish that it closes the connection afterwards."""
    lines, _, rest = head.partition(b"\r\n\r\n")
    first, *headers = lines.split(b"\r\n")
    websocket = any(line.lower().startswith(b"upgrade:") for line in headers)
    dropped = (f"{HEADER}:".lower().encode(), *(() if websocket else (b"connection:",)))
    kept = [line for line in headers if not line.lower().startswith(dropped)]
    kept += [f"{HEADER}: {user}".encode(), *(() if websocket else (b"Connection: close",))]
    return b"\r\n".join((first, *kept, b"", rest))


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Until one of them ends, which ends both."""
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    _end(source)
    _end(target)


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
