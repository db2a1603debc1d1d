"""MMODA's resolver tells when a burst was; where it does not, the name does."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from dashboard.archive.burst_times import burst_times

DAY = ("2009-06-18T00:00:00", "2009-06-19T00:00:00", "its name")
TOLD = ("2009-06-18T08:00:00", "2009-06-18T09:00:00", "MMODA")


def asked(answer: Any, name: str = "GRB 090618") -> tuple[tuple[str, str, str] | None, list[str]]:
    """The interval, and the addresses asked for it; `answer` is JSON, a response, or an error."""
    urls: list[str] = []

    def reply(request: httpx.Request) -> httpx.Response:
        urls.append(str(request.url))
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    with httpx.Client(transport=httpx.MockTransport(reply), follow_redirects=True) as client:
        found = burst_times(name, client)
    return None if found is None else (found.t1, found.t2, found.origin), urls


def view(t1: Any, t2: Any, **more: Any) -> dict[str, Any]:
    return {"success": True, "success_time": True, "have_coordinates": False, "view": {"t1": t1, "t2": t2}, **more}


@pytest.mark.parametrize(
    ("t1", "t2"),
    [("2009-06-18T08:00:00", "2009-06-18T09:00:00.000"), ("2009-06-18 08:00:00Z", "2009-06-18T09:00"), (55000.334099352, 55000.375766018)],
)
def test_the_resolvers_interval_is_taken_in_any_form(t1: Any, t2: Any) -> None:
    assert asked(view(t1, t2)) == (TOLD, ["https://resolver.odahub.fr/api/v1.1/byname/GRB%20090618"])


@pytest.mark.parametrize(
    "answer",
    [
        {"success": False, "success_time": False},
        {**view(*TOLD[:2]), "success_time": False},
        {"success": True, "success_time": True},
        {"success": True, "success_time": True, "view": ["2009-06-18T08:00:00"]},
        view("soon", "later"),
        view(None, None),
        view(TOLD[1], TOLD[0]),
        view("2009-06-21T08:00:00", "2009-06-21T09:00:00"),
        [],
        httpx.Response(200, text="<html>Maintenance</html>"),
        httpx.Response(200, text=""),
        httpx.Response(404, text="unknown"),
        httpx.Response(302, headers={"location": "https://resolver.odahub.fr/api/v1.1/byname/GRB%20090618"}),
        httpx.ReadTimeout("slow"),
        httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]"),
        httpx.RemoteProtocolError("peer closed connection without sending complete message body"),
    ],
)
def test_whatever_else_it_says_the_name_is_taken(answer: Any) -> None:
    assert asked(answer)[0] == DAY


@pytest.mark.parametrize("name", ["Crab", "4U 0614+091", "GRB 700101", "HD 090618"])
def test_nobody_is_asked_for_the_time_of_what_is_no_burst_of_the_mission(name: str) -> None:
    assert asked(view(*TOLD[:2]), name) == (None, [])
