"""Detection on real products, against what the dispatcher that made them says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import angular_separation
from astropy.table import Table

from dashboard.analysis.sources import find_sources
from dashboard.products.catalog import CatalogSource, SourceCatalog
from dashboard.products.mosaic_fits import read_mosaic

CRAB = (83.633, 22.0145)


def read_catalog(path: Path) -> SourceCatalog:
    return SourceCatalog(
        tuple(
            CatalogSource(
                str(row["src_names"]).strip(),
                float(row["ra"]),
                float(row["dec"]),
                float(row["significance"]),
                err_rad=float(row["ERR_RAD"]),
            )
            for row in Table.read(path)
        )
    )


def arcmin(a: tuple[float, float], b: tuple[float, float]) -> float:
    return float(np.degrees(angular_separation(*np.radians([*a, *b]))) * 60)


def test_isgri_crab(shared_data: Path) -> None:
    mosaic = read_mosaic(shared_data / "integral/isgri_mosaic_crab_20-40.fits.gz")
    catalog = read_catalog(shared_data / "integral/isgri_catalog_crab.fits.gz")
    assert np.nanmax(mosaic.significance) == pytest.approx(268.3, abs=0.05)
    table = find_sources(mosaic, catalog)
    (crab,) = table.detected
    assert (crab.name, crab.kind) == ("Crab", "known")
    assert crab.significance == pytest.approx(294.5, rel=0.005)
    assert crab.flux == pytest.approx(155.7, rel=0.005)
    # The dispatcher's position is its own fit to this mosaic; the pulsar's is what the sky says.
    assert crab.offset < 0.05
    assert arcmin((crab.ra, crab.dec), CRAB) == pytest.approx(0.195, abs=0.05)
    assert crab.position_error > crab.offset
    assert table.sky_width == pytest.approx(1.32, abs=0.02)
    assert table.psf_sigma == pytest.approx(1.243, abs=0.01)
    assert table.negative_peaks == 0
    # Forced photometry agrees with the significances that the dispatcher gives to sources it did not detect.
    theirs = {s.name: s.significance for s in catalog.sources}
    forced = {s.name: s for s in table.sources if s.kind == "forced"}
    assert forced["1A 0535+262"].significance == pytest.approx(3.10, abs=0.1)
    assert all(abs(s.significance - theirs[name]) < 0.4 for name, s in forced.items() if theirs[name] > 0)
    assert all(s.upper_limit > 0 for s in forced.values())


def test_jemx_crab(shared_data: Path) -> None:
    mosaic = read_mosaic(shared_data / "integral/jemx1_mosaic_crab_3-35.fits.gz")
    table = find_sources(mosaic, read_catalog(shared_data / "integral/jemx1_catalog_crab.fits.gz"))
    y, x = np.mgrid[: mosaic.shape[0], : mosaic.shape[1]]
    away = np.hypot(x - 190, y - 193) > 15
    # Without the width of its noise this map would be full of sources, and more so of holes.
    assert (mosaic.significance[away] > 7).sum() == pytest.approx(62, abs=5)
    assert (mosaic.significance[away] < -7).sum() == pytest.approx(108, abs=5)
    assert [s.name for s in table.detected] == ["Crab"]
    assert table.negative_peaks == 0
    crab = table.detected[0]
    assert crab.offset < 0.1
    assert arcmin((crab.ra, crab.dec), CRAB) == pytest.approx(0.19, abs=0.05)
    # The peak that JEM-X's own source location fits: 0.16384.
    assert crab.flux == pytest.approx(0.16384, rel=0.005)
    assert table.flux_unit == "counts/cm2/s"
    assert table.psf_sigma == pytest.approx(1.153, abs=0.01)
    assert crab.significance == pytest.approx(302.6, rel=0.01)
    assert crab.scaled_significance == pytest.approx(134.6, rel=0.03)
    assert 2.0 <= table.sky_width <= 2.3


def test_the_new_source_of_the_jemx_catalogue_is_none(shared_data: Path) -> None:
    """The dispatcher gives it 20 sigma; its peak is there, but at 4.6 widths of a sky that has as many holes as peaks so deep."""
    mosaic = read_mosaic(shared_data / "integral/jemx1_mosaic_crab_3-35.fits.gz")
    catalog = read_catalog(shared_data / "integral/jemx1_catalog_crab.fits.gz")
    assert [s.significance for s in catalog.sources] == pytest.approx([599.3, 20.3], abs=0.1)
    (_, claimed) = find_sources(mosaic, catalog).sources
    assert (claimed.name, claimed.kind) == ("NEW SOURCE", "forced")
    assert claimed.significance == pytest.approx(9.8, abs=0.2)
    assert claimed.scaled_significance == pytest.approx(4.6, abs=0.2)
    assert claimed.flux == pytest.approx(0.0055, abs=0.0002)
    assert claimed.upper_limit > claimed.flux
    low = find_sources(mosaic, catalog, threshold=4.0)
    assert [s.name for s in low.detected[:2]] == ["Crab", "NEW SOURCE"]
    assert low.detected[1].offset < 0.3
    assert low.negative_peaks > len(low.detected)


def test_galactic_centre_significance(shared_data: Path) -> None:
    mosaic = read_mosaic(shared_data / "integral/isgri_significance_1e1740_25-40.fits.gz")
    assert mosaic.significance_only
    assert np.nanmax(mosaic.significance) == pytest.approx(61.0, abs=0.05)
    table = find_sources(mosaic, SourceCatalog())
    brightest, second = table.detected[:2]
    assert arcmin((brightest.ra, brightest.dec), (259.909, -25.043)) < 3
    assert arcmin((brightest.ra, brightest.dec), (259.9035, -25.0175)) < 0.5
    assert brightest.significance == pytest.approx(63, abs=1.5)
    assert arcmin((second.ra, second.dec), (263.013, -24.746)) < 0.5
    assert np.isnan(brightest.flux)
    named = find_sources(mosaic, SourceCatalog((CatalogSource("1E 1740.7-2942", 265.979, -29.745),)), include_new=False)
    assert named.sources[0].name == "1E 1740.7-2942"
