"""Real products of ISGRI and JEM-X are read, drawn, written and read again; nothing on the way changes a number.

That a real spectrum added to itself keeps its rate, with errors smaller by sqrt 2, is shown in tests/combine/test_spectrum_sum.py.
"""

from __future__ import annotations

import gc
import importlib
import warnings
from pathlib import Path
from typing import Any

import holoviews as hv
import numpy as np
import pytest
from astropy.io import fits

from components.elements.light_curve import drawn_rows, light_curve_columns, light_curve_picture
from components.elements.spectrum import spectrum_columns, spectrum_picture
from dashboard.analysis.grouping import grouped_channels, regrouped
from dashboard.combine.light_curve_sum import LightCurveSum
from dashboard.export.light_curve_files import write_light_curve_files
from dashboard.export.spectrum_files import write_spectrum_files
from dashboard.products.light_curve import LightCurve, LightCurveSet
from dashboard.products.light_curve_fits import light_curves_from_products
from dashboard.products.mosaic import Provenance
from dashboard.products.spectrum import SpectrumSet
from dashboard.products.spectrum_fits import spectra_from_products
from tests.spectra import opened

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")
SPECTRA = [("isgri_{}_4u1700", "isgri"), ("jemx1_{}_crab", "jemx1")]
CURVES = [
    ("isgri_lightcurve_oao1657", "isgri", 2),
    ("jemx1_lightcurve_crab_1bin", "jemx1", 1),
    ("jemx1_lightcurve_crab_20s", "jemx1", 96),
    ("jemx1_lightcurve_grb221009a", "jemx1", None),
]


@pytest.fixture(scope="module", autouse=True)
def drawing() -> None:
    hv.extension("bokeh")


def spectra_of(shared_data: Path, name: str, instrument: str) -> SpectrumSet:
    parts: list[tuple[dict[str, Any], fits.HDUList]]
    parts = [({}, opened(shared_data / "integral" / f"{name.format(kind)}.fits.gz")) for kind in ("spectrum", "arf", "rmf")]
    return spectra_from_products(parts, instrument, Provenance())


def curves_of(shared_data: Path, name: str, instrument: str) -> LightCurveSet:
    with fits.open(shared_data / "integral" / f"{name}.fits.gz") as hdus:
        return light_curves_from_products([({}, hdus)], instrument, None, Provenance())


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.parametrize(("name", "instrument"), SPECTRA)
def test_a_real_spectrum_is_drawn_and_read_by_the_reference_reader(shared_data: Path, tmp_path: Path, name: str, instrument: str) -> None:
    (real,) = spectra_of(shared_data, name, instrument).spectra
    columns = spectrum_columns([regrouped(real, grouped_channels(real, 0.0, 0.0, 0))])
    shown = len(columns["points"]["x"]) + len(columns["limits"]["x"])
    assert shown == real.good.sum()
    assert len(spectrum_picture({instrument: columns})) >= 2
    files = {path.suffix: path for path in write_spectrum_files(tmp_path, SpectrumSet((real,)), (0.0, 0.0, 0), 0.0)}
    ogip = importlib.import_module("ogip.spec")
    pha, rmf, arf = (getattr(ogip, kind).from_file_name_normal(str(files[ending])) for kind, ending in OGIP)
    np.testing.assert_allclose(pha._rate[real.good], real.rate[real.good], rtol=1e-6)
    np.testing.assert_allclose(pha._stat_err[real.good], real.stat_err[real.good], rtol=1e-6)
    assert pha._exposure == pytest.approx(real.exposure)
    np.testing.assert_allclose(rmf._matrix, real.redistribution.matrix, rtol=1e-6)
    np.testing.assert_allclose(rmf._e_min, real.redistribution.e_min, rtol=1e-6)
    np.testing.assert_allclose(arf._arf, real.area, rtol=1e-6)
    del pha, rmf, arf
    gc.collect()  # that reader leaves its files open: they are closed here, where the warning is expected


OGIP = (("PHAI", ".pha"), ("RMF", ".rmf"), ("ARF", ".arf"))


@pytest.mark.parametrize(("name", "instrument", "rows"), CURVES)
def test_a_real_light_curve_is_drawn_written_and_read_again(
    shared_data: Path, tmp_path: Path, name: str, instrument: str, rows: int | None
) -> None:
    curves = curves_of(shared_data, name, instrument)
    for curve in curves.curves:
        assert rows in (None, len(curve))
        columns = light_curve_columns(curve, drawn_rows(curve))
        assert sum(len(columns[layer]["x"]) for layer in ("points", "hollow")) == len(drawn_rows(curve))
        assert len(light_curve_picture({curve.source: columns}, curve.unit)) >= 2
        (path,) = (p for p in write_light_curve_files(tmp_path, LightCurveSet((curve,)), 0.0) if p.suffix == ".fits")
        with fits.open(path) as hdus:
            (back,) = light_curves_from_products([({}, hdus)], instrument, None, Provenance()).curves
        assert_same_rows(back, curve)


def assert_same_rows(back: LightCurve, curve: LightCurve) -> None:
    assert back.source == curve.source
    np.testing.assert_allclose(back.time, curve.time, rtol=0, atol=1e-9)
    for name in ("rate", "error", "half_width"):
        np.testing.assert_allclose(getattr(back, name), getattr(curve, name), rtol=1e-6)


@pytest.mark.slow  # stingray compiles for some 15 s when it is imported
def test_stingray_reads_what_is_written_of_real_light_curves(shared_data: Path, tmp_path: Path) -> None:
    for name, instrument, rows in CURVES[:3]:
        (curve,) = curves_of(shared_data, name, instrument).curves
        (path,) = (p for p in write_light_curve_files(tmp_path / name, LightCurveSet((curve,)), 0.05) if p.suffix == ".fits")
        if rows is not None and rows < 2:
            continue  # stingray takes the step from the first two rows
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read = importlib.import_module("stingray").Lightcurve.read(str(path), fmt="ogip")
        np.testing.assert_allclose(np.asarray(read.time / 86400 + read.mjdref, float), curve.mjd, atol=1e-9, rtol=0)
        np.testing.assert_allclose(np.asarray(read.countrate, float), curve.rate, rtol=1e-6)


def test_a_real_light_curve_twice_is_that_light_curve(shared_data: Path) -> None:
    """The same bins of the same query count once."""
    curves, total = curves_of(shared_data, "jemx1_lightcurve_crab_20s", "jemx1"), LightCurveSum()
    total.add(curves, "first")
    total.add(curves, "again")
    (joined,) = total.result().curves
    assert_same_rows(joined, curves.curves[0])
    assert joined.dropped == len(curves.curves[0])
