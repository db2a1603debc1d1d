"""Fluxes measured on a sum are those of its batches, though resampling takes a part of every peak."""

from __future__ import annotations

import pytest

from dashboard.analysis.psf import through_spline
from dashboard.analysis.sources import find_sources
from dashboard.combine.grid import Grid
from dashboard.combine.mosaic_sum import MosaicSum
from dashboard.products.catalog import CatalogSource, SourceCatalog
from dashboard.products.instrument import ISGRI
from tests.combine.skies import batch, tan_wcs

SKY = ((83.63, 22.01, 3000.0), (85.1, 23.4, 700.0), (82.4, 20.7, 250.0))


def test_loss_is_the_measured_one() -> None:
    """Amplitude 0.989 for ISGRI's 12' in 4.94' pixels, 0.97 for JEM-X's 3' in 1.5'; nothing is lost of a wide PSF."""
    assert through_spline(1.03)[0] == pytest.approx(0.989, abs=0.001)
    assert through_spline(0.85)[0] == pytest.approx(0.970, abs=0.003)
    assert through_spline(4.0) == pytest.approx((1.0, 4.0), rel=1e-4)


def test_flux_of_a_resampled_sum_is_the_injected_one() -> None:
    total = MosaicSum(Grid("TAN", (83.63, 22.01), ISGRI.pixel, (220, 220), (110.0, 110.0)))
    for number in range(8):
        centre = 83.63 + 0.37 * (number - 3.5), 22.01 + 0.29 * ((3 * number) % 8 - 3.5)
        total.add(batch(tan_wcs(*centre, roll=23.0 * number), SKY, seed=number, sigma=1.0), str(number))
    mosaic = total.result()
    assert "RESAMPLE" in mosaic.keywords
    catalog = SourceCatalog(tuple(CatalogSource(f"S{i}", ra, dec) for i, (ra, dec, _) in enumerate(SKY)))
    found = {source.name: source for source in find_sources(mosaic, catalog).sources}
    for index, (_, _, flux) in enumerate(SKY):
        source = found[f"S{index}"]
        assert abs(source.flux - flux) < 0.004 * flux + 3 * source.flux_error, source
