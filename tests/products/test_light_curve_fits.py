from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from dashboard.dispatcher.answer import decode_products
from dashboard.errors import EmptyProduct, ProductError
from dashboard.products.light_curve import LOW_EXPOSURE, LightCurve, LightCurveSet
from dashboard.products.light_curve_fits import full_name, light_curves_from_products, read_light_curves, write_light_curves
from dashboard.products.light_curve_rows import ROW_COLUMNS
from dashboard.products.mosaic import Provenance
from tests.combine.curves import curve
from tests.dispatcher.replay import document

ANSWER = Provenance(host="production", osa_version="OSA11.2", job_ids=("j1",), scw=("005100410010.001",))
BIN = 1000 / 86400


def table(columns: dict[str, Any], **header: Any) -> fits.HDUList:
    """A product as the dispatcher sends it, columns in the types OSA uses."""
    n = len(columns["TIME"])
    given = {"RATE": np.ones(n), "ERROR": np.ones(n)} | columns
    forms = {name: "1D" if name in ("TIME", "TIMEDEL", "BARYTIME") else "1E" for name in given}
    hdu = fits.BinTableHDU.from_columns([fits.Column(name, forms[name], array=values) for name, values in given.items()])
    hdu.header.update({"EXTNAME": "ISGR-SRC.-LCR", "NAME": "Crab", "INSTRUME": "IBIS", "TIMEDEL": BIN} | header)
    return fits.HDUList([fits.PrimaryHDU(), hdu])


def read(hdus: fits.HDUList, instrument: str = "isgri", **meta: Any) -> LightCurve:
    (found,) = light_curves_from_products([(meta, hdus)], instrument, None, ANSWER).curves
    return found


def real(shared_data: Path, name: str, instrument: str) -> LightCurve:
    with fits.open(shared_data / "integral" / f"{name}.fits.gz") as hdus:
        return read(hdus, instrument)


def test_real_isgri_bins_have_their_own_half_widths(shared_data: Path) -> None:
    found = real(shared_data, "isgri_lightcurve_oao1657", "isgri")
    assert (found.source, found.band, found.unit, found.provenance.origin) == ("OAO 1657-415", (20.0, 401.0), "count/s", "ISDC")
    np.testing.assert_allclose(found.half_width, [0.00578698, 0.00341336], rtol=1e-5)
    np.testing.assert_allclose(found.rate, [20.148956, 26.316969], rtol=1e-6)
    np.testing.assert_allclose(found.error, [2.3706567, 3.131484], rtol=1e-6)
    assert np.all(np.diff(found.time) >= found.half_width.sum() * (1 - 1e-4)), "bins of one source overlap"
    assert set(found.columns) == {"TOT_COUNTS", "BACKV", "BACKE"}


def test_real_jemx_header_gives_the_full_width(shared_data: Path) -> None:
    found = real(shared_data, "jemx1_lightcurve_crab_20s", "jemx1")
    assert (len(found), found.source, found.dropped) == (96, "J053432.0+220052", 0)
    np.testing.assert_allclose(found.half_width * 86400, 10.0, rtol=1e-6)
    np.testing.assert_allclose(np.diff(found.time) * 86400, 20.0, atol=1e-3)
    assert "BARYTIME" not in found.columns


def test_real_grb_file_with_repeated_time_and_negative_width(shared_data: Path) -> None:
    found = real(shared_data, "jemx1_lightcurve_grb221009a", "jemx1")
    assert (found.source, len(found), found.dropped) == ("GRB221009A", 197, 1)
    assert np.all(np.diff(found.time) > 0)
    np.testing.assert_allclose(found.half_width * 86400, 500.0, rtol=1e-6)
    row = np.argmin(np.abs(found.time - 8320.82754631))
    assert (found.rate[row], found.error[row]) == pytest.approx((0.1371, 0.4265)), "the background's 8.18 +- 0.09 is no rate of the source"
    assert np.sum(found.flags & LOW_EXPOSURE > 0) == np.sum(found.fracexp < 0.1) == 9


@pytest.mark.parametrize(
    ("case", "instrument", "source", "rows", "half_width"),
    [
        ("04_dummy_sync_isgri_lc", "isgri", "OAO 1657-415", 2, 500.0),
        ("04_dummy_sync_jemx_lc", "jemx1", "J053432.0+220052", 1, 500.0),
        ("07_real_blocking_jemx_lc", "jemx1", "J053432.0+220052", 96, 10.0),
    ],
)
def test_recorded_answers(shared_data: Path, case: str, instrument: str, source: str, rows: int, half_width: float) -> None:
    parts = [(product.meta, product.hdulist) for product in decode_products(document(shared_data, case))]
    (found,) = light_curves_from_products(parts, instrument, (20.0, 40.0), ANSWER).curves
    assert (found.source, len(found), found.band, found.provenance.host) == (source, rows, (20.0, 40.0), "production")
    assert found.half_width[0] * 86400 == pytest.approx(half_width, rel=1e-4)
    assert {getattr(found, name).dtype.byteorder for name in ROW_COLUMNS} <= {"=", "|"}


