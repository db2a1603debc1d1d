"""A webhook on 127.0.0.1 that keeps what it is sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Reply:
    """Answers, or hangs before it, or sends a header without end, or hangs up."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    hang: bool = False
    trickle: bool = False
    hang_up: bool = False


@dataclass
class Hook:
    port: int
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    documents: list[Any] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def hook(*replies: Reply) -> Iterator[Hook]:
    """Replies in order, the last one for ever."""
    ended, left = threading.Event(), list(replies or [Reply()])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kept.documents.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            kept.headers.append({name.lower(): value for name, value in self.headers.items()})
            kept.paths.append(self.path)
            reply = left.pop(0) if len(left) > 1 else left[0]
            if reply.hang:
                ended.wait(30)
            if reply.hang or reply.hang_up:
                return
            self.send_response(reply.status)
            for name, value in {"Content-Length": "0", **reply.headers}.items():
                self.send_header(name, value)
            if reply.trickle:
                self.flush_headers()
                trickle(self.wfile, b"X-Slow: ", ended)
                return
            self.end_headers()

        def do_GET(self) -> None:
            kept.paths.append(self.path)
            self.send_error(405)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept = Hook(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


def trickle(stream: Any, start: bytes, ended: threading.Event) -> None:
    """A byte now and then, until the other side is gone."""
    try:
        stream.write(start)
        stream.flush()
        while not ended.wait(0.05):
            stream.write(b"x")
            stream.flush()
    except OSError:
        pass
