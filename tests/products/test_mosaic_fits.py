from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from dashboard.errors import EmptyProduct, ProductError
from dashboard.products.mosaic import Mosaic, Provenance
from dashboard.products.mosaic_fits import mosaic_from_hdulist, mosaic_to_hdulist, read_mosaic, write_mosaic


def brightest(mosaic: Mosaic) -> tuple[float, float, float]:
    y, x = np.unravel_index(np.nanargmax(mosaic.significance), mosaic.shape)
    ra, dec = mosaic.wcs.wcs_pix2world(x, y, 0)
    return float(mosaic.significance[y, x]), float(ra), float(dec)


def test_real_isgri_mosaic(shared_data: Path) -> None:
    mosaic = read_mosaic(shared_data / "integral/isgri_mosaic_crab_20-40.fits.gz")
    peak, ra, dec = brightest(mosaic)
    assert peak == pytest.approx(268.3, abs=0.05)
    assert (ra, dec) == pytest.approx((83.605, 21.982), abs=1e-3)
    assert (mosaic.instrument, mosaic.unit, mosaic.band) == ("isgri", "counts/sec", (20.0, 40.0))
    assert mosaic.exposure is not None
    assert np.isnan(mosaic.significance[0, 0]), "ISGRI's zero padding is outside the field"
    assert mosaic.exposure[0, 0] == 0
    assert mosaic.valid.sum() == 479 * 479 - 55612, "pixels with a variance but no intensity are padding too"


def test_real_jemx_mosaic_reads_reconstructed_as_flux(shared_data: Path) -> None:
    mosaic = read_mosaic(shared_data / "integral/jemx1_mosaic_crab_3-35.fits.gz")
    peak, ra, dec = brightest(mosaic)
    assert peak == pytest.approx(283.0, abs=0.05)
    assert (ra, dec) == pytest.approx((83.640, 22.011), abs=1e-3)
    assert (mosaic.instrument, mosaic.unit) == ("jemx1", "counts/cm2/s")
    assert (~mosaic.valid).sum() == 44397
    assert mosaic.ontime > 0 or np.isnan(mosaic.ontime), "template text is no number"


def test_real_significance_only_map(shared_data: Path) -> None:
    mosaic = read_mosaic(shared_data / "integral/isgri_significance_1e1740_25-40.fits.gz")
    peak, ra, dec = brightest(mosaic)
    assert mosaic.significance_only
    assert mosaic.band is None
    assert peak == pytest.approx(60.99, abs=0.01)
    assert (ra, dec) == pytest.approx((259.909, -25.043), abs=1e-3)


@pytest.mark.parametrize("name", ["isgri_mosaic_crab_20-40", "jemx1_mosaic_crab_3-35", "isgri_significance_1e1740_25-40"])
def test_writing_and_reading_gives_the_same_mosaic(shared_data: Path, tmp_path: Path, name: str) -> None:
    mosaic = read_mosaic(shared_data / f"integral/{name}.fits.gz")
    origin = Provenance("SIMULATED", "simulated", "OSA11.2", "CONS", ("0f", "1e"), ("066500220010.001",), 2, 3, 7)
    mosaic = replace(mosaic, provenance=origin)
    write_mosaic(mosaic, tmp_path / "m.fits")
    again = read_mosaic(tmp_path / "m.fits")
    for attribute in ("flux", "variance", "significance", "exposure"):
        np.testing.assert_array_equal(getattr(again, attribute), getattr(mosaic, attribute))
    assert again.provenance == (origin if not mosaic.significance_only else again.provenance)
    assert (again.unit, again.band, again.instrument) == (mosaic.unit, mosaic.band, mosaic.instrument)
    np.testing.assert_allclose(again.wcs.wcs_pix2world([[10, 20]], 0), mosaic.wcs.wcs_pix2world([[10, 20]], 0), rtol=0, atol=1e-9)


