"""The reference catalogue holds the well-known sources where they are."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table

from assets import asset_path
from dashboard.archive.reference_catalog import close_names, reference_catalog
from dashboard.errors import RequestError

# a process of its own: the observatory is imported by nobody
LIST_OF_THE_OBSERVATORY = """
import json
from dashboard.observatory.sources import SOURCES
print(json.dumps([(s.name, s.ra, s.dec, s.catalogued) for s in SOURCES]))
"""

# J2000, from the SIMBAD data base
KNOWN = {
    "Crab": "05 34 31.9 +22 00 52",
    "Cyg X-1": "19 58 21.7 +35 12 06",
    "Sco X-1": "16 19 55.1 -15 38 25",
    "Vela X-1": "09 02 06.9 -40 33 17",
    "GX 5-1": "18 01 08.2 -25 04 42",
    "Cen A": "13 25 27.6 -43 01 09",
    "H 1820-303": "18 23 40.6 -30 21 41",
    "GX 354-0": "17 31 57.7 -33 50 02",
    "Cen X-3": "11 21 15.1 -60 37 26",
    "Mrk 421": "11 04 27.3 +38 12 32",
    "LMC X-4": "05 32 49.6 -66 22 13",
    "PSR B1509-58": "15 13 55.7 -59 08 09",
}


def test_well_known_sources_stand_within_an_arcminute() -> None:
    catalog = reference_catalog()
    by_name = {source.name: SkyCoord(source.ra, source.dec, unit="deg") for source in catalog.sources}
    for name, position in KNOWN.items():
        assert by_name[name].separation(SkyCoord(position, unit=("hourangle", "deg"))).arcmin < 1, name


def test_entries_are_distinct_and_named_once() -> None:
    catalog = reference_catalog()
    assert len(catalog) >= 60
    assert len(set(catalog.names)) == len(catalog)
    sky = SkyCoord(catalog.positions, unit="deg")
    assert sky.match_to_catalog_sky(sky, nthneighbor=2)[1].arcmin.min() > 5
    assert all(source.isgri_flag == 1 and source.flag == 1 for source in catalog.sources)


def test_similar_names_are_suggested() -> None:
    assert close_names("CygX-1")[0] == "Cyg X-1"
    assert close_names("vela x1")[0] == "Vela X-1"
    assert close_names("my own star") == ()


def test_a_fits_catalogue_is_read_by_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "cat.fits"
    table = {
        "NAME": ["Crab ", "X"],
        "RA_OBJ": [83.6, 1.0],
        "DEC_OBJ": [22.0, -1.0],
        "ERR_RAD": [0.01, 0.02],
        "ISGRI_FLAG": [2, 0],
        "JEMX_FLAG": [1, 1],
    }
    Table(table).write(path)
    first, second = reference_catalog(str(path)).sources
    assert (first.name, first.ra, first.dec, first.err_rad, first.isgri_flag) == ("Crab", 83.6, 22.0, 0.01, 2)
    assert second.isgri_flag == 0


def catalogue_file(path: Path, rows: int = 2) -> bytes:
    Table({"NAME": ["Crab"] * rows, "RA_OBJ": [83.6] * rows, "DEC_OBJ": [22.0] * rows}).write(path)
    return path.read_bytes()


def test_a_gzipped_catalogue_is_the_same(tmp_path: Path) -> None:
    (tmp_path / "cat.fits.gz").write_bytes(gzip.compress(catalogue_file(tmp_path / "cat.fits")))
    assert reference_catalog(str(tmp_path / "cat.fits.gz")) == reference_catalog(str(tmp_path / "cat.fits"))


def test_damaged_and_oversized_files_are_refused_with_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = catalogue_file(tmp_path / "cat.fits", 500)
    damaged = {
        "cut": whole[:9000],
        "gz cut": gzip.compress(whole)[:-20],
        "gz bomb": gzip.compress(bytes(2 * len(whole))),
        "large": whole + bytes(2880),
        "nothing": b"",
        "header only": whole[:80],
    }
    monkeypatch.setattr("dashboard.archive.reference_catalog.LARGEST_BYTES", len(whole))
    for name, content in damaged.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(RequestError, match="isdc_cat_url") as caught:
            reference_catalog(str(tmp_path / name))
        assert caught.value.field == "isdc_cat_url", name
    (tmp_path / "whole").write_bytes(whole)
    assert len(reference_catalog(str(tmp_path / "whole"))) == 500


def test_what_is_no_catalogue_is_refused(tmp_path: Path) -> None:
    Table({"A": np.arange(3)}).write(tmp_path / "other.fits")
    (tmp_path / "text.fits").write_text("no FITS at all")
    others = (str(tmp_path), "https://example.org/cat.fits", "\0")
    for url in (str(tmp_path / "other.fits"), str(tmp_path / "text.fits"), str(tmp_path / "absent.fits"), *others):
        with pytest.raises(RequestError) as caught:
            reference_catalog(url)
        assert caught.value.field == "isdc_cat_url"


def test_assets_are_found_by_name() -> None:
    assert asset_path("reference_catalog.json").is_file()
    with pytest.raises(FileNotFoundError):
        asset_path("no-such-file")


def test_every_catalogued_source_of_the_observatory_is_known() -> None:
    reported = subprocess.run(
        [sys.executable, "-c", LIST_OF_THE_OBSERVATORY], capture_output=True, text=True, check=True, cwd=Path(__file__).resolve().parents[2]
    )
    ours = {source.name: SkyCoord(source.ra, source.dec, unit="deg") for source in reference_catalog().sources}
    sky = SkyCoord(reference_catalog().positions, unit="deg")
    for name, ra, dec, catalogued in json.loads(reported.stdout):
        there = SkyCoord(ra, dec, unit="deg")
        if catalogued:
            assert ours[name].separation(there).arcmin < 0.5, name
        else:
            assert there.separation(sky).arcmin.min() > 12, f"{name} must stay new"
