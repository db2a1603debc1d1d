"""A dispatcher made of recorded answers, on 127.0.0.1."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from dashboard.hosts import Host
from dashboard.plan.batch import Batch


@dataclass(frozen=True)
class Reply:
    """What the server does with one request: answers, perhaps only in part, or hangs (after that part), or hangs up."""

    body: bytes = b"{}"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    hang: bool = False
    hang_up: bool = False


@dataclass
class Server:
    url: str
    requests: list[tuple[str, str, dict[str, list[str]]]] = field(default_factory=list)

    @property
    def forms(self) -> list[dict[str, list[str]]]:
        return [form for _, _, form in self.requests]


def answer(document: Any, status: int = 200) -> Reply:
    return Reply(json.dumps(document).encode(), status)


def recorded(folder: Path, case: str, path: str = "/run_analysis") -> list[Reply]:
    """The answers of one recorded case to requests of one path, in order."""
    replies = []
    for name in sorted((folder / "exchanges").glob(f"{case}.*.json.gz")):
        exchange = json.loads(gzip.decompress(name.read_bytes()))
        if path in exchange["request"]["url"] and "response" in exchange:
            response = exchange["response"]
            body = json.dumps(response["json"]) if "json" in response else response["text"]
            replies.append(Reply(body.encode(), response["status"]))
    assert replies, case
    return replies


def document(folder: Path, case: str) -> dict[str, Any]:
    """The last answer of a case."""
    return json.loads(recorded(folder, case)[-1].body)


Script = Sequence[Reply] | Callable[[dict[str, list[str]]], Reply]


@contextmanager
def serving(script: Script) -> Iterator[Server]:
    """Answers in order, the last one for ever; or what a function makes of the form."""
    lock, released = threading.Lock(), threading.Event()
    replies = iter(()) if callable(script) else iter(script)
    last = Reply()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            nonlocal last
            text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            form = parse_qs(text, keep_blank_values=True)
            with lock:
                server.requests.append((self.command, self.path, form))
                reply = last = script(form) if callable(script) else next(replies, last)
            if reply.hang and reply.cut is None:
                released.wait(30)
            if reply.hang_up or (reply.hang and reply.cut is None):
                return
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", "Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body[: reply.cut])
            if reply.hang:
                released.wait(30)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server = Server(f"http://127.0.0.1:{http.server_address[1]}")
    thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        released.set()
        http.shutdown()
        http.server_close()
        thread.join()


class FakeTime:
    """A clock that moves when somebody sleeps, and `per_request` at each look."""

    def __init__(self, per_look: float = 0.0) -> None:
        self.now = 0.0
        self.per_look = per_look
        self.slept: list[float] = []

    def clock(self) -> float:
        self.now += self.per_look
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)


def host(url: str, **changes: Any) -> Host:
    """A host of the tests' own, whose sky no archive of the real one knows."""
    given = {"name": "staging", "dispatcher_url": url, "other_archives": False}
    return Host(**{**given, "poll_seconds": 0.25, "request_seconds": 10.0, "job_seconds": 100.0, **changes})


def image_batch(**parameters: Any) -> Batch:
    asked = {"instrument": "isgri", "product_type": "isgri_image", "osa_version": "OSA11.2", "E1_keV": 28.0, "E2_keV": 40.0}
    return Batch("staging", {**asked, "scw_list": ["066500220010.001"], **parameters})
