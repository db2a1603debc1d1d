from __future__ import annotations

import csv
import io
import warnings
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.io.votable import parse, validate
from astropy.table import QTable, Table

from dashboard.analysis.rebin import rebin, with_systematics
from dashboard.errors import ProductError, RequestError, StorageFull
from dashboard.export.light_curve_files import FORMS, file_stems, write_light_curve_files
from dashboard.products.light_curve import CUT_AT_BATCH_EDGE, TOTAL_ERROR, LightCurve, LightCurveSet
from dashboard.products.light_curve_fits import light_curves_from_products
from dashboard.products.mosaic import Provenance
from tests.combine.curves import ORIGIN, curve
from tests.small_disk import small_disk

SYSTEMATIC = 0.05


@pytest.fixture
def flaring() -> LightCurve:
    """Half an hour apart, with a gap; the exposed fraction is that of JEM-X."""
    time = np.concatenate([3000 + np.arange(20) / 86.4, 3005 + np.arange(10) / 86.4])
    rng = np.random.default_rng(3)
    return curve(
        time,
        "Vela X-1",
        "jemx1",
        rate=rng.uniform(1, 50, 30),
        error=rng.uniform(0.5, 2, 30),
        fracexp=rng.uniform(0.2, 0.9, 30),
        flags=np.full(30, CUT_AT_BATCH_EDGE, np.uint8),
        batch=np.array([0] * 20 + [1] * 10, "i4"),
        batch_ids=("b0", "b1"),
        band=(3.0, 20.0),
        provenance=replace(ORIGIN, job_ids=("j0", "j1"), batches_used=2, batches_asked=3),
    )


def written(folder: Path, found: LightCurve, suffix: str) -> Path:
    return next(path for path in write_light_curve_files(folder, LightCurveSet((found,)), SYSTEMATIC) if path.suffix == suffix)


@pytest.mark.slow  # stingray compiles for some 15 s when it is imported
def test_stingray_reads_the_same_times_and_rates(tmp_path: Path, flaring: LightCurve) -> None:
    path = written(tmp_path, flaring, ".fits")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read = import_module("stingray").Lightcurve.read(str(path), fmt="ogip")
    np.testing.assert_allclose(np.asarray(read.time / 86400 + read.mjdref, float), flaring.mjd, atol=1e-9, rtol=0)
    np.testing.assert_allclose(np.asarray(read.countrate, float), flaring.rate, rtol=1e-12)
    np.testing.assert_allclose(np.asarray(read.countrate_err, float), flaring.error, rtol=1e-12)
    assert float(read.dt) == pytest.approx(1000.0)
    assert len(read.gti) == 2, "the gap is no good time"
    edges = (flaring.time[[0, 20]] - 500 / 86400, flaring.time[[19, 29]] + 500 / 86400)
    np.testing.assert_allclose(np.asarray(read.gti, float).T / 86400, edges, atol=1e-9, rtol=0)


def test_ogip_header_says_what_it_is_and_where_it_comes_from(tmp_path: Path, flaring: LightCurve) -> None:
    with fits.open(written(tmp_path, flaring, ".fits")) as hdus:
        hdus.verify("exception")
        rows, header = hdus["RATE"].data, hdus["RATE"].header
        assert hdus[0].header["ORIGIN"] == "SIMULATED"
        expected = {"HDUCLASS": "OGIP", "HDUCLAS1": "LIGHTCURVE", "HDUCLAS2": "NET", "HDUCLAS3": "RATE", "TIMESYS": "TT", "TIMEUNIT": "s"}
        expected |= {"OBJECT": "Vela X-1", "ORIGIN": "SIMULATED", "OSAVERS": "OSA11.2", "MMODAHST": "simulated", "INSTRUME": "JMX1"}
        numbers = {"MJDREFI": 51544, "MJDREFF": 0, "TIMEPIXR": 0.5, "E_MIN": 3, "E_MAX": 20, "RA_OBJ": 83.63, "DEC_OBJ": 22.01}
        numbers |= {"NBATUSED": 2, "NBATASK": 3, "NSCW": 1, "SYSFRAC": SYSTEMATIC, "SIMSEED": 5}
        assert {key: header[key] for key in expected | numbers} == expected | numbers
        assert header["TIMEDEL"] == pytest.approx(1000.0)
        assert header["TSTART"] / 86400 == pytest.approx(flaring.time[0] - flaring.half_width[0], abs=1e-9)
        np.testing.assert_allclose(rows["TIMEDEL"], 2 * 86400 * flaring.half_width)
        np.testing.assert_array_equal(rows["ERROR"], flaring.error)
        np.testing.assert_allclose(rows[TOTAL_ERROR], np.hypot(flaring.error, SYSTEMATIC * flaring.rate))
        np.testing.assert_allclose(rows["EXPOSURE"], 1000 * flaring.fracexp)
        np.testing.assert_allclose(rows["MARK"], flaring.columns["MARK"])
        assert "FRACEXP" not in rows.names, "readers would divide the corrected rate by it"
        assert list(hdus["BATCHES"].data["BATCH_ID"][rows["BATCH"] - 1]) == ["b0"] * 20 + ["b1"] * 10
        assert (list(hdus["JOBS"].data["JOB_ID"]), list(hdus["SCW"].data["SWID"])) == (["j0", "j1"], list(ORIGIN.scw))


