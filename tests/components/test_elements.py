from __future__ import annotations

import pytest
from astropy.wcs import WCS

from components.elements.sky import source_columns
from dashboard.products.catalog import MeasuredSource, SourceTable


def sky(ra: float, dec: float, size: int = 200, pixel: float = 0.0823, projection: str = "TAN") -> WCS:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"RA---{projection}", f"DEC--{projection}"]
    wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = [ra, dec], [size / 2, size / 2], [-pixel, pixel]
    return wcs


def test_rings_stand_on_their_sources() -> None:
    wcs = sky(83.6, 22.0)
    sources = (
        MeasuredSource("Crab", 83.6331, 22.0145, 1, 1, 9, 9, 0.2),
        MeasuredSource("faint", 84.0, 22.0, 1, 1, 1, 1, 0.2, kind="forced"),
    )
    columns = source_columns(SourceTable(sources), wcs)
    assert columns["name"] == ["Crab"], "what is not detected has no ring"
    assert wcs.wcs_pix2world(columns["x"][0], columns["y"][0], 0) == pytest.approx([83.6331, 22.0145], abs=1e-9)
    assert source_columns(SourceTable(), wcs)["x"] == []
