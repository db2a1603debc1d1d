from __future__ import annotations

import numpy as np
import pytest
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st

from components.elements.graticule import graticule
from components.elements.scale import Scale, natural_scale
from components.elements.sky import source_columns
from dashboard.products.catalog import MeasuredSource, SourceTable


def sky(ra: float, dec: float, size: int = 200, pixel: float = 0.0823, projection: str = "TAN") -> WCS:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"RA---{projection}", f"DEC--{projection}"]
    wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = [ra, dec], [size / 2, size / 2], [-pixel, pixel]
    return wcs


@given(st.sampled_from(("linear", "asinh", "sqrt")), st.floats(-1e3, 1e3), st.floats(1e-3, 1e4), st.floats(0, 1), st.floats(1e-3, 10))
def test_an_index_stands_for_its_value(stretch: str, low: float, width: float, part: float, knee: float) -> None:
    scale = Scale(low, low + width, stretch, knee * width)
    value = low + part * width
    index = int(scale.indices(np.array([value]))[0])
    neighbours = scale.value(max(index - 1, 1)), scale.value(min(index + 1, 255))
    assert neighbours[0] - 1e-9 * width <= value <= neighbours[1] + 1e-9 * width
    assert index >= 1


def test_invalid_and_clipped_pixels() -> None:
    np.testing.assert_array_equal(Scale(0, 1, "linear").indices(np.array([np.nan, -5, 0, 1, 9, np.inf])), [0, 1, 1, 255, 255, 0])


def test_a_bright_source_does_not_hide_the_noise() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(200, 200))
    values[100, 100] = 1400.0
    indices = natural_scale(values, "significance").indices(values)
    assert indices[100, 100] == 255
    assert np.ptp(np.percentile(indices, (5, 95))) >= 2, "noise keeps several colours"


@pytest.mark.parametrize(
    ("ra", "dec", "projection"), [(83.6, 22.0, "TAN"), (0.5, -10.0, "TAN"), (120.0, 87.0, "ZEA"), (266.0, -29.0, "ZEA")]
)
def test_graticule_lines_run_where_they_say(ra: float, dec: float, projection: str) -> None:
    wcs = sky(ra, dec, projection=projection)
    grid = graticule(wcs, (200, 200))
    assert len(grid.lines) == len(grid.labels) >= 6
    for line, (_, _, text) in zip(grid.lines, grid.labels, strict=True):
        world = wcs.wcs_pix2world(line, 0)
        value = float(text.rstrip("°"))
        if text[0] in "+-":
            np.testing.assert_allclose(world[:, 1], value, atol=1e-6)
        else:
            np.testing.assert_allclose((world[:, 0] - value + 180) % 360 - 180, 0, atol=1e-6)
        assert line.min() >= -0.5
        assert line.max() <= 199.5


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


@given(st.sampled_from(("linear", "asinh", "sqrt")), st.floats(-100, 100), st.floats(1, 1e4))
def test_ticks_say_what_their_colours_stand_for(stretch: str, low: float, width: float) -> None:
    scale = Scale(low, low + width, stretch, width / 20)
    for index, text in scale.ticks().items():
        value = float(text.replace("−", "-"))
        inside = low <= value <= low + width
        assert not inside or abs(int(scale.indices(np.array([value]))[0]) - index) <= 1
