"""ISLA's files are read as what they are: times, bands, units, software; whatever else they are is a sentence."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import astroquery.esa.integral as astroquery_isla
import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time

from dashboard.archive.packed_files import PackedFile, unpacked
from dashboard.archive.ready_made import MOST_ROWS, RATE_UNIT, light_curves_of, spectra_of
from tests.archive.fake_isla import OSA, fits_bytes, light_curve, spectrum_files
from tests.spectra import spectrum

REAL = Path(astroquery_isla.__file__).parent / "tests" / "data"
"""Files that ISLA sent to astroquery's authors."""
real = pytest.mark.skipif(not REAL.is_dir(), reason="astroquery is installed without its tests")


def files(*contents: bytes) -> list[PackedFile]:
    return [PackedFile(f"file{i}.fits", content) for i, content in enumerate(contents)]


def spectrum_of(**cards: str) -> list[PackedFile]:
    return [PackedFile(name, content) for name, content in spectrum_files(**cards).items()]


@pytest.fixture(params=["UTC", "America/Los_Angeles", "Asia/Tokyo"])
def _time_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = os.environ.get("TZ")
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    assert os.environ.get("TZ") == before
    time.tzset()


@pytest.mark.usefixtures("_time_zone")
def test_times_are_tt_in_every_time_zone() -> None:
    moment = Time("2010-06-01T12:00:00", scale="utc")
    in_utc = light_curve(time=[float(moment.utc.mjd) - 51544], code="D", TIMESYS="UTC")
    in_tt = light_curve(time=[float(moment.tt.mjd) - 51544], code="D")
    seconds = light_curve(time=[(float(moment.tt.mjd) - 51544) * 86400], code="D", TIMEUNIT="s")
    for curve in light_curves_of(files(in_utc, in_tt, seconds)):
        assert curve.mjd[0] == pytest.approx(moment.tt.mjd, abs=1e-8)


def test_a_light_curve_says_band_unit_software_and_how_well_times_are_known() -> None:
    (curve,) = light_curves_of(files(light_curve(time=(3100.75, 3000.25, 3010.5))))
    assert (curve.instrument, curve.band, curve.unit) == ("jemx1", (3.08, 19.85), RATE_UNIT)
    assert curve.software == f"{OSA}, lc_pick 3.4.3"
    assert curve.mjd.tolist() == [54544.25, 54554.5, 54644.75]
    assert curve.rate.tolist() == [11.0, 12.0, 10.0]
    assert curve.precision_s == pytest.approx(np.spacing(np.float32(3100.75)) * 86400)


def test_rows_without_a_measurement_are_left_out() -> None:
    days = [3000.0, np.nan, 3002.0]
    (curve,) = light_curves_of(files(light_curve(time=days)))
    assert curve.mjd.tolist() == [54544.0, 54546.0]
    (empty,) = light_curves_of(files(light_curve(time=[])))
    assert (len(empty), empty.precision_s) == (0, 0.0)


def test_other_instruments_are_left_out() -> None:
    assert light_curves_of(files(light_curve("SPI"))) == ()
    assert spectra_of(spectrum_of(instrument="SPI")) == ()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (fits_bytes(fits.BinTableHDU.from_columns([fits.Column("MJD", "D", array=[1.0])])), "no table with TIME, RATE and ERROR"),
        (light_curve(TIMESYS="LST"), "times in LST in file0.fits"),
        (light_curve(TIMEUNIT="yr"), "times or rates in file0.fits that cannot be read"),
        (light_curve(MJDREF="String"), "times or rates in file0.fits that cannot be read"),
        (light_curve()[:6000], r"cannot be read"),
        (light_curve(time=np.arange(MOST_ROWS + 1)), f"a table of {MOST_ROWS + 1} rows"),
    ],
    ids=["columns", "time system", "unit", "reference", "cut", "long"],
)
def test_a_changed_form_is_a_sentence(content: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        light_curves_of(files(content))


def test_a_spectrum_has_its_response_and_is_marked_as_islas() -> None:
    (found,) = spectra_of(spectrum_of())
    assert found.software == f"{OSA}, ISGRISpectraSum.v5.8.6"
    assert (found.spectrum.source, found.spectrum.instrument, found.spectrum.provenance.origin) == ("Crab", "isgri", "ISLA")
    np.testing.assert_allclose(found.spectrum.rate, spectrum().rate, rtol=1e-6)
    assert len(found.files) == 3


@pytest.mark.parametrize(
    ("missing", "told"), [("_rmf", "redistribution matrix"), ("_arf", "effective area"), ("_spe", "holds no spectrum")]
)
def test_a_spectrum_without_a_part_is_a_sentence(missing: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        spectra_of([file for file in spectrum_of() if not file.name.endswith(f"{missing}.fits")])


@real
def test_light_curves_that_isla_sent() -> None:
    one, two = light_curves_of(unpacked((REAL / "zip_file.zip").read_bytes()))
    assert (one.instrument, len(one), two.instrument, len(two)) == ("jemx1", 863, "jemx2", 4)
    assert one.band == two.band == (3.08, 19.85)
    np.testing.assert_allclose(two.mjd, 51544 + np.array([4985.33, 5036.163, 5740.955, 5743.42]), atol=5e-4)
    np.testing.assert_allclose(two.rate, [7.5025, 4.3429, 5.5295, 11.7929], atol=1e-4)
    assert two.precision_s == pytest.approx(42.19, abs=0.01)


@real
def test_a_spectrum_that_isla_sent() -> None:
    (found,) = spectra_of(unpacked((REAL / "tar_file.tar").read_bytes()))
    assert (found.spectrum.source, found.spectrum.instrument, len(found.spectrum.rate)) == ("SMC X-1", "isgri", 256)
    assert found.spectrum.exposure == pytest.approx(42904.4, abs=0.1)
    assert found.spectrum.redistribution.e_min[0] == pytest.approx(12.5)
    assert found.software == "osa_2022-03-30T09:56:36, ISGRISpectraSum.v5.8.6.extractall"


@real
def test_a_mosaic_that_isla_sent_holds_files() -> None:
    names = [file.name for file in unpacked((REAL / "tar_gz_file.gz").read_bytes())]
    assert names == ["ISGRI_0727_88601650001_28_40_mosaic_smooth.fits", "ISGRI_0727_88601650001_28_40_mosaic_original.fits"]
