from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.io.votable import parse_single_table
from astropy.table import QTable
from astropy.wcs import WCS
from regions import Regions

from dashboard.errors import ProductError, StorageFull
from dashboard.export.folder import FILES, write_folder
from dashboard.export.provenance import mosaic_facts, provenance
from dashboard.products.catalog import MeasuredSource, SourceTable
from dashboard.products.mosaic import Mosaic, Provenance
from tests.small_disk import small_disk


@pytest.fixture
def mosaic() -> Mosaic:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = ["RA---TAN", "DEC--TAN"], [83.6, 22.0], [50, 40], [-0.0823, 0.0823]
    ones = np.ones((80, 100), "f4")
    origin = Provenance("SIMULATED", "simulated", "OSA11.2", "CONS", ("a1",), ("006600010010.001",), 1, 2, 5)
    return Mosaic(ones, ones, ones, ones, wcs, (28.0, 40.0), "isgri", "counts/sec", ontime=1000.0, provenance=origin)


@pytest.fixture
def table() -> SourceTable:
    known = MeasuredSource("Crab", 83.6331, 22.0145, 101.2, 0.07, 1391.0, 1053.0, 0.2, 0.04, 3e5, n_batches=3, chi2=2.5, dof=2)
    known = replace(known, warnings=("edge", "near Crab (18')"))
    forced = MeasuredSource("4U 0614+091, faint", 94.28, 9.137, 0.1, 0.2, 0.5, 0.5, 2.0, 0.0, 1e5, "forced", 0.7)
    return SourceTable((known, forced), "counts/sec", 7.0, 1.32, 0, 1.25, instrument="isgri", band=(28.0, 40.0))


def test_folder_holds_files_that_others_can_read(tmp_path: Path, mosaic: Mosaic, table: SourceTable) -> None:
    batches = [{"batch_id": "a", "state": "done"}, {"batch_id": "b", "state": "failed", "reason": "no answer"}]
    archive = {"address": "https://timesystem.example.org", "asked": "2026-01-01T00:00:00", "index_version": "7"}
    document = provenance(mosaic.provenance, mosaic_facts(mosaic, table), {"src_name": "Crab"}, {"name": "Crab"}, archive, batches)
    paths = write_folder(tmp_path / "out", mosaic, table, document, "Crab")
    assert {path.name for path in paths} == {path.name for path in (tmp_path / "out").iterdir()} == set(FILES)
    with fits.open(tmp_path / "out/mosaic.fits") as hdus:
        assert [hdu.header.get("ORIGIN") for hdu in hdus][:5] == ["SIMULATED"] * 5
    rows = QTable.read(tmp_path / "out/sources.ecsv")
    assert list(rows["name"]) == ["Crab", "4U 0614+091, faint"]
    assert rows["ra"].unit == "deg"
    assert rows.meta["origin"] == "SIMULATED"
    with (tmp_path / "out/sources.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert (lines[1]["name"], lines[0]["flux[counts/sec]"], lines[0]["upper_limit[counts/sec]"]) == ("4U 0614+091, faint", "101.2", "")
    assert {line["origin"] for line in lines} == {"SIMULATED"}
    assert [(line["n_batches"], line["dof"], line["chi2"]) for line in lines] == [("3", "2", "2.5"), ("", "", "")]
    assert [line["warnings"] for line in lines] == ["edge; near Crab (18')", ""]
    assert rows["warnings"][0] == lines[0]["warnings"]
    assert float(lines[0]["mcrab"]) == pytest.approx(rows["mcrab"][0], rel=1e-5) == pytest.approx(1000, rel=0.01)
    assert "good to 4%" in rows.meta["mcrab"]
    fields = parse_single_table(tmp_path / "out/sources.vot")
    assert [str(name) for name in fields.array["name"]] == ["Crab", "4U 0614+091, faint"]
    assert (fields.get_field_by_id_or_name("ra").unit, "SIMULATED" in str(fields.description)) == ("deg", True)
    circles = Regions.read(tmp_path / "out/sources.reg", format="ds9")
    assert [circle.meta["text"] for circle in circles] == ["Crab", "4U 0614+091, faint"]
    assert circles[0].center.ra.deg == pytest.approx(83.6331, abs=1e-4)
    told = json.loads((tmp_path / "out/provenance.json").read_text())
    assert (told["simulated"], told["batches_used"], told["batches_asked"], told["seed"]) == (True, 1, 2, 5)
    assert told["batches"][1]["reason"] == "no answer"
    assert told["archive"] == archive
    assert (tmp_path / "out/mosaic.png").read_bytes()[:4] == b"\x89PNG"


def test_a_full_disk_is_said_in_a_sentence_and_leaves_what_was_there(tmp_path: Path, mosaic: Mosaic, table: SourceTable) -> None:
    with small_disk(tmp_path / "disk", 300) as disk:
        with pytest.raises(StorageFull, match="No space is left"):
            write_folder(disk / "out", mosaic, table, {"note": "x" * 300_000})
        assert list((disk / "out").iterdir()) == []
        (disk / "out" / "mosaic.fits").write_bytes(b"older")
        with pytest.raises(StorageFull):
            write_folder(disk / "out", replace(mosaic, flux=np.ones((300, 300), "f4")), table, {})
        assert [(path.name, path.read_bytes()) for path in (disk / "out").iterdir()] == [("mosaic.fits", b"older")]


def test_folder_that_is_a_file(tmp_path: Path, mosaic: Mosaic, table: SourceTable) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(ProductError, match="cannot be written"):
        write_folder(tmp_path / "out", mosaic, table, {})