def test_ogip_file_of_ours_opens_again_as_a_light_curve(tmp_path: Path, flaring: LightCurve) -> None:
    with fits.open(written(tmp_path, flaring, ".fits")) as hdus:
        (found,) = light_curves_from_products([({}, hdus)], "jemx1", None, Provenance()).curves
    assert (found.source, found.band, found.provenance.simulated) == ("Vela X-1", (3.0, 20.0), True)
    np.testing.assert_allclose(found.time, flaring.time, atol=1e-9, rtol=0)
    np.testing.assert_allclose(found.half_width, flaring.half_width)
    np.testing.assert_array_equal(found.rate, flaring.rate)


def test_tables_hold_the_same_rows(tmp_path: Path, flaring: LightCurve) -> None:
    ecsv = QTable.read(written(tmp_path, flaring, ".ecsv"))
    assert (str(ecsv["rate"].unit), str(ecsv["half_width"].unit), ecsv.meta["origin"]) == ("ct / s", "d", "SIMULATED")
    np.testing.assert_array_equal(ecsv["rate"].value, flaring.rate)
    np.testing.assert_array_equal(ecsv["mjd_tt"].value, flaring.mjd)
    assert set(ecsv["cut_at_batch_edge"]) == {True}
    assert list(ecsv["batch"]) == ["b0"] * 20 + ["b1"] * 10
    path = written(tmp_path, flaring, ".vot")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = Table.read(path)
        infos = {info.name: info.value for info in parse(path).infos}
        report = io.StringIO()
        assert validate(str(path), report), report.getvalue()
    np.testing.assert_array_equal(table["total_error"], np.hypot(flaring.error, SYSTEMATIC * flaring.rate))
    assert (infos["origin"], infos["osavers"], infos["timesys"], infos["nbatask"]) == ("SIMULATED", "OSA11.2", "TT", "3")


def test_csv_has_units_in_its_names_and_the_origin_on_every_line(tmp_path: Path, flaring: LightCurve) -> None:
    flaring = replace(flaring, fracexp=np.full(30, np.nan))
    with written(tmp_path, flaring, ".csv").open() as file:
        lines = list(csv.DictReader(file))
    assert {(line["origin"], line["source"], line["fracexp"]) for line in lines} == {("SIMULATED", "Vela X-1", "")}
    assert [float(line["rate[count/s]"]) for line in lines] == list(flaring.rate)
    assert [float(line["mjd_tt_d"]) for line in lines] == list(flaring.mjd)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/abs", "a\\b", "..", "", "4U 0614+091", "η Car\n", "x" * 500, "nul\0", "-rf"])
def test_names_of_files_are_safe_whatever_the_source_is_called(tmp_path: Path, name: str) -> None:
    paths = write_light_curve_files(tmp_path / "out", LightCurveSet((curve([1.0], name), curve([1.0], name.upper()))), 0)
    assert {path.parent for path in paths} == {tmp_path / "out"}
    assert {path.name for path in paths} == {path.name for path in (tmp_path / "out").iterdir()}
    assert len({path.name.casefold() for path in paths}) == 2 * (1 + len(FORMS)), "one file replaces another"
    assert all(len(path.name) < 120 and path.name.isprintable() and path.name.isascii() for path in paths)
    assert {path.parent.name for path in tmp_path.rglob("*.fits")} == {"out"}


def test_different_bands_and_instruments_have_different_names() -> None:
    curves = (curve([1.0]), curve([1.0], band=(40.0, 80.0)), curve([1.0], instrument="jemx2"), curve([1.0], band=None))
    assert len(set(file_stems(LightCurveSet(curves)))) == 4


def test_total_errors_that_are_there_are_kept(tmp_path: Path, flaring: LightCurve) -> None:
    found = replace(with_systematics(rebin(flaring, 5000), 0.03), unit="Crab", instrument="jemx1+jemx2")
    assert QTable.read(written(tmp_path, found, ".ecsv"))["rate"].unit.name == "Crab"
    assert Table.read(written(tmp_path, found, ".vot"))["rate"].description == "in Crab"
    assert "rate[Crab]" in written(tmp_path, found, ".csv").read_text().splitlines()[0]
    with fits.open(written(tmp_path, found, ".fits")) as hdus:
        assert hdus["RATE"].header["SYSFRAC"] == pytest.approx(0.03)
        np.testing.assert_array_equal(hdus["RATE"].data[TOTAL_ERROR], found.columns[TOTAL_ERROR])


def test_curve_without_rows_is_written_too(tmp_path: Path) -> None:
    paths = write_light_curve_files(tmp_path, LightCurveSet((curve([]),)), 0.01)
    with fits.open(paths[0]) as hdus:
        assert len(hdus["RATE"].data) == len(hdus["GTI"].data) == 0


def test_wrong_fraction_and_unwritable_folders_are_refused(tmp_path: Path, flaring: LightCurve) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RequestError):
        write_light_curve_files(tmp_path, LightCurveSet((flaring,)), -1)
    with pytest.raises(ProductError, match="Choose another folder"):
        write_light_curve_files(tmp_path / "file", LightCurveSet((flaring,)), 0)


def test_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    many = curve(3000 + np.arange(20_000) / 86.4)
    with small_disk(tmp_path / "disk", 1000) as disk:
        with pytest.raises(StorageFull):
            write_light_curve_files(disk / "out", LightCurveSet((curve([1.0]), many)), 0)
        assert list((disk / "out").iterdir()) == []
