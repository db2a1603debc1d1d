"""Faults of other programs that we do not have: docs/defects.md names a test for each; those without a room of their own are here."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dashboard.analysis.sources import find_sources
from dashboard.archive.resolver import Target
from dashboard.combine import light_curve_sum
from dashboard.combine.grid import output_grid
from dashboard.combine.light_curve_sum import LightCurveSum
from dashboard.combine.mosaic_sum import MosaicSum
from dashboard.export.folder import write_folder
from dashboard.identity import Identity
from dashboard.plan.making import make_plan
from dashboard.products.catalog import CatalogSource, SourceCatalog
from dashboard.products.instrument import ISGRI
from dashboard.products.light_curve import LightCurve
from dashboard.products.light_curve_rows import concatenated
from dashboard.products.mosaic import Mosaic
from dashboard.products.mosaic_fits import mosaic_to_hdulist
from dashboard.request.request import Request
from tests.combine.curves import batch as curve_batch
from tests.combine.curves import curve
from tests.combine.skies import batch, origin, tan_wcs
from tests.conftest import ROOT
from tests.truth.query import pointings, windows

TABLE = ROOT / "docs/defects.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def rows() -> list[str]:
    lines = [line for line in TABLE.read_text().splitlines() if line.startswith("|")]
    return [line for line in lines if not line.startswith(("|---", "| what "))]


def functions_of(path: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.strip("| ")[:40])
def test_every_defect_names_tests_that_exist(row: str) -> None:
    found = NAMED.findall(row)
    assert found, "the row names no test"
    for path, name in found:
        assert (ROOT / path).is_file(), path
        assert name in functions_of(ROOT / path), f"{path} has no {name}"


def skies(count: int, flux: float = 0.0) -> Iterator[Mosaic]:
    """Maps around one place, each of its own pointing and noise of 1 on the axis."""
    for number in range(count):
        wcs = tan_wcs(83.6 + 0.5 * np.cos(number), 22.0 + 0.5 * np.sin(number), roll=17.0 * number)
        yield batch(wcs, [(84.0, 22.3, flux)], seed=number, provenance=origin(f"job {number}"))


def summed(parts: Iterator[Mosaic], half_field: float = 10.0) -> Mosaic:
    total = MosaicSum(output_grid([83.6], [22.0], [83.6], [112.0], half_field=half_field, pixel=ISGRI.pixel))
    for number, part in enumerate(parts):
        total.add(part, f"batch {number}")
    return total.result()


def test_a_source_too_faint_for_any_batch_is_found_in_their_sum() -> None:
    parts = list(skies(20, flux=4.0))
    nowhere = SourceCatalog()
    near = [find_sources(part, nowhere).detected for part in parts]
    assert not any(near)
    (found,) = find_sources(summed(iter(parts)), nowhere).detected
    assert np.hypot((found.ra - 84.0) * np.cos(np.deg2rad(22.3)), found.dec - 22.3) < found.position_error / 60
    assert found.significance == pytest.approx(4.0 * np.sqrt(20), abs=4)
    assert found.kind == "new"


def test_header_cards_of_a_sum_are_those_of_all_batches() -> None:
    parts = [replace(part, tstart=3000.0 - n, tstop=3000.5 - n, ontime=1000.0 + n) for n, part in enumerate(skies(3))]
    header = mosaic_to_hdulist(summed(iter(parts)))[1].header
    assert (header["E_MIN"], header["E_MAX"]) == (20.0, 40.0)
    assert (header["TSTART"], header["TSTOP"], header["ONTIME"]) == (2998.0, 3000.5, 3003.0)
    assert header.get("TELAPSE", 1.0) > 0
    backwards = mosaic_to_hdulist(summed(iter(parts[::-1])))[1].header
    assert {card: value for card, value in header.items() if card != "DATE"} == {c: v for c, v in backwards.items() if c != "DATE"}


def test_one_bad_pixel_costs_no_mosaic() -> None:
    (part,) = skies(1, flux=50.0)
    assert part.flux is not None
    flux = part.flux.copy()
    flux[80, 80] = -100.0
    (found,) = find_sources(summed(iter([replace(part, flux=flux)])), SourceCatalog()).detected
    assert abs(found.flux - 50.0) < 4 * found.flux_error


@pytest.mark.parametrize("shape", [(90, 200), (200, 90)])
def test_sources_are_found_in_all_corners_of_an_oblong_map(shape: tuple[int, int]) -> None:
    ny, nx = shape
    wcs = tan_wcs(83.6, 22.0, side=200)
    wcs.wcs.crpix = [(nx + 1) / 2, (ny + 1) / 2]
    wcs.wcs.set()
    places = np.array([(x, y) for x in (12.3, nx - 14.2) for y in (12.4, ny - 13.6)])
    y, x = np.mgrid[:ny, :nx]
    flux = np.random.default_rng(3).standard_normal(shape)
    for px, py in places:
        flux += 40.0 * np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * 1.03**2))
    one = np.ones(shape, "f4")
    table = find_sources(
        Mosaic(flux.astype("f4"), one, flux.astype("f4"), 2000 * one, wcs, instrument="isgri"), SourceCatalog(), psf_sigma=1.03
    )
    found = np.array([wcs.wcs_world2pix(s.ra, s.dec, 0) for s in table.detected])
    assert len(found) == 4
    assert max(np.hypot(*(found - place).T).min() for place in places) < 0.2


def test_every_row_of_a_light_curve_is_joined_once(monkeypatch: pytest.MonkeyPatch) -> None:
    joined: list[int] = []
    join = concatenated

    def counting(parts: list[LightCurve]) -> LightCurve:
        joined.append(sum(map(len, parts)))
        return join(parts)

    monkeypatch.setattr(light_curve_sum, "concatenated", counting)
    total = LightCurveSum()
    for number in range(100):
        total.add(curve_batch(curve(3000 + number + np.arange(50) / 86.4)), f"batch {number}")
    assert joined == [], "adding copies nothing of what is there"
    assert len(total.result().curves[0]) == 5000
    assert joined == [5000]


def test_no_program_is_called_and_nothing_lands_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    callers = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "dashboard").rglob("*.py")
        if any(
            isinstance(node, ast.Import) and any(alias.name == "subprocess" for alias in node.names)
            for node in ast.walk(ast.parse(path.read_text()))
        )
    }
    assert callers == {"dashboard/runs/process.py"}, "it starts our own worker and observatory"
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    mosaic = summed(skies(1, flux=50.0))
    for number in range(2):
        write_folder(tmp_path / f"run {number}", mosaic, find_sources(mosaic, SourceCatalog()), {"run": number})
    assert list(here.iterdir()) == []
    assert {path.name for path in (tmp_path / "run 0").iterdir()} == {path.name for path in (tmp_path / "run 1").iterdir()}


def test_near_real_time_windows_have_version_000() -> None:
    listed = pointings(windows(83.633, 22.0145, 774, 774, 4.0)[:4])
    target = Target("Crab", 83.633, 22.0145, "given")
    for version, suffix in (("CONS", ".001"), ("NRT", ".000")):
        request = Request(src_name="Crab", data_version=version, T1="2009-02-15T00:00:00", T2="2009-03-20T00:00:00")
        plan = make_plan(request, target, {"isgri": listed}, Identity(), None, SourceCatalog((CatalogSource("Crab", 83.633, 22.0145),)))
        assert {scw[-4:] for batch_ in plan.batches for scw in batch_.scw} == {suffix}
