from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from components.elements.scale import LIMITS, STRETCHES, Scale, natural_scale, scale_for
from dashboard.errors import RequestError

PLANES = ("significance", "flux", "exposure", "variance")


def number(text: str) -> float:
    return float(text.replace("−", "-"))


@st.composite
def scales(draw: Any) -> Scale:
    stretch = draw(st.sampled_from(STRETCHES))
    low = draw(st.floats(1e-3, 1e3) if stretch == "log" else st.floats(-1e3, 1e3))
    width = draw(st.floats(1e-3, 1e4))
    mirrored = stretch != "log" and draw(st.booleans())
    return Scale(low, low + width, stretch, draw(st.floats(1e-3, 10)) * width, mirrored)


@st.composite
def maps(draw: Any) -> NDArray[Any]:
    """Noise, constants, holes and single pixels, in the units of exposures and of fluxes."""
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    values = draw(st.sampled_from((1e-12, 1e-4, 1.0, 1e6))) * (
        draw(st.sampled_from((-1, 0, 5))) + draw(st.sampled_from((0, 1, 30))) * rng.normal(size=(20, 20))
    )
    values[rng.random((20, 20)) < draw(st.sampled_from((0.0, 0.5, 0.99, 1.0)))] = np.nan
    return values.astype(draw(st.sampled_from((np.float32, np.float64))))


@given(scales(), st.floats(0, 1))
def test_an_index_stands_for_its_value(scale: Scale, part: float) -> None:
    width = scale.high - scale.low
    value = scale.low + part * width
    index = int(scale.indices(np.array([value]))[0])
    below, above = scale.value(max(index - 1, 1)), scale.value(min(index + 1, 255))
    assert below - 1e-9 * width <= value <= above + 1e-9 * width


@given(scales())
def test_colours_rise_with_the_value_and_go_back_to_it(scale: Scale) -> None:
    indices = np.arange(1, 256)
    values = np.array([scale.value(float(index)) for index in indices])
    assert (np.diff(values) > 0).all()
    assert values[[0, -1]] == pytest.approx([scale.low, scale.high], rel=1e-9, abs=1e-9 * (scale.high - scale.low))
    assert np.abs(scale.indices(values).astype(int) - indices).max() <= 1
    ramp = scale.indices(np.linspace(scale.low, scale.high, 5000)).astype(int)
    assert (np.diff(ramp) >= 0).all()


@given(scales())
def test_ticks_stand_at_the_colour_of_their_round_number(scale: Scale) -> None:
    ticks = scale.ticks()
    assert 3 <= len(ticks) <= 9
    values, slack = [number(text) for text in ticks.values()], 1e-7 * (scale.high - scale.low)
    assert values == sorted(values)
    for index, value in zip(ticks, values, strict=True):
        assert scale.low - slack <= value <= scale.high + slack
        assert int(scale.indices(np.array(value))) == index
    assert np.diff(list(ticks)).max() <= 254 / 2, "spread over all colours"


@pytest.mark.parametrize(
    ("scale", "labels"),
    [
        (Scale(0.0, 100.0, "linear"), ["0", "20", "40", "60", "80", "100"]),
        (Scale(0.9, 1100.0, "log"), ["1", "5", "20", "50", "200", "1000"]),
        (Scale(-3.0, 100.0, "asinh", 5.0), ["−2", "0", "10", "20", "50", "100"]),
        (Scale(-100.0, 100.0, "asinh", 5.0, mirrored=True), ["−100", "−40", "−10", "0", "10", "20", "100"]),
        (Scale(-10.0, 10.0, "linear", mirrored=True), ["−10", "−5", "0", "5", "10"]),
        (Scale(0.0, 3e-4, "linear"), ["0", "5e−5", "1e−4", "1.5e−4", "2e−4", "2.5e−4", "3e−4"]),
    ],
)
def test_ticks_are_round(scale: Scale, labels: list[str]) -> None:
    assert list(scale.ticks().values()) == labels


def test_invalid_and_clipped_pixels() -> None:
    np.testing.assert_array_equal(Scale(0, 1, "linear").indices(np.array([np.nan, -5, 0, 1, 9, np.inf])), [0, 1, 1, 255, 255, 0])
    np.testing.assert_array_equal(Scale(1, 100, "log").indices(np.array([np.nan, -5, 0, 1, 10, 100, 1e9])), [0, 1, 1, 1, 128, 255, 255])


