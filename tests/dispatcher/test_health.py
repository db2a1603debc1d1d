from __future__ import annotations

import math
import socket
from pathlib import Path

from dashboard.dispatcher.health import check_host
from dashboard.hosts import Host
from tests.dispatcher.replay import FakeTime, Reply, host, recorded, serving


def test_a_dispatcher_is_reachable(shared_data: Path) -> None:
    with serving(recorded(shared_data, "04_dummy_sync_isgri_image", "/api/par-names")) as server:
        health = check_host(host(server.url + "/"), clock=FakeTime(per_look=0.5).clock)
        assert health.reachable
        assert health.latency == 0.5
        method, path, _ = server.requests[0]
        assert (method, path) == ("GET", "/api/par-names?instrument=isgri&product_type=isgri_image")


def test_other_answers_are_no_dispatcher() -> None:
    with serving([Reply(status=500), Reply(status=302, headers={"Location": "http://elsewhere"})]) as server:
        for status in (500, 302):
            health = check_host(host(server.url))
            assert not health.reachable
            assert str(status) in health.detail


def test_silence_and_absence() -> None:
    with serving([Reply(hang=True)]) as server:
        assert "ReadTimeout" in check_host(host(server.url), seconds=0.1).detail
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        health = check_host(host(f"http://127.0.0.1:{free.getsockname()[1]}"))
        assert not health.reachable
        assert math.isnan(health.latency)
    assert "no address" in check_host(Host("simulated")).detail
    assert not check_host(host("http://[broken")).reachable