def test_timedel_column_is_the_full_width_and_goes_before_the_keyword() -> None:
    found = read(table({"TIME": [10.0, 11.0], "TIMEDEL": [0.2, -0.4]}, INSTRUME="JMX1"), "jemx1")
    np.testing.assert_allclose(found.half_width, [0.1, 0.2])


def test_half_widths_move_with_their_rows_when_sorted() -> None:
    found = read(table({"TIME": [12.0, 10.0, 11.0], "XAX_E": [0.12, 0.10, 0.11], "RATE": [120, 100, 110], "BACKV": [3, 1, 2]}))
    np.testing.assert_allclose(found.time, [10, 11, 12])
    np.testing.assert_allclose(found.half_width, [0.10, 0.11, 0.12], rtol=1e-6)
    np.testing.assert_allclose(found.rate, [100, 110, 120])
    np.testing.assert_allclose(found.columns["BACKV"], [1, 2, 3])


def test_half_width_of_zero_falls_back_on_the_nominal_width() -> None:
    np.testing.assert_allclose(read(table({"TIME": [10.0, 11.0], "XAX_E": [0.004, 0.0]})).half_width, [0.004, BIN / 2], rtol=1e-6)
    nothing = table({"TIME": [10.0]})
    del nothing[1].header["TIMEDEL"]
    np.testing.assert_allclose(read(nothing, time_bin=0.5).half_width, [0.25])
    with pytest.raises(ProductError, match="unknown width"):
        read(nothing)


def test_seconds_are_taken_for_seconds() -> None:
    hdus = table({"TIME": [86400.0], "XAX_E": [432.0]}, TIMEUNIT="s", TIMEDEL=864.0)
    hdus[1].columns["XAX_E"].unit = "s"
    found = read(hdus)
    assert (found.time[0], found.half_width[0]) == pytest.approx((1.0, 0.005))


@pytest.mark.parametrize(("pixel", "middle"), [({}, 10.0), ({"TIMEPIXR": 0.5}, 10.0), ({"TIMEPIXR": 0.0}, 10.0 + BIN / 2)])
def test_time_is_the_middle_of_the_bin(pixel: dict[str, float], middle: float) -> None:
    assert read(table({"TIME": [10.0]}, **pixel)).time[0] == pytest.approx(middle, abs=1e-9)


def test_rows_without_measurement_are_left_out_and_counted() -> None:
    rate, error = [5, 0, np.nan, 4, 3, 0], [1, 0, 1, np.inf, -1, 2]
    found = read(table({"TIME": np.arange(6.0), "RATE": rate, "ERROR": error, "XAX_E": np.arange(1, 7) / 1000}))
    np.testing.assert_array_equal(found.time, [0, 5])
    np.testing.assert_allclose(found.half_width, [0.001, 0.006], rtol=1e-6)
    assert found.dropped == 4
    with pytest.raises(EmptyProduct, match="Crab"):
        read(table({"TIME": [1.0, 2.0], "RATE": [0, 0], "ERROR": [0, 0]}))


def test_repeated_bin_keeps_the_smaller_error_unless_the_two_contradict() -> None:
    time, rate, error = [1.0, 1.0, 2.0, 2.0, 3.0, 3.0], [5, 5.5, 5, 50, 7, 8], [1, 0.9, 1, 0.1, 1, 0.5]
    found = read(table({"TIME": time, "RATE": rate, "ERROR": error, "XAX_E": [0.001] * 4 + [0.001, 0.002]}))
    np.testing.assert_allclose(found.rate, [5.5, 5, 7, 8])
    assert found.dropped == 2, "rows of one time and different widths are two bins"


def test_each_source_has_its_own_curve_under_its_full_name() -> None:
    parts = [
        ({"src_name": "Swift J151857.0-572147"}, table({"TIME": [1.0]}, NAME="Swift J151857.0-")),
        ({"src_name": "Crab"}, table({"TIME": [2.0]}, NAME="Crab")),
        ({"src_name": "Crab Nebula"}, table({"TIME": [3.0]}, NAME="Crab Nebula")),
    ]
    found = light_curves_from_products(parts, "isgri", None, ANSWER)
    assert found.sources == ("Swift J151857.0-572147", "Crab", "Crab Nebula")
    assert [c.time[0] for c in found.curves] == [1, 2, 3], "names are equal or not; one within another is not the same source"