def test_hdus_are_found_in_any_order(shared_data: Path) -> None:
    with fits.open(shared_data / "integral/isgri_mosaic_crab_20-40.fits.gz") as hdus:
        straight = mosaic_from_hdulist(hdus)
        turned = mosaic_from_hdulist(fits.HDUList([hdus[0], *reversed(hdus[1:])]))
    np.testing.assert_array_equal(straight.flux, turned.flux)
    np.testing.assert_array_equal(straight.variance, turned.variance)


def test_simulated_products_say_so_in_every_header() -> None:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = ["RA---TAN", "DEC--TAN"], [83.6, 22.0], [5, 5], [-0.08, 0.08]
    ones = np.ones((9, 9))
    hdus = mosaic_to_hdulist(Mosaic(ones, ones, ones, ones, wcs, instrument="isgri", provenance=Provenance(origin="SIMULATED")))
    assert [hdu.header["ORIGIN"] for hdu in hdus] == ["SIMULATED"] * 5


def test_all_zero_placeholder_is_an_empty_product() -> None:
    header = fits.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 0.0, "CRVAL2": 0.0, "CD1_1": -0.1, "CD2_2": 0.1})
    planes = [fits.ImageHDU(np.zeros((100, 100), "f4"), header.copy()) for _ in range(4)]
    for plane, imatype in zip(planes, ("INTENSITY", "VARIANCE", "SIGNIFICANCE", "EXPOSURE"), strict=True):
        plane.header["IMATYPE"] = imatype
    with pytest.raises(EmptyProduct, match="zeros alone"):
        mosaic_from_hdulist(fits.HDUList([fits.PrimaryHDU(), *planes]))


@pytest.mark.parametrize("fill", [0.0, np.nan])
def test_an_empty_jemx_answer_is_no_result_even_without_coordinates(fill: float) -> None:
    planes = [fits.ImageHDU(np.full((100, 100), fill), name="JMX1-MOSA-IMA") for _ in range(3)]
    for plane, imatype in zip(planes, ("RECONSTRUCTED", "VARIANCE", "EXPOSURE"), strict=True):
        plane.header["IMATYPE"] = imatype
        plane.header["CTYPE1"], plane.header["CTYPE2"], plane.header["CRVAL1"], plane.header["CRVAL2"] = "RA---TAN", "DEC--TAN", 0.0, 0.0
    for hdus in ([fits.PrimaryHDU(), *planes], [fits.PrimaryHDU(np.zeros((100, 100)))]):
        with pytest.raises(EmptyProduct, match="nothing to image"):
            mosaic_from_hdulist(fits.HDUList(hdus))


@pytest.mark.parametrize("unit", ["counts/cm2/s", "counts/dm2/s"])
@pytest.mark.parametrize("name", ["jemx1", "jemx2", "jemx"])
def test_jemx_is_written_as_osa_writes_it(unit: str, name: str) -> None:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = ["RA---TAN", "DEC--TAN"], [83.6, 22.0], [5, 5], [-0.026, 0.026]
    flux = np.ones((9, 9))
    flux[0] = np.nan
    hdus = mosaic_to_hdulist(Mosaic(flux, flux, flux, np.nan_to_num(flux), wcs, instrument=name, unit=unit, band=(3.04, 34.88)))
    assert [hdu.header["IMATYPE"] for hdu in hdus[1:]] == ["RECONSTRUCTED", "VARIANCE", "SIGNIFICANCE", "EXPOSURE"]
    assert hdus[2].header["BUNIT"] == f"({unit})**2"
    again = mosaic_from_hdulist(hdus)
    assert (again.instrument, again.unit, again.band) == (name, unit, (3.04, 34.88))
    assert np.isnan(np.asarray(again.flux)[0]).all()


def test_what_is_no_mosaic_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.fits").write_text("no FITS at all")
    with pytest.raises(ProductError, match="cannot be read as FITS"):
        read_mosaic(tmp_path / "text.fits")
    fits.PrimaryHDU().writeto(tmp_path / "empty.fits")
    with pytest.raises(ProductError, match="not a mosaic"):
        read_mosaic(tmp_path / "empty.fits")
