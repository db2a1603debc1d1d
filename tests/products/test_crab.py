"""The Crab's rates are those of published and of real files, each in its own unit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from dashboard.errors import ProductError
from dashboard.products.crab import ACCURACY, crab_rate

BAND = (3.04, 34.88)


@pytest.mark.parametrize(("band", "rate"), [((20, 40), 209.8), ((40, 60), 76.3), ((60, 100), 52.6)])
def test_isgri(band: tuple[float, float], rate: float) -> None:
    assert crab_rate(band) == pytest.approx(rate, rel=ACCURACY["isgri"])
    assert crab_rate(band, unit="counts/sec") == crab_rate(band)


def test_jemx_mosaic_and_its_unit() -> None:
    assert crab_rate(BAND, "jemx1") == pytest.approx(0.164, rel=0.002)
    assert crab_rate(BAND, "jemx1", unit="counts/dm2/s") == pytest.approx(16.4, rel=0.002)
    assert crab_rate(BAND, "jemx2") == crab_rate(BAND, "jemx1")
    assert ACCURACY["jemx2"] > ACCURACY["jemx1"]


@pytest.mark.parametrize("instrument", ["isgri", "jemx1"])
def test_bands_add_up(instrument: str) -> None:
    parts = [(20.0, 25.0), (25.0, 35.0)] if instrument == "isgri" else [(3.0, 10.0), (10.0, 20.0), (20.0, 35.0)]
    whole = (parts[0][0], parts[-1][1])
    assert sum(crab_rate(part, instrument) for part in parts) == pytest.approx(crab_rate(whole, instrument), rel=1e-4)


def test_jemx_spectrum_and_light_curve_of_the_crab(shared_data: Path) -> None:
    spectrum = Table.read(shared_data / "integral/jemx1_spectrum_crab.fits.gz")
    bounds = Table.read(shared_data / "integral/jemx1_rmf_crab.fits.gz", hdu="EBOUNDS")
    measured = np.asarray(spectrum["RATE"])
    expected = np.array([crab_rate((low, high), "jemx1", "spectrum") for low, high in zip(bounds["E_MIN"], bounds["E_MAX"], strict=True)])
    assert measured.sum() == pytest.approx(expected.sum(), rel=ACCURACY["jemx1"])
    # Below 19 keV channel by channel; above, the real errors are as large as the rates.
    assert measured[:11] == pytest.approx(expected[:11], rel=0.12)
    curve = Table.read(shared_data / "integral/jemx1_lightcurve_crab_1bin.fits.gz", hdu="JMX1-SRC.-LCR")
    assert float(curve["RATE"][0]) == pytest.approx(crab_rate(BAND, "jemx1", "lightcurve"), rel=ACCURACY["jemx1"])


@pytest.mark.parametrize(
    ("band", "instrument", "unit"),
    [
        ((3.0, 10.0), "isgri", ""),
        ((3.0, 60.0), "jemx1", ""),
        ((20.0, 20.0), "isgri", ""),
        (BAND, "jemx1", "counts/s"),
        ((20.0, 40.0), "isgri", "counts/cm2/s"),
    ],
)
def test_without_a_reference_there_is_no_number(band: tuple[float, float], instrument: str, unit: str) -> None:
    assert np.isnan(crab_rate(band, instrument, unit=unit))


def test_another_instrument_is_refused() -> None:
    with pytest.raises(ProductError, match="spi"):
        crab_rate((20.0, 40.0), "spi")
