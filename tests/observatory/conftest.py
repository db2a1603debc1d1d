"""A simulated observatory of one's own."""

from __future__ import annotations

import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import jwt
import pytest
import uvicorn

from dashboard.observatory.knobs import Knobs
from dashboard.observatory.pointings import history
from dashboard.observatory.query import SECRET
from dashboard.observatory.server import application, listen

Serve = Callable[..., "Client"]


class Client:
    """Speaks to one server as a careful client does."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.Client(base_url=url, timeout=30.0)

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self.http.get(path, params=params)

    def run(self, session: str = "SESSION000000001", status: str = "new", post: bool = True, **changes: Any) -> httpx.Response:
        """One call of run_analysis; `changes` replace or add fields."""
        fields = {
            **{"instrument": "isgri", "product_type": "isgri_image", "query_type": "Real", "api": "True", "oda_api_version": "1.3.5"},
            **{"off_line": "False", "osa_version": "OSA11.2", "E1_keV": "28.0", "E2_keV": "40.0", "scw_list": crab(2)},
            **{"query_status": status, "session_id": session, **changes},
        }
        given = {k: v for k, v in fields.items() if v is not None}
        return self.http.post("/run_analysis", data=given) if post else self.http.get("/run_analysis", params=given)

    def states(self, session: str = "SESSION000000001", **changes: Any) -> Iterator[dict[str, Any]]:
        """Submit and poll until the job has ended: every answer."""
        answer = self.run(session, **changes).json()
        yield answer
        deadline = time.monotonic() + 30.0
        while answer["query_status"] not in ("done", "failed"):
            assert time.monotonic() < deadline, "the job does not end"
            answer = self.run(session, answer["query_status"], job_id=answer["job_monitor"]["job_id"], **changes).json()
            yield answer

    def finish(self, **changes: Any) -> dict[str, Any]:
        return list(self.states(**changes))[-1]

    def knobs(self, **changes: Any) -> dict[str, Any]:
        response = self.http.post("/observatory/knobs", json=changes) if changes else self.get("/observatory/knobs")
        return dict(response.json())


def crab(count: int, skip: int = 0) -> list[str]:
    """Pointings on the Crab, revolution 665, with version."""
    past = history()
    first = int(past.swid.searchsorted(665 * 10**8))
    pointings = [swid for swid in past.swid[first : first + 4 * (count + skip)].tolist() if swid % 10 == 0]
    return [f"{swid:012d}.001" for swid in pointings[skip : skip + count]]


def token(roles: str = "general", sub: str = "user@example.invalid", secret: str = SECRET, lasts: float = 3600.0) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", jwt.InsecureKeyLengthWarning)
        return jwt.encode({"sub": sub, "roles": roles, "exp": time.time() + lasts}, secret)


@pytest.fixture(scope="session")
def shared() -> Iterator[Client]:
    """One server for tests that neither turn knobs nor count."""
    with _servers() as start:
        yield start(time_per_scw=0.02)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server of the test's own in a thread: `serve(coding_noise=0.0)`."""
    with _servers() as start:
        yield start


@contextmanager
def _servers() -> Iterator[Serve]:
    running: list[tuple[uvicorn.Server, threading.Thread, Client, socket.socket]] = []

    def start(**knobs: Any) -> Client:
        turned = Knobs(time_per_scw=0.001)
        turned.turn(knobs)
        listener = listen("127.0.0.1", 0)
        config = uvicorn.Config(application(turned), log_level="critical", access_log=False, timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        client = Client(f"http://127.0.0.1:{listener.getsockname()[1]}")
        running.append((server, thread, client, listener))
        return client

    yield start
    for server, _, _, _ in running:
        server.should_exit = True
    for _, thread, client, listener in running:
        client.http.close()
        thread.join(10.0)
        listener.close()
