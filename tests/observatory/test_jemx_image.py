"""Mosaics of JEM-X: flux and place of sources, noise, availability of the units, layout."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS, FITSFixedWarning

from dashboard.dispatcher.answer import decode_products
from dashboard.observatory import isgri, jemx, jemx_channels, jemx_image, jemx_mosaic_product, noise, orbit, sky
from dashboard.observatory.camera import JEMX_1_ON, JEMX_2_ON_AGAIN, Jemx
from dashboard.observatory.jemx_image import MOSAIC_AREA, Image
from dashboard.observatory.pointings import history
from dashboard.observatory.sources import SOURCES
from dashboard.observatory.view import LEAST, View
from tests.observatory.conftest import Client
from tests.observatory.test_recorded import same_shape

CRAB = next(i for i, s in enumerate(SOURCES) if s.name == "Crab")
LOOSE = {"CHECKSUM", "DATASUM", "COMMENT", "SIMSEED"}


def crab_after(revolution: int, count: int, within: float = 5.0) -> list[str]:
    """The first pointings from a revolution on whose axis is near the Crab."""
    past = history()
    near = (past.axis @ sky.DIRECTIONS[CRAB] > np.cos(np.deg2rad(within))) & ~past.slew & (past.swid > revolution * 10**8)
    return [f"{swid:012d}.001" for swid in past.swid[near][:count].tolist()]


BOTH_ON = crab_after(1019, 12)


@pytest.fixture(scope="module")
def clean() -> Image:
    return jemx_image.mosaic(View.of(Jemx(1), BOTH_ON), 3, 35, seed=5, coding_noise=0)


def empty_sky(made: Image) -> np.ndarray:
    """Pixels more than 8 pixels from any source."""
    x, y = made.grid.project(sky.DIRECTIONS[made.view.sources])
    rows, columns = np.mgrid[: made.grid.shape[0], : made.grid.shape[1]]
    keep = np.isfinite(made.intensity)
    for a, b in zip(x, y, strict=True):
        keep &= np.hypot(columns - made.grid.half_x - a, rows - made.grid.half_y - b) > 8
    return keep


def test_sources_have_the_true_flux_where_the_wcs_says(clean: Image) -> None:
    unit = jemx_mosaic_product.mosaic_units(clean, 5)[2]
    with pytest.warns(FITSFixedWarning):
        wcs = WCS(fits.Header([card for card in unit["header"].items() if card[0] != "COMMENT"]))
    fluxes, _ = clean.fluxes()
    signal = clean.intensity - clean.noise
    for number, flux in zip(clean.view.sources, fluxes, strict=True):
        source = SOURCES[number]
        if source.name not in ("Crab", "1A 0535+262"):
            continue
        x, y = wcs.wcs_world2pix(source.ra, source.dec, 0)
        rows, columns = np.mgrid[round(float(y)) - 3 : round(float(y)) + 4, round(float(x)) - 3 : round(float(x)) + 4]
        ra, dec = wcs.wcs_pix2world(columns.ravel(), rows.ravel(), 0)
        apart = np.rad2deg(np.linalg.norm(isgri.unit_vectors(ra, dec) - sky.DIRECTIONS[number], axis=1))
        shape = np.exp(-0.5 * (apart / jemx.PSF_SIGMA) ** 2)
        fitted = np.sum(shape * signal[rows, columns].ravel()) / np.sum(shape**2)
        assert fitted == pytest.approx(flux, rel=1e-3), source.name


def test_the_crab_has_its_rate_over_the_area(clean: Image) -> None:
    flux = clean.fluxes()[0][list(clean.view.sources).index(CRAB)]
    rate = jemx.rate(SOURCES[CRAB].spectrum, 1000.0, 3.04, 34.88, 1)
    assert flux * MOSAIC_AREA == pytest.approx(rate, rel=0.035)  # it varies by 3 %
    assert flux == pytest.approx(0.153, rel=0.06)


def test_empty_sky_is_standard_normal_in_all_zones(clean: Image) -> None:
    keep = empty_sky(clean)
    significance = clean.intensity / np.sqrt(clean.variance)
    depth = clean.exposure / np.nanmax(clean.exposure)
    for low, high in ((0.0, 0.1), (0.1, 0.5), (0.5, 1.1)):
        values = significance[keep & (depth > low) & (depth <= high)]
        cells = len(values) / (4 * np.pi * (jemx.PSF_SIGMA / jemx.PIXEL) ** 2)
        assert abs(values.mean()) < 4 / np.sqrt(cells)
        assert 0.96 < values.std() < 1.02


def test_noise_has_the_point_spread_function_as_its_autocorrelation(clean: Image) -> None:
    middle = clean.grid.half_y, clean.grid.half_x
    window = tuple(slice(m - 120, m + 120) for m in middle)
    made = (clean.noise / np.sqrt(clean.variance))[window]
    for shift in (1, 2):
        measured = np.mean(made[:, shift:] * made[:, :-shift]) / np.mean(made**2)
        assert measured == pytest.approx(np.exp(-0.5 * (shift * jemx.PIXEL / jemx.PSF_SIGMA) ** 2), abs=0.03)


def test_coding_noise_is_fixed_on_the_sky_and_does_not_average_down() -> None:
    level, depths, fields = 0.001, [], []
    for count in (3, 12):
        view = View.of(Jemx(1), BOTH_ON[:count])
        pair = [jemx_image.mosaic(view, 3, 35, seed=5, coding_noise=c) for c in (level, 0)]
        field = (pair[0].noise - pair[1].noise)[np.isfinite(pair[0].intensity)] / pair[1].fluxes()[0].max()
        depths.append(np.std(field))
        at = pair[0].grid.project(sky.DIRECTIONS[CRAB : CRAB + 1])
        row, column = (round(float(p[0])) + half for p, half in zip(at[::-1], (pair[0].grid.half_y, pair[0].grid.half_x), strict=True))
        fields.append((pair[0].noise - pair[1].noise)[row - 30 : row + 31, column - 30 : column + 31].ravel())
    assert depths == pytest.approx([level, level], rel=0.15)
    assert np.corrcoef(fields)[0, 1] > 0.8  # grids differ by up to half a pixel


def test_the_field_is_a_circle_and_nan_outside() -> None:
    view = View.of(Jemx(1), BOTH_ON[:1])
    made = jemx_image.mosaic(view, 3, 10, seed=1, coding_noise=0)
    rows, columns = np.indices(made.grid.shape).reshape(2, -1)
    angle = np.rad2deg(np.arccos(np.clip(made.grid.directions(rows, columns) @ view.axes[0, 0], -1, 1))).reshape(made.grid.shape)
    coding = jemx.coding(angle)
    near_the_limit = np.abs(coding - LEAST) < 1e-4
    for values in (made.intensity, made.variance, made.exposure, made.observed):
        assert np.all((np.isfinite(values) == (coding >= LEAST)) | near_the_limit)
    inside = np.isfinite(made.exposure)
    np.testing.assert_allclose(made.exposure[inside], (coding * view.seconds[0])[inside], rtol=2e-3)
    np.testing.assert_allclose(made.observed[inside], view.seconds[0], rtol=1e-6)
    assert max(made.grid.shape) < 2 * jemx.EDGE / jemx.PIXEL + 12


def test_the_same_question_has_the_same_answer_in_any_order(clean: Image) -> None:
    again = jemx_image.mosaic(View.of(Jemx(1), BOTH_ON[::-1]), 3, 35, seed=5, coding_noise=0)
    np.testing.assert_array_equal(again.intensity, clean.intensity)
    keep = empty_sky(clean)
    others = (
        jemx_image.mosaic(View.of(Jemx(1), BOTH_ON), 3, 35, seed=6, coding_noise=0),
        jemx_image.mosaic(View.of(Jemx(2), BOTH_ON), 3, 35, seed=5, coding_noise=0),
    )
    for other in others:
        assert abs(np.corrcoef(other.noise[keep], clean.noise[keep])[0, 1]) < 0.05


def test_the_variance_follows_the_declared_law(clean: Image) -> None:
    at = list(clean.view.sources).index(CRAB)
    coding = clean.view.coding(sky.DIRECTIONS[CRAB : CRAB + 1])[:, 0]
    expected = jemx.variance_density(3.04, 34.88) / MOSAIC_AREA**2 / (coding**2 * clean.view.seconds).sum()
    assert clean.fluxes()[1][at] == pytest.approx(expected, rel=1e-12)
    row, column = (
        round(float(p[0])) + h
        for p, h in zip(clean.grid.project(sky.DIRECTIONS[CRAB : CRAB + 1])[::-1], (clean.grid.half_y, clean.grid.half_x), strict=True)
    )
    assert clean.variance[row, column] == pytest.approx(expected, rel=0.01)


def test_units_are_on_as_declared() -> None:
    early, middle, late = (np.array([t]) for t in (JEMX_1_ON - 1, JEMX_1_ON + 1, JEMX_2_ON_AGAIN + 1))
    assert [bool(Jemx(1).on(t)[0]) for t in (early, middle, late)] == [False, True, True]
    assert [bool(Jemx(2).on(t)[0]) for t in (early, middle, late)] == [True, False, True]
    assert orbit.revolution_at(JEMX_2_ON_AGAIN) == 976


def test_scattered_science_windows_make_a_grid_of_bounded_size() -> None:
    past = history()
    late = past.swid[~past.slew & (past.tstart > JEMX_2_ON_AGAIN)]
    made = jemx_image.mosaic(View.of(Jemx(1), [f"{s:012d}" for s in late[:: len(late) // 3].tolist()]), 3, 35, seed=1, coding_noise=0)
    assert max(made.grid.shape) <= 2001


def test_channels_give_the_bounds_of_published_products() -> None:
    assert jemx_channels.band(3, 35) == (46, 223, 3.04, 34.88)
    assert jemx_channels.band(5.5, 10.3) == (83, 128, 5.52, 10.24)
    for e1 in np.arange(3.0, 34.5, 0.5):
        low, high, e_min, e_max = jemx_channels.band(e1, e1 + 0.5)
        assert 46 <= low <= high <= 223
        assert e_min < e_max


def asked(**changes: Any) -> dict[str, Any]:
    fields = {"instrument": "jemx", "product_type": "jemx_image", "E1_keV": "3", "E2_keV": "35", "jemx_num": "1", "scw_list": BOTH_ON[:3]}
    return {**fields, **changes}


def test_the_layout_is_the_recorded_one(shared: Client, shared_data: Any) -> None:
    import gzip

    with gzip.open(shared_data / "exchanges" / "04_dummy_sync_jemx_image.02.json.gz") as file:
        theirs = json.load(file)["response"]["json"]
    ours = shared.run(**asked(query_type="Dummy")).json()
    sides = [answer["products"]["numpy_data_product_list"][0] for answer in (ours, theirs)]
    assert sides[0]["meta_data"] == sides[1]["meta_data"]
    assert sides[0]["name"] == sides[1]["name"]
    for mine, real in zip(*(side["data_unit_list"] for side in sides), strict=True):
        assert [mine[k] for k in ("name", "dt", "hdu_type")] == [real[k] for k in ("name", "dt", "hdu_type")]
        if mine["name"] != "PRIMARY":
            mine["header"], real["header"] = ({k: v for k, v in u["header"].items() if k not in LOOSE} for u in (mine, real))
            same_shape(mine["header"], real["header"], mine["name"])
        for key in ("BUNIT", "IMATYPE", "EXTVER", "CTYPE1", "CD1_1", "CD2_2", "DATE-OBS", "INSTRUME", "E_MIN", "E_MAX", "CHANMIN"):
            if key in real["header"]:
                assert mine["header"][key] == pytest.approx(real["header"][key]), key
    catalogs = [answer["products"]["catalog"] for answer in (ours, theirs)]
    assert catalogs[0]["cat_column_names"] == catalogs[1]["cat_column_names"]
    assert [d for d in catalogs[0]["cat_column_descr"] if d[0] != "src_names"] == [
        d for d in catalogs[1]["cat_column_descr"] if d[0] != "src_names"
    ]
    tables = [decode_products(answer)[0].hdulist["GROUPING"] for answer in (ours, theirs)]
    assert tables[0].columns.names == tables[1].columns.names
    assert tables[0].data["IMATYPE"].tolist() == tables[1].data["IMATYPE"].tolist()


def test_a_unit_that_was_off_gives_the_placeholder(shared: Client) -> None:
    answer = shared.finish(**asked(scw_list=crab_after(665, 2), jemx_num="2"))
    (product,) = decode_products(answer)
    image = product.hdulist[1].data
    assert image.shape == (100, 100)
    assert not image.any()
    assert answer["products"]["catalog"]["cat_column_list"] == [[]] * 7
    assert answer["products"]["catalog"]["cat_column_names"] == ["meta_ID", "src_names", "significance", "ra", "dec", "FLAG", "ERR_RAD"]


def test_a_dummy_query_has_sources_for_the_default_unit(shared: Client) -> None:
    answer = shared.run(**asked(query_type="Dummy", jemx_num=None)).json()
    columns = dict(zip(answer["products"]["catalog"]["cat_column_names"], answer["products"]["catalog"]["cat_column_list"], strict=True))
    assert columns["src_names"][0] == "Crab"
    assert set(columns["FLAG"]) == {0}
    (product,) = decode_products(answer)
    assert product.hdulist[2].header["INSTRUME"] == "JMX2"


def test_what_nobody_knows_is_called_new() -> None:
    numbers = [i for i, s in enumerate(SOURCES) if s.name == "SIM J1740-316"]
    past = history()
    near = past.axis @ sky.DIRECTIONS[numbers[0]] > np.cos(np.deg2rad(4.0))
    in_outburst = (past.tstart > 55260.0 - 51544.0) & (past.tstop < 55290.0 - 51544.0)
    swids = past.swid[near & ~past.slew & in_outburst][:20]
    if not len(swids):
        pytest.fail("the history has no pointing on the transient")
    made = jemx_image.mosaic(View.of(Jemx(1), [f"{s:012d}" for s in swids.tolist()]), 3, 35, seed=1, coding_noise=0)
    table = jemx_mosaic_product.catalogue(made, 7.0, 1)
    names = table["cat_column_list"][1]
    new = [name for name in names if "NEW" in name]
    assert new in (["NEW SOURCE"], [f"NEW_{k + 1}" for k in range(len(new))])
    at = names.index(new[0])
    found = isgri.unit_vectors(table["cat_column_list"][3][at], table["cat_column_list"][4][at])
    assert np.rad2deg(np.linalg.norm(found - sky.DIRECTIONS[numbers[0]])) < 0.02
    assert noise.LATTICE * jemx.PIXEL > 2 * jemx.EDGE  # a field of view holds no pixel of noise twice
