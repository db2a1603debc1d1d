"""A timesystem and name resolvers of known content, behind an in-memory transport."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from urllib.parse import unquote

import httpx
import numpy as np
from astropy.coordinates import angular_separation
from astropy.time import Time

from dashboard.hosts import Host

PERIOD = 3.0
FIRST_DAY = 1020.0
COLUMNS = ("SWID", "RA_SCX", "DEC_SCX", "RA_SCZ", "DEC_SCZ", "TSTART", "TSTOP", "TELAPSE", "SW_TYPE")


def revolution_edges(revolution: int) -> tuple[float, float]:
    return FIRST_DAY + (revolution - 1) * PERIOD, FIRST_DAY + revolution * PERIOD


def ijd(utc: str) -> float:
    return float(Time(utc, format="isot", scale="utc").tt.mjd - 51544)


def sesame_answer(name: str, known: dict[str, tuple[str, float, float]]) -> str:
    """As Sesame writes it."""
    found = "<INFO> *** Nothing found *** </INFO>"
    if name in known:
        catalogue, ra, dec = known[name]
        found = (
            f'<Resolver name="{catalogue[0]}={catalogue} (via url)"><!-- delay: 9ms --><INFO>from cache</INFO><otype>X</otype>'
            f"<jradeg>{ra:.8f}</jradeg>\n<jdedeg>{dec:+.8f}</jdedeg><oname>{escape(name)}</oname></Resolver>"
        )
    return (
        '<?xml version="1.0" encoding="UTF-8" ?>\n<Sesame xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n<Target option="SNV">'
        f"<name>{escape(name)}</name>{found}</Target></Sesame>\n<!--- ====Done==== -->\n"
    )


@dataclass
class FakeArchive:
    """`rows` are (swid, ra, dec, tstart, tstop, elapsed); `names` the sources the resolver knows, `sesame` those Sesame knows, with the
    catalogue they are in, `bursts` the answers of MMODA's resolver for times."""

    rows: list[tuple[str, float, float, float, float, float]] = field(default_factory=list)
    names: dict[str, tuple[float, float]] = field(default_factory=dict)
    sesame: dict[str, tuple[str, float, float]] = field(default_factory=dict)
    bursts: dict[str, object] = field(default_factory=dict)
    columns: tuple[str, ...] = COLUMNS
    index_version: str = "20260101"
    asked: list[str] = field(default_factory=list)
    broken: Callable[[httpx.Request], httpx.Response] | None = None

    @property
    def client(self) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(self._answer))

    def host(self, name: str = "production") -> Host:
        return Host(name, "http://dispatcher", "http://timesystem")

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(unquote(str(request.url)))
        if self.broken is not None:
            return self.broken(request)
        parts = unquote(request.url.path).strip("/").split("/")
        params = dict(request.url.params)
        match parts:
            case ["resolve_name"]:
                return self._resolve(params["name"])
            case ["cgi-bin" | "viz-bin", "nph-sesame", "-oxp", "SNV"]:
                return httpx.Response(200, text=sesame_answer(unquote(request.url.query.decode()), self.sesame))
            case ["api", "v1.1", "byname", name]:
                return httpx.Response(200, json=self.bursts.get(name, {"success": False}))
            case ["healthcheck"]:
                return httpx.Response(200, text="all is ok!")
            case ["converttime", "REVNUM", number, "IJD"]:
                if int(number) > 2886:
                    return httpx.Response(400, json={"bad request": "no such revolution"})
                return httpx.Response(200, text="Boundary {} {}".format(*revolution_edges(int(number))))
            case ["scwlist", "cons" | "nrt", start, stop]:
                return self._scwlist(ijd(start), ijd(stop), params)
        return httpx.Response(404, text="not found")

    def _resolve(self, name: str) -> httpx.Response:
        if name not in self.names:
            return httpx.Response(200, json={"name": name, "message": f"{name} could not be resolved", "have_coordinates": False})
        ra, dec = self.names[name]
        found = {"name": name, "RA": ra, "DEC": dec, "have_coordinates": True, "message": f"{name} successfully resolved"}
        return httpx.Response(200, json=found)

    def _scwlist(self, start: float, stop: float, params: dict[str, str]) -> httpx.Response:
        wanted = params["return_columns"].split(",")
        if unknown := [name for name in wanted if name not in self.columns]:
            return httpx.Response(400, json=[f"unknown columns {unknown}, known are {list(self.columns)}"])
        if float(params["radius"]) > 180:
            return httpx.Response(400, json={"bad request": "radius too large"})
        ra, dec = float(params["ra"]), float(params["dec"])
        table: dict[str, list[object]] = {name: [] for name in wanted}
        for swid, ra_x, dec_x, tstart, tstop, elapsed in self.rows:
            apart = np.degrees(angular_separation(*np.radians([ra, dec, ra_x, dec_x])))
            if tstart < stop and tstop > start and apart < float(params["radius"]) and elapsed > float(params.get("min_good_isgri", 0)):
                row = dict(zip(COLUMNS, (swid, ra_x, dec_x, ra_x, dec_x - 90, tstart, tstop, elapsed, "POINTING"), strict=True))
                for name in wanted:
                    table[name].append(row[name])
        return httpx.Response(200, text=json.dumps({"scwlist": table, "index_version": self.index_version}))


def observed(
    revolution: int, count: int, ra: float, dec: float, elapsed: float = 2000.0
) -> list[tuple[str, float, float, float, float, float]]:
    """`count` pointings of one direction, each followed by a slew, from the middle of a revolution on."""
    start = revolution_edges(revolution)[0] + 1
    rows = []
    for i in range(count):
        begin = start + i * 2200 / 86400
        rows.append((f"{revolution:04d}{i // 999:04d}{i % 999 + 1:03d}0", ra, dec, begin, begin + elapsed / 86400, elapsed))
        rows.append((f"{revolution:04d}{i // 999:04d}{i % 999 + 1:03d}1", ra, dec, begin + elapsed / 86400, begin + 2200 / 86400, 200.0))
    return rows
