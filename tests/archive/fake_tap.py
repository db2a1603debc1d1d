"""A TAP service of known content, behind an in-memory transport: its ADQL is run by SQLite."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from typing import Any

import httpx
import numpy as np
from astropy.coordinates import angular_separation

CONE = re.compile(r"CONTAINS\(POINT\('ICRS',(\w+),(\w+)\),CIRCLE\('ICRS',([\d.+-]+),([\d.+-]+),([\d.]+)\)\)=1")
TYPES = {str: 'datatype="char" arraysize="*"', float: 'datatype="double"', int: 'datatype="long"'}

Row = dict[str, Any]


def votable(columns: dict[str, type], rows: list[tuple[Any, ...]], status: str = "OK", words: str = "") -> str:
    """An answer as the protocol has it; absent values are empty cells."""
    fields = "".join(f'<FIELD name="{name}" {TYPES[kind]}/>' for name, kind in columns.items())
    cells = "".join("<TR>" + "".join(f"<TD>{'' if v is None else escape(str(v))}</TD>" for v in row) + "</TR>" for row in rows)
    return (
        '<?xml version="1.0"?><VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE type="results">'
        f'<INFO name="QUERY_STATUS" value="{status}">{escape(words)}</INFO>'
        f"<TABLE>{fields}<DATA><TABLEDATA>{cells}</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"
    )


def refusal(words: str, status: int = 400) -> httpx.Response:
    return httpx.Response(status, text=votable({}, [], "ERROR", words).replace("<TABLE><DATA><TABLEDATA></TABLEDATA></DATA></TABLE>", ""))


@dataclass
class FakeTap:
    """Tables by name, each a list of rows; a row's values are texts or numbers, or None."""

    tables: dict[str, list[Row]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    broken: Callable[[httpx.Request], httpx.Response] | None = None

    @property
    def client(self) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(self.answer))

    def answer(self, request: httpx.Request) -> httpx.Response:
        assert request.url.path.endswith("/tap/sync"), request.url
        params = dict(request.url.params)
        assert (params["REQUEST"], params["LANG"], params["FORMAT"]) == ("doQuery", "ADQL", "votable")
        self.asked.append(params["QUERY"])
        if self.broken is not None:
            return self.broken(request)
        return self._run(params["QUERY"])

    def _run(self, adql: str) -> httpx.Response:
        name = re.search(r" FROM ([\w.]+)", adql)
        assert name, adql
        rows = self.tables.get(name[1])
        if rows is None:
            return refusal(f"Unknown table {name[1]}")
        columns = dict.fromkeys(key for row in rows for key in row)
        with sqlite3.connect(":memory:") as database:
            database.create_function("near", 5, _near)
            database.execute(f"CREATE TABLE scw ({','.join(columns)})")
            database.executemany(f"INSERT INTO scw VALUES ({','.join('?' * len(columns))})", [tuple(row.values()) for row in rows])
            sql = CONE.sub(r"near(\1,\2,\3,\4,\5)", adql).replace(f" FROM {name[1]}", " FROM scw")
            limited = sql.replace("SELECT TOP 1 ", "SELECT ") + (" LIMIT 1" if "TOP 1" in sql else "")
            found = database.execute(limited)
            names = [entry[0] for entry in found.description]
            content = found.fetchall()
        database.close()
        kinds = {key: next((type(row[key]) for row in rows if row[key] is not None), str) for key in columns}
        return httpx.Response(200, text=votable({key: kinds[key] for key in names}, content))


def _near(ra: float | None, dec: float | None, center_ra: float, center_dec: float, radius: float) -> bool:
    if ra is None or dec is None:
        return False
    return bool(np.degrees(angular_separation(*np.radians((ra, dec, center_ra, center_dec)))) < radius)
