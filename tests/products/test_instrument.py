from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dashboard.errors import ProductError
from dashboard.products.instrument import ISGRI, JEMX, instrument_by_pixel, instrument_of
from dashboard.products.mosaic_fits import read_mosaic


def test_names() -> None:
    assert instrument_of("isgri") is ISGRI
    assert {instrument_of(name).pixel for name in ("jemx1", "jemx2", "jemx")} == {JEMX.pixel}
    with pytest.raises(ProductError, match="'spi' is unknown; it is one of isgri, jemx1"):
        instrument_of("spi")


@pytest.mark.parametrize(
    ("name", "instrument"),
    [("isgri_mosaic_crab_20-40", ISGRI), ("jemx1_mosaic_crab_3-35", JEMX), ("isgri_significance_1e1740_25-40", ISGRI)],
)
def test_pixels_are_those_of_real_mosaics(shared_data: Path, name: str, instrument: object) -> None:
    mosaic = read_mosaic(shared_data / f"integral/{name}.fits.gz")
    pixel = float(np.sqrt(abs(np.linalg.det(mosaic.wcs.pixel_scale_matrix))))
    assert instrument_by_pixel(pixel) is instrument
    assert pixel == pytest.approx(instrument_by_pixel(pixel).pixel, rel=1e-4)
