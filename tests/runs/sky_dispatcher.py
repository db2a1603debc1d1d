"""A dispatcher of known content: one source on noise, other pixels for every batch, and faults on demand."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import pickle
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from dashboard.archive.pointings import Pointings
from dashboard.archive.resolver import Target
from dashboard.identity import Identity
from dashboard.plan.making import make_plan
from dashboard.plan.plan import Plan
from dashboard.request.request import Request
from dashboard.settings import Settings
from tests.dispatcher.replay import Reply, answer

POSTGRES = "INTEGRAL_TESTS_POSTGRES"
CRAB = (83.6331, 22.0145)
SIDE = 64
FLUX = 200.0


def plan_of(windows: int, s_max: int = 2, first: int = 4, **request: Any) -> Plan:
    """A plan for that many science windows of revolution 665, a little around the Crab; from pointing 4 on, pairs are batches."""
    return plan_for(Identity(), windows, Request(s_max=s_max, **request), first)


def plan_for(identity: Identity, windows: int, asked: Request, first: int = 4) -> Plan:
    """As `plan_of`, of a user's request."""
    steps = np.arange(first, first + windows)
    swid = tuple(f"06650{number:03d}0010" for number in steps)
    ra, dec = CRAB[0] + 0.5 * np.cos(steps), CRAB[1] + 0.5 * np.sin(steps)
    start = np.asarray(1600.0 + 0.03 * steps, dtype=np.float64)
    stop = np.asarray(start + 0.02, dtype=np.float64)
    pointings = Pointings(swid, ra, dec, ra.copy(), dec + 90.0, start, stop, np.full(windows, 1728.0))
    return make_plan(asked, Target("Crab", *CRAB, "given"), dict.fromkeys(asked.instruments, pointings), identity)


def settings_in(folder: Path, url: str = "http://127.0.0.1:9") -> Settings:
    """A deployment in a folder; where `POSTGRES` names a server, with a database of its own there."""
    environment = {"INTEGRAL_DASHBOARD_DATA": str(folder), "INTEGRAL_DASHBOARD_SIMULATED_URL": url}
    if server := os.environ.get(POSTGRES):
        environment["INTEGRAL_DASHBOARD_DATABASE"] = database_at(server, f"t{hashlib.sha256(str(folder).encode()).hexdigest()[:20]}")
    return Settings.from_environment(environment)


def database_at(server: str, name: str) -> str:
    """URL of a database of this name, which is made where there is none."""
    with psycopg.connect(server, autocommit=True) as connection, suppress(psycopg.errors.DuplicateDatabase):
        connection.execute(f"CREATE DATABASE {name}")
    return server.replace("/postgres?", f"/{name}?")


def text(words: str) -> Callable[[Path], None]:
    """A writer of a file that is no product."""

    def write(path: Path) -> None:
        path.write_text(words)

    return write


@dataclass
class SkyDispatcher:
    """The script of a server. Batches are called by their first science window.

    Attributes
    ----------
    failing
        How often a batch still ends in a backend failure.
    refused, empty
        Batches answered by HTTP 400, and by an all-zero image.
    released
        While it is not set no job ends.
    submitted, delivered
        Jobs begun and products sent, by batch.
    """

    failing: Counter[str] = field(default_factory=Counter)
    refused: set[str] = field(default_factory=set)
    empty: set[str] = field(default_factory=set)
    released: threading.Event = field(default_factory=threading.Event)
    submitted: Counter[str] = field(default_factory=Counter)
    delivered: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.released.set()

    def __call__(self, form: dict[str, list[str]]) -> Reply:
        scw = [name for value in form["scw_list"] for name in value.replace(",", " ").split()]
        batch = scw[0]
        job = hashlib.md5("".join(scw).encode(), usedforsecurity=False).hexdigest()[:16]
        monitor = {"job_id": job, "session_id": form["session_id"][0]}
        with self.lock:
            if batch in self.refused:
                return answer({"error_message": "E1_keV is wrong"}, 400)
            if form["query_status"] == ["new"]:
                self.submitted[batch] += 1
                return answer({"query_status": "submitted", "job_monitor": monitor})
            if not self.released.is_set():
                rows = [{"scwid": scw[0], "node": "ii_skyimage", "message": "main done"}]
                return answer({"query_status": "progress", "job_monitor": monitor | {"full_report_dict_list": rows}})
            if self.failing[batch]:
                self.failing[batch] -= 1
                return answer({"query_status": "failed", "job_monitor": monitor, "exit_status": {"message": "node died"}})
            self.delivered[batch] += 1
        return answer({"query_status": "done", "job_monitor": monitor, "products": image_products(scw, empty=batch in self.empty)})


def image_products(scw: Sequence[str], *, empty: bool = False) -> dict[str, Any]:
    """An image as a dispatcher sends it, on the pixels of the sum's grid or beside them, depending on the science windows."""
    rng = np.random.default_rng(int(hashlib.md5("".join(scw).encode(), usedforsecurity=False).hexdigest()[:8], 16))
    y, x = np.mgrid[:SIDE, :SIDE]
    place = (SIDE / 2 + rng.uniform(-3, 3), SIDE / 2 + rng.uniform(-3, 3))
    variance = np.full((SIDE, SIDE), 4.0 / len(scw))
    flux = FLUX * np.exp(-((x - place[0]) ** 2 + (y - place[1]) ** 2) / (2 * 1.25**2)) + rng.normal(0, np.sqrt(variance))
    wcs = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CUNIT1": "deg", "CUNIT2": "deg", "CRVAL1": CRAB[0], "CRVAL2": CRAB[1]}
    wcs |= {"CRPIX1": place[0] + 1, "CRPIX2": place[1] + 1, "CD1_1": -0.0823, "CD2_2": 0.0823, "CD1_2": 0.0, "CD2_1": 0.0}
    wcs |= {"E_MIN": 28.0, "E_MAX": 40.0, "INSTRUME": "IBIS", "RADESYS": "FK5", "EQUINOX": 2000.0, "BUNIT": "counts/sec"}
    images = {
        "INTENSITY": flux,
        "VARIANCE": variance,
        "SIGNIFICANCE": flux / np.sqrt(variance),
        "EXPOSURE": np.full((SIDE, SIDE), 1728.0 * len(scw)),
    }
    units = [_unit(None, "primary", {}, "")]
    for kind, image in images.items():
        data = np.zeros_like(image) if empty else image
        units.append(_unit(data.astype(np.float32), "image", wcs | {"IMATYPE": kind}, "ISGR-MOSA-IMA"))
    return {"numpy_data_product_list": [{"name": "mosaic_image", "meta_data": json.dumps({}), "data_unit_list": units}]}


def _unit(data: Any, kind: str, header: dict[str, Any], name: str) -> dict[str, Any]:
    binarys = None if data is None else base64.b64encode(pickle.dumps(data)).decode()
    return {"name": name, "header": header, "binarys": binarys, "hdu_type": kind, "data": None, "units_dict": None}
