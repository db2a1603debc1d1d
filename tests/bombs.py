"""Files and answers made to fill the memory, each given to its reader: `python -m tests.bombs` tells how each ends and what it took.

In a process of its own, because the parsers of XML and FITS take memory where Python does not count it.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import resource
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import httpx
from astropy.io import fits
from astropy.table import Table

from dashboard.archive import sesame
from dashboard.archive.packed_files import unpacked
from dashboard.archive.reference_catalog import reference_catalog
from dashboard.archive.tap import TapService
from dashboard.dispatcher.document import parse
from dashboard.errors import DashboardError
from dashboard.products.catalog_api import catalog_from_text
from dashboard.products.sky_regions import read_regions
from dashboard.request.link import request_of_link
from tests.archive.fake_tap import votable

ENTITIES = "".join(f"<!ENTITY {b} '{f'&{a};' * 20}'>" for a, b in zip("abcdefg", "bcdefgh", strict=True))
LAUGHS = f"<!DOCTYPE v [<!ENTITY a 'ha'>{ENTITIES}]>"
MOST_ADDRESSES = 4_000_000_000
OUTSIDE = "<!DOCTYPE v [<!ENTITY h SYSTEM 'file:///etc/passwd'>]>"
CELL = votable({"name": str}, [("&h;",)]).replace("&amp;h;", "&h;")


def _zipped(content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        packed.writestr("a.fits", content)
    return stream.getvalue()


def _tarred(size: int) -> bytes:
    """Of one file that is said to have this size."""
    entry = tarfile.TarInfo("a.fits")
    entry.size = size
    return gzip.compress(entry.tobuf() + bytes(1024))


def _table_of(rows: int) -> bytes:
    """A catalogue of one source whose header speaks of so many."""
    stream = io.BytesIO()
    Table({"NAME": ["Crab"], "RA_OBJ": [83.6], "DEC_OBJ": [22.0]}).write(stream, format="fits")
    return stream.getvalue().replace(b"NAXIS2  =                    1", b"NAXIS2  = %20d" % rows)


def _image_of(side: int) -> bytes:
    header = fits.PrimaryHDU().header
    header.update(NAXIS=2, BITPIX=-64)
    header.insert("NAXIS", ("NAXIS1", side), after=True)
    header.insert("NAXIS1", ("NAXIS2", side), after=True)
    return header.tostring().encode() + bytes(2880)


def _catalogue(content: bytes) -> object:
    with tempfile.TemporaryDirectory() as folder:
        (path := Path(folder) / "catalogue.fits").write_bytes(content)
        return reference_catalog(str(path))


def _answering(content: bytes) -> httpx.Client:
    return httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, content=content)))


def _tap(text: str, encoding: str = "utf-8") -> object:
    return TapService("HEASARC", "http://x", _answering(text.replace("?>", f' encoding="{encoding}"?>').encode(encoding))).query("SELECT 1")


def _linked(content: bytes) -> str:
    return base64.urlsafe_b64encode(zlib.compress(content, 1)).rstrip(b"=").decode()


def bombs() -> dict[str, Callable[[], object]]:
    """By name; what they are made of is made before, and is no more."""
    zeros = b"".join((b"SIMPLE  =", bytes(400_000_000)))
    packed, zipped, linked = gzip.compress(zeros, 1), _zipped(zeros), _linked(zeros)
    twice = _zipped(zipped)
    wide = votable({"name": float}, [(1.0,)])
    laughing = CELL.replace("<VOTABLE", LAUGHS + "<VOTABLE")
    return {
        "gzip": lambda: unpacked(packed),
        "zip": lambda: unpacked(zipped),
        "zip in a zip": lambda: unpacked(twice),
        "tar of 8 TB": lambda: unpacked(_tarred(8 * 10**12)),
        "image of 1e6 x 1e6": lambda: unpacked(_image_of(10**6))[0].open(),
        "catalogue, gzip": lambda: _catalogue(packed),
        "catalogue of 1e9 rows": lambda: _catalogue(_table_of(10**9)),
        "laughing VOTable": lambda: _tap(laughing),
        "VOTable with a file of this machine": lambda: _tap(CELL.replace("<VOTABLE", OUTSIDE + "<VOTABLE")),
        "VOTable of 1e9 rows": lambda: _tap(wide.replace("<TABLE>", '<TABLE nrows="1000000000">')),
        "the same, as an entity": lambda: _tap(wide.replace("<TABLE>", "<TABLE nrows='&#49;000000000'>")),
        "the same in UTF-16": lambda: _tap(wide.replace("<TABLE>", '<TABLE nrows="1000000000">'), "utf-16"),
        "VOTable of 1e9 numbers a cell": lambda: _tap(wide.replace('"double"', '"double" arraysize="1000000000"')),
        "VOTable of 1e5 x 1e5 numbers a cell": lambda: _tap(wide.replace('"double"', '"double" arraysize="100000x100000"')),
        "laughing Sesame": lambda: sesame.sesame_position("Crab", _answering(f"{LAUGHS}<Sesame><Target>&h;</Target></Sesame>".encode())),
        "JSON nested 1e6 times": lambda: parse(b"[" * 10**6),
        "catalogue nested 8e5 times": lambda: catalog_from_text('{"a":' * 800_000),
        "number of 1e6 digits": lambda: catalog_from_text('{"a":' + "9" * 10**6 + "}"),
        "regions without end": lambda: read_regions("circle(1,1,1)\n" * 10**6),
        "link that unpacks to 400 MB": lambda: request_of_link(linked),
    }


def _memory(word: str) -> int:
    """Bytes, of "VmRSS" (now) or "VmHWM" (at most since the last reset)."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(word))
    return int(line.split()[1]) * 1024


def main() -> None:
    found = bombs()
    resource.setrlimit(resource.RLIMIT_AS, (MOST_ADDRESSES, MOST_ADDRESSES))  # one that goes off takes nobody with it
    for name, explode in found.items():
        Path("/proc/self/clear_refs").write_text("5")
        before = _memory("VmRSS")
        try:
            told = f"read: {explode()!r}"
        except (DashboardError, ValueError, RecursionError) as error:
            told = f"refused: {error}"
        sys.stdout.write(json.dumps([name, told[:300], _memory("VmHWM") - before]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
