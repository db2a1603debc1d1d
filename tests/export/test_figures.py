"""Pictures of spectra and light curves show the numbers they are made of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from dashboard.analysis.grouping import grouped_channels
from dashboard.combine.grid import Grid
from dashboard.export.figure import mosaic_figure
from dashboard.export.light_curve_figure import light_curve_figure
from dashboard.export.spectrum_figure import spectrum_figure
from dashboard.products.catalog import SourceTable
from dashboard.products.mosaic import Mosaic, Provenance
from tests.combine.curves import curve
from tests.published import CRAB
from tests.spectra import spectrum

REAL = Provenance("ISDC", "production", "OSA11.2", "CONS")


def points(figure: Figure) -> tuple[Any, Any]:
    """The first line of the only axes."""
    line = figure.axes[0].lines[0]
    return np.asarray(line.get_xdata()), np.asarray(line.get_ydata())


def marks(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def test_a_spectrum_is_drawn_as_density_over_the_centres_of_its_channels() -> None:
    real = spectrum(provenance=REAL)
    energy, density = points(spectrum_figure(real, grouped_channels(real, 0.0, 0.0, 0)))
    bounds = real.redistribution
    assert energy == pytest.approx(real.energy)
    assert density * (bounds.e_max - bounds.e_min) == pytest.approx(real.rate)


def test_channels_that_a_logarithmic_axis_cannot_show_are_counted_in_the_title() -> None:
    real = spectrum(provenance=REAL)
    rate = real.rate.copy()
    rate[:3] = -rate[:3]
    figure = spectrum_figure(replace(real, rate=rate), grouped_channels(real, 0.0, 0.0, 0))
    assert len(points(figure)[0]) == len(rate) - 3
    assert "(3 channels at or below 0 not shown)" in figure.axes[0].get_title()


def test_a_light_curve_is_drawn_at_mjd_with_its_band() -> None:
    real = curve([1600.125, 1600.165], provenance=REAL)
    figure = light_curve_figure(real)
    time, rate = points(figure)
    assert time == pytest.approx([53144.125, 53144.165], abs=1e-9)
    assert rate == pytest.approx(real.rate)
    assert figure.axes[0].get_title() == "Crab  ISGRI  20-40 keV  OSA11.2"


def test_simulated_pictures_say_so_and_real_ones_do_not() -> None:
    simulated = spectrum()
    grouping = grouped_channels(simulated, 0.0, 0.0, 0)
    assert marks(spectrum_figure(simulated, grouping)) == marks(light_curve_figure(curve([1.0]))) == ["SIMULATED"]
    assert marks(spectrum_figure(replace(simulated, provenance=REAL), grouping)) == []
    assert marks(light_curve_figure(curve([1.0], provenance=REAL))) == []


@pytest.mark.parametrize("name", [r"$\frac{$", "$x$ $", r"$\href{http://x}{a}$"])
def test_a_name_with_dollars_is_drawn_as_it_is_written(name: str) -> None:
    """To matplotlib it would be a formula, and one that cannot be set ends the whole figure."""
    found, made = spectrum(name), curve([1600.125], name, unit=name)
    for figure in (spectrum_figure(found, grouped_channels(found, 0.0, 0.0, 0)), light_curve_figure(made)):
        figure.canvas.draw()
        assert name in figure.axes[0].get_title()
        assert not figure.axes[0].title.get_parse_math()


def test_a_source_with_dollars_is_named_on_the_map() -> None:
    plane, name = np.full((16, 16), 9.0, dtype="f4"), r"$\frac{$"
    grid = Grid("TAN", (83.6, 22.0), 0.08, (16, 16), (8.0, 8.0))
    mosaic = Mosaic(plane, np.ones_like(plane), plane, np.ones_like(plane), grid.wcs)
    figure = mosaic_figure(mosaic, SourceTable((replace(CRAB, name=name),)), name)
    figure.canvas.draw()
    assert name in [text.get_text() for text in figure.axes[0].texts]