def test_the_formulas_the_page_repeats() -> None:
    quarter = 1 + 254 / 4
    assert Scale(1, 10_000, "log").value(quarter) == pytest.approx(10.0)
    assert Scale(-2, 6, "sqrt").value(quarter) == pytest.approx(-2 + 8 / 16)
    assert Scale(-2, 6, "asinh", 0.5).value(quarter) == pytest.approx(-2 + 0.5 * np.sinh(np.arcsinh(16) / 4))
    assert Scale(-6, 6, "asinh", 0.5, mirrored=True).value(quarter) == pytest.approx(-0.5 * np.sinh(np.arcsinh(12) / 2))
    assert Scale(-6, 6, "sqrt", mirrored=True).value(quarter) == pytest.approx(-6 / 4)


@given(maps(), st.sampled_from(PLANES), st.sampled_from(STRETCHES), st.sampled_from(LIMITS))
def test_every_map_has_a_scale(values: NDArray[Any], plane: str, stretch: str, limits: str) -> None:
    assume(not (stretch == "log" and limits == "symmetric"))
    scale = scale_for(values, plane, stretch, limits)
    indices = scale.indices(values)
    assert indices.dtype == np.uint8
    np.testing.assert_array_equal(indices == 0, np.isnan(values))
    assert len(scale.ticks()) >= 2


def test_a_bright_source_does_not_hide_the_noise() -> None:
    values = np.random.default_rng(1).normal(size=(200, 200))
    values[100, 100] = 1400.0
    for limits in ("natural", "symmetric"):
        indices = scale_for(values, "significance", limits=limits).indices(values)
        assert indices[100, 100] == 255
        assert np.ptp(np.percentile(indices, (5, 95))) >= 20, "noise keeps its colours"
    assert natural_scale(values, "significance") == scale_for(values, "significance")


def test_limits_are_what_they_are_called() -> None:
    values = np.random.default_rng(2).normal(size=(100, 100))
    values[3, 4], values[5, 6] = 50.0, -8.0
    assert (scale := scale_for(values, "significance", limits="minmax")).low == -8.0
    assert scale.high == 50.0
    zscale = scale_for(values, "significance", limits="zscale")
    assert -4.5 < zscale.low < -2
    assert 2 < zscale.high < 4.5, "a single source does not move it"
    given_ = scale_for(values, "flux", "linear", (-1.0, 2.0))
    assert (given_.low, given_.high, given_.mirrored) == (-1.0, 2.0, False)


@pytest.mark.parametrize("stretch", ["asinh", "sqrt", "linear"])
@pytest.mark.parametrize(("source", "hole"), [(30.0, -8.0), (30.0, -40.0)])
def test_symmetric_colours_have_zero_in_the_middle(stretch: str, source: float, hole: float) -> None:
    values = np.zeros((10, 10))
    values[0, 0], values[1, 1] = source, hole
    scale = scale_for(values, "significance", stretch, "symmetric")
    assert scale.high == -scale.low == max(source, -hole)
    positive = np.linspace(0, 40, 99)
    np.testing.assert_allclose(scale.indices(positive).astype(int) + scale.indices(-positive), 256, atol=1)
    assert int(scale.indices(np.array(0.0))) == 128
    assert scale.ticks()[128] == "0"


def test_a_log_scale_starts_inside_the_noise() -> None:
    values = np.random.default_rng(3).normal(size=(200, 200))
    scale = scale_for(values, "significance", "log")
    assert scale.low == pytest.approx(0.6745, rel=0.05), "the median of half a normal distribution"


@pytest.mark.parametrize(
    ("stretch", "limits", "word"),
    [
        ("asinh", (5.0, 5.0), "not below"),
        ("linear", (5.0, 3.0), "not below"),
        ("linear", (float("nan"), 3.0), "not below"),
        ("linear", (0.0, float("inf")), "not below"),
        ("log", (0.0, 3.0), "above zero"),
        ("log", "symmetric", "above zero"),
        ("cube", "natural", "stretch"),
        ("linear", "guess", "limits"),
    ],
)
def test_limits_that_cannot_be_meant_are_refused(stretch: str, limits: str | tuple[float, float], word: str) -> None:
    with pytest.raises(RequestError, match=word):
        scale_for(np.ones((3, 3)), "flux", stretch, limits)
