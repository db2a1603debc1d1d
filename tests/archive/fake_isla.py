"""An ISLA of known content: in memory, or on 127.0.0.1 for a page. Its files are built after those in astroquery's tests."""

from __future__ import annotations

import gzip
import io
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import numpy as np
from astropy.io import fits

from tests.archive.fake_tap import FakeTap, votable
from tests.mission import document
from tests.products.test_spectrum_fits import arf, bounds, matrix, pha
from tests.spectra import spectrum as toy_spectrum

CRAB = (83.6332, 22.0145)
URL = "https://isla.example/tap"
SOURCE_ID = "J053432.0+220052"
EPOCHS = ("0044_01200360001", "0239_88600660001", "0665_88600850001")
SOURCES = [{"name": "Crab", "ra": CRAB[0], "dec": CRAB[1], "source_id": SOURCE_ID}]
INSTRUMENTS: list[tuple[Any, ...]] = [
    ("ibis", "28_40", 1, 11),
    ("ibis", "40_100", 1, 12),
    ("jem-x", "03_20", 2, 21),
    ("spi", "20_80", 3, 31),
]
"""Instrument, band, and their numbers."""
OSA = "osa_2022-03-30T09:56:36"


def fits_bytes(*hdus: Any) -> bytes:
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(stream)
    return stream.getvalue()


def light_curve(instrument: str = "JMX1", time: Any = (3000.25, 3010.5, 3100.75), code: str = "E", **cards: Any) -> bytes:
    """TIME (IJD), RATE from 10 on, ERROR 0.5, as ISLA puts them together: single precision, no units."""
    columns = [
        fits.Column("TIME", code, array=np.asarray(time)),
        fits.Column("RATE", "E", array=10.0 + np.arange(len(time))),
        fits.Column("ERROR", "E", array=np.full(len(time), 0.5)),
    ]
    table = fits.BinTableHDU.from_columns(columns, name="TIMESERIES")
    told = {"INSTRUME": instrument, "CONFIGUR": OSA, "CREATOR": "lc_pick 3.4.3", "NAME": "Crab", "E_MIN": 3.08, "E_MAX": 19.85}
    table.header.update({**told, "TIMESYS": "TT", "TIMEUNIT": "d", "MJDREF": 51544.0, **cards})
    return fits_bytes(table)


def spectrum_files(instrument: str = "IBIS", **cards: Any) -> dict[str, bytes]:
    """Spectrum, area and redistribution, each a file of its own."""
    told = {"HDUCLAS1": "SPECTRUM", "INSTRUME": instrument, "NAME": "Crab", "CONFIGUR": OSA, "CREATOR": "ISGRISpectraSum.v5.8.6"}
    made = pha(toy_spectrum(), **{**told, "EXPOSURE": 42904.4, "TSTART": 3244.5, "TSTOP": 3245.5, **cards})
    stem = "Crab_ISGRI_0665_88600850001_spectrum"
    return {
        f"{stem}_rmf.fits": fits_bytes(bounds(), matrix()),
        f"{stem}_arf.fits": fits_bytes(arf()),
        f"{stem}_spe.fits": fits_bytes(made),
    }


def tarred(files: dict[str, bytes]) -> bytes:
    """A gzipped tar, as ISLA sends spectra and mosaics."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(stream.getvalue())


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip, as ISLA sends light curves."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return stream.getvalue()


def light_curves(instrument_oid: str) -> bytes:
    """Of ISGRI one, of JEM-X one a unit."""
    if instrument_oid == "1":
        return zipped({"Crab_ISGRI_allmission_timeseries.fits": light_curve("IBIS", E_MIN=28.0, E_MAX=40.0)})
    return zipped({"Crab_JEMX1_allmission_timeseries.fits": light_curve(), "Crab_JEMX2_allmission_timeseries.fits": light_curve("JMX2")})


@dataclass
class FakeIsla:
    """What is asked is called "sources", "instruments", "epochs", "long_timeseries", "spectra", "spectras" (a file) or "mosaics"; `broken`
    answers in its place."""

    sources: list[dict[str, Any]] = field(default_factory=lambda: list(SOURCES))
    instruments: list[tuple[Any, ...]] = field(default_factory=lambda: list(INSTRUMENTS))
    epochs: list[tuple[Any, ...]] = field(
        default_factory=lambda: [(e, oid, band) for e in EPOCHS for oid, band in ((1, 11), (2, 21), (3, 31))]
    )
    light_curves: bytes | None = None
    spectra: list[Any] = field(default_factory=lambda: [{"spectraOid": 7, "fileName": "spectrum.tar", "energy": [20.5, 30.5]}])
    spectrum: bytes = field(default_factory=lambda: tarred(spectrum_files()))
    mosaics: list[Any] = field(default_factory=lambda: [{"mosaicOid": 5, "fileName": "ISGRI_0665_28_40_mosaic.tar", "data": [[1.5, 2.5]]}])
    broken: dict[str, Callable[[httpx.Request], httpx.Response]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def client(self) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(self.answer), follow_redirects=True)

    def answer(self, request: httpx.Request) -> httpx.Response:
        params = dict(request.url.params)
        path = request.url.path
        if path.endswith("/tap/tap/sync") and params.get("REQUEST") == "doQuery":
            adql = params["QUERY"]
            what = next(
                name for word, name in (("v_cat_source", "sources"), ("ila.band", "instruments"), ("ila.epoch", "epochs")) if word in adql
            )
        elif path.endswith("/tap/tap/sync/") and params.get("PHASE") == "RUN":
            what = params["REQUEST"]
        elif path.endswith("/tap/data"):
            what = params["RETRIEVAL_TYPE"] if params["RETRIEVAL_TYPE"] != "mosaics" else "file of a mosaic"
        else:
            return httpx.Response(200, json=document((0.0, 2.0, 4.0) * 20))  # a timesystem, and a resolver
        self.asked.append(what)
        return self.broken[what](request) if what in self.broken else self._content(what, params, request)

    def _content(self, what: str, params: dict[str, str], request: httpx.Request) -> httpx.Response:
        match what:
            case "sources":
                return FakeTap({"ila.v_cat_source": self.sources}).answer(request)
            case "instruments":
                kinds = {"instrument": str, "band": str, "instrument_oid": int, "band_oid": int}
                return httpx.Response(200, text=votable(kinds, self.instruments))
            case "epochs":
                its = self.epochs if f"source_id = '{SOURCE_ID}'" in params["QUERY"] else []
                return httpx.Response(200, text=votable({"epoch": str, "instrument_oid": int, "band_oid": int}, its))
            case "long_timeseries":
                assert params["source"] == SOURCE_ID
                return httpx.Response(200, content=self.light_curves or light_curves(params["instrument_oid"]))
            case "spectra":
                assert params["source"] == SOURCE_ID
                return httpx.Response(200, json=self.spectra)
            case "spectras":
                assert params["spectra_oid"] == "7"
                return httpx.Response(200, content=self.spectrum)
            case "mosaics":
                return httpx.Response(200, json=self.mosaics)
        return httpx.Response(404, text=f"nothing called {what}")


@contextmanager
def standing(isla: FakeIsla) -> Iterator[str]:
    """Its address as a host's `isla_url` has it; what else is asked there gets the answer of a timesystem."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = isla.answer(httpx.Request("GET", f"http://127.0.0.1{self.path}"))
            self.send_response(answer.status_code)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_address[1]}/tap"
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