def test_name_of_the_header_stands_in_for_template_text() -> None:
    assert read(table({"TIME": [1.0]}, NAME="GX 1+4"), src_name="String").source == "GX 1+4"
    assert read(table({"TIME": [1.0]}, NAME="String", SOURCEID="J053432.0+220052"), src_name="String").source == "J053432.0+220052"
    with pytest.raises(ProductError, match="names no source"):
        read(table({"TIME": [1.0]}, NAME="String"))
    cut = table({"TIME": [1.0]}, NAME="OAO 1657 415")
    found = light_curves_from_products([({}, cut)], "isgri", None, ANSWER, names=("Crab", "OAO 1657-415"))
    assert found.sources == ("OAO 1657-415",)
    other = table({"TIME": [1.0]}, NAME="OAO 1657 415")
    found = light_curves_from_products([({"src_name": "NEW_1"}, other)], "isgri", None, ANSWER, names=("Crab", "OAO 1657-415"))
    assert found.sources == ("NEW_1",), "the name of the meta data goes before the header's"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("GX 1+4", "GX 1+4"),
        ("GX 1 4", "GX 1+4"),
        ("Swift J151857.0-5721", "Swift J151857.0-572147"),
        ("Swift J151857.0-", "Swift J151857.0-572147"),
        ("Swift J1518", ""),
        ("GX", ""),
        ("IGR J17091-3624", ""),
        ("IGR J17091 3624", ""),
    ],
)
def test_full_name(name: str, meant: str) -> None:
    ambiguous = ("IGR J17091-3624 a", "IGR J17091-3624 b")
    assert full_name(name, ("GX 1+4", "GX 13+1", "Swift J151857.0-572147", *ambiguous)) == meant


def test_several_tables_of_one_product_are_told_apart_by_their_headers() -> None:
    hdus = table({"TIME": [1.0]}, NAME="Crab")
    hdus.append(table({"TIME": [2.0]}, NAME="GX 1+4")[1])
    assert light_curves_from_products([({"src_name": "Crab"}, hdus)], "isgri", None, ANSWER).sources == ("Crab", "GX 1+4")


def test_low_exposure_is_flagged() -> None:
    found = read(table({"TIME": [1.0, 2.0, 3.0], "FRACEXP": [0.05, 0.5, np.nan]}))
    np.testing.assert_array_equal(found.flags, [LOW_EXPOSURE, 0, 0])


def test_simulated_stays_simulated() -> None:
    assert read(table({"TIME": [1.0]}, ORIGIN="SIMULATED")).provenance.simulated


def test_what_cannot_be_read_is_refused_with_a_reason() -> None:
    with pytest.raises(ProductError, match="no light curve"):
        light_curves_from_products([({}, fits.HDUList([fits.PrimaryHDU()]))], "isgri", None, ANSWER)
    with pytest.raises(ProductError, match="of isgri, not of jemx1"):
        read(table({"TIME": [1.0]}), "jemx1")
    with pytest.raises(ProductError, match="UTC"):
        read(table({"TIME": [1.0]}, TIMESYS="UTC"))


def test_store_is_an_exact_round_trip(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    full = curve(np.sort(rng.uniform(1000, 8000, 500)), "η Carinae", rate=rng.normal(size=500), batch=rng.integers(0, 3, 500).astype("i4"))
    full = replace(full, batch_ids=("a", "b", "c"), columns={"BRATE": rng.normal(size=500).astype("f4"), "N": np.arange(500, dtype="i2")})
    bare = replace(curve([]), band=None, ra=float("nan"), dec=float("nan"), provenance=Provenance(), dropped=7)
    write_light_curves(LightCurveSet((full, bare, curve([1.0, 2.0]))), tmp_path / "curves.fits")
    again = read_light_curves(tmp_path / "curves.fits")
    assert again.sources == ("η Carinae", "Crab", "Crab")
    for was, now in zip((full, bare, curve([1.0, 2.0])), again.curves, strict=True):
        for name in (*ROW_COLUMNS, *was.columns):
            mine, its = (c.columns[name] if name in c.columns else getattr(c, name) for c in (was, now))
            assert mine.dtype == its.dtype
            np.testing.assert_array_equal(mine, its)
        others = {key: value for key, value in asdict(was).items() if key not in (*ROW_COLUMNS, "columns", "ra", "dec")}
        assert {key: asdict(now)[key] for key in others} == others
        np.testing.assert_array_equal((was.ra, was.dec), (now.ra, now.dec))


def test_stored_file_says_simulated_and_others_are_refused(tmp_path: Path) -> None:
    write_light_curves(LightCurveSet((curve([1.0]),)), tmp_path / "curves.fits")
    assert fits.getheader(tmp_path / "curves.fits", 1)["ORIGIN"] == "SIMULATED"
    fits.PrimaryHDU().writeto(tmp_path / "other.fits")
    (tmp_path / "text.fits").write_text("nothing")
    for name in ("other.fits", "text.fits", "missing.fits"):
        with pytest.raises(ProductError):
            read_light_curves(tmp_path / name)
