"""Light curves: truth, bins, errors, whose they are, layout."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard.dispatcher.answer import decode_products
from dashboard.observatory import isgri, jemx, sky
from dashboard.observatory.camera import Camera, Isgri, Jemx
from dashboard.observatory.extraction import Extraction
from dashboard.observatory.light_curve import Curve, Pieces, curves
from dashboard.observatory.light_curve_product import data_product
from dashboard.observatory.pointings import history
from dashboard.observatory.sources import SOURCES
from dashboard.observatory.view import View
from tests.observatory.conftest import Client
from tests.observatory.test_recorded import same_shape

LOOSE = {"CHECKSUM", "DATASUM", "COMMENT", "SIMSEED", "NAXIS2"}
NUMBERS = {source.name: i for i, source in enumerate(SOURCES)}
DAY = 86400.0


def near(name: str, after: int, count: int, within: float = 4.0) -> list[str]:
    """The first pointings from a revolution on whose axis is near a source."""
    past = history()
    towards = past.axis @ sky.DIRECTIONS[NUMBERS[name]] > np.cos(np.deg2rad(within))
    return [f"{swid:012d}.001" for swid in past.swid[towards & ~past.slew & (past.swid > after * 10**8)][:count].tolist()]


def catalogue(*names: str, flag: int = 1, shift: float = 0.0) -> str:
    """A selected catalogue of sources by name, `shift` degrees north of their places."""
    sources = [SOURCES[NUMBERS[name]] for name in names]
    columns: dict[str, list[Any]] = {
        **{"meta_ID": list(range(len(names))), "src_names": list(names), "significance": [0.0] * len(names)},
        **{"ra": [s.ra for s in sources], "dec": [s.dec + shift for s in sources], "FLAG": [flag] * len(names)},
    }
    table = {"cat_column_names": list(columns), "cat_column_list": list(columns.values()), "cat_lon_name": "ra", "cat_lat_name": "dec"}
    return json.dumps({**table, "cat_frame": "fk5", "cat_coord_units": "deg"})


def made(
    camera: Camera,
    swids: list[str],
    time_bin: float,
    *names: str,
    band: tuple[float, float] = (28.0, 40.0),
    seed: int = 1,
    given: dict[str, str] | None = None,
) -> list[Curve]:
    view = View.of(camera, swids)
    asked = {"E1_keV": band[0], "E2_keV": band[1], "selected_catalog": catalogue(*names) if names else None, **(given or {})}
    return curves(view, Extraction.of(view, asked, seed), *band, time_bin, seed)


CRAB = near("Crab", 665, 40)
CRAB_BOTH = near("Crab", 1019, 30)
VELA = near("Vela X-1", 100, 40, 6.0)


@pytest.mark.parametrize("camera", [Isgri(), Isgri("OSA10.2"), Jemx(1)], ids=lambda c: c.name)
@pytest.mark.parametrize("time_bin", [150.0, 700.0, 5000.0])
def test_the_true_rate_is_recovered_with_pulls_of_width_one(camera: Camera, time_bin: float) -> None:
    (curve,) = (c for c in made(camera, CRAB, time_bin, "Crab", "1A 0535+262") if c.entry.name == "Crab")
    crab = SOURCES[NUMBERS["Crab"]]
    truth = camera.levels(np.array([NUMBERS["Crab"]]), 28.0, 40.0) * crab.factor(curve.time)
    pulls = (curve.rate - truth) / curve.error
    assert abs(pulls.mean()) < 4 / np.sqrt(len(pulls))
    assert pulls.std() == pytest.approx(1.0, abs=4 / np.sqrt(2 * len(pulls)))


def test_rates_are_those_of_the_instruments_whatever_the_coding() -> None:
    isgri_curve, jemx_curve = (made(camera, CRAB_BOTH, 1000.0, "Crab", "1A 0535+262")[0] for camera in (Isgri(), Jemx(2)))
    assert np.average(isgri_curve.rate, weights=isgri_curve.error**-2) == pytest.approx(101, rel=0.035)
    expected = jemx.rate(SOURCES[NUMBERS["Crab"]].spectrum, 1000.0, 28.0, 40.0, 2)
    assert np.average(jemx_curve.rate, weights=jemx_curve.error**-2) == pytest.approx(expected, rel=0.1)


def test_errors_follow_background_coding_and_the_sources_own_counts() -> None:
    (curve,) = made(Isgri(), CRAB[:5], 1000.0, "Crab")
    density = isgri.variance_density(28, 40)
    truth = Isgri().levels(np.array([NUMBERS["Crab"]]), 28.0, 40.0) * SOURCES[NUMBERS["Crab"]].factor(curve.time)
    np.testing.assert_allclose(curve.error**2, (density + curve.coding * truth) / (curve.seconds * curve.coding**2), rtol=1e-5)
    np.testing.assert_allclose(curve.seconds, isgri.LIVE * curve.width * DAY)


@pytest.mark.parametrize("time_bin", [50.0, 999.0, 1700.0, 20000.0])
def test_isgri_bins_tile_each_science_window_and_stop_at_its_edges(time_bin: float) -> None:
    view = View.of(Isgri(), CRAB[:6])
    pieces = Pieces.of(view, time_bin)
    half = pieces.width / 2
    edges = np.concatenate([view.start, view.stop])
    for edge in edges:
        assert not np.any((pieces.time - half < edge - 1e-9) & (pieces.time + half > edge + 1e-9))
    for window in range(len(view)):
        inside = pieces.window == window
        assert 2 * half[inside].sum() * DAY == pytest.approx(view.elapsed[window])
        assert np.allclose((pieces.time + half)[inside][:-1], (pieces.time - half)[inside][1:], atol=1e-9)
    assert pieces.width.max() * DAY <= time_bin * 1.002
    assert np.all(np.diff(pieces.time) > 0)
    if time_bin > view.elapsed.max():
        assert len(pieces.time) == len(view)


def test_jemx_bins_run_across_science_windows_on_one_grid() -> None:
    view = View.of(Jemx(1), CRAB[:12])
    curve = made(Jemx(1), CRAB[:12], 6000.0, "Crab", "1A 0535+262")[0]
    np.testing.assert_allclose(curve.width * DAY, 6000.0)
    number = (curve.time - view.start[0]) * DAY / 6000.0 - 0.5
    np.testing.assert_allclose(number, np.rint(number), atol=1e-6)
    assert len(np.unique(np.rint(number))) == len(curve.time)
    assert len(curve.time) < len(view)
    coding = view.coding(sky.DIRECTIONS[NUMBERS["Crab"] : NUMBERS["Crab"] + 1])[:, 0]
    assert (curve.fraction * curve.width).sum() == pytest.approx(jemx.LIVE * (view.elapsed * (coding > 0)).sum() / DAY)
    assert curve.fraction.max() <= jemx.LIVE + 1e-9


def test_zero_rows_are_where_the_source_has_left_the_field_of_jemx() -> None:
    view = View.of(Jemx(1), CRAB_BOTH)
    curve = made(Jemx(1), CRAB_BOTH, 500.0, "Crab", "1A 0535+262")[1]
    zero = curve.error == 0
    assert 0 < zero.sum() < len(zero) / 2
    assert not curve.rate[zero].any()
    assert not curve.fraction[zero].any()
    angle = np.rad2deg(np.arccos(view.axes[:, 0] @ sky.DIRECTIONS[NUMBERS["1A 0535+262"]]))
    for time in curve.time[zero]:
        window = np.argmin(np.abs(view.middle - time))
        assert 6.5 < angle[window] < 7.6


@pytest.mark.parametrize("name", ["Vela X-1", "GX 301-2", "OAO 1657-415", "Her X-1", "1A 0535+262"])
def test_pulses_leave_the_mean_over_a_science_window_alone(name: str) -> None:
    source = SOURCES[NUMBERS[name]]
    assert source.pulse is not None
    start = np.array([3000.0, 3000.7])
    stop = start + np.array([2000.0, 3333.0]) / DAY
    np.testing.assert_allclose(source.pulse.mean(start, stop, start, stop), 1.0)
    fine = np.linspace(start[0], stop[0], 20001)
    parts = source.pulse.mean(fine[:-1], fine[1:], np.full(20000, start[0]), np.full(20000, stop[0]))
    assert parts.mean() == pytest.approx(1.0, abs=1e-6)
    assert np.ptp(parts) / 2 == pytest.approx(source.pulse.amplitude, rel=0.02)


def test_the_pulse_of_vela_x1_is_at_its_period() -> None:
    curve = made(Isgri(), VELA, 30.0, "Vela X-1", band=(20.0, 60.0))[0]
    source = SOURCES[NUMBERS["Vela X-1"]]
    assert source.pulse is not None
    slow = source.rate(20.0, 60.0, curve.time)
    bright = (slow > 10) & (curve.error < 10)
    relative, weight = curve.rate[bright] / slow[bright], (slow[bright] / curve.error[bright]) ** 2
    amplitudes = []
    for period in (source.pulse.period, 251.3):
        phase = 2 * np.pi * curve.time[bright] * DAY / period
        amplitudes.append(2 * abs(np.sum(weight * relative * np.exp(1j * phase)) / weight.sum()))
    smeared = source.pulse.amplitude * np.sinc(30.0 / source.pulse.period)
    assert amplitudes[0] == pytest.approx(smeared, rel=0.15)
    assert amplitudes[1] < 0.2 * amplitudes[0]


@pytest.mark.parametrize("camera", [Isgri(), Jemx(1)], ids=lambda c: c.name)
def test_short_bins_average_to_the_rate_of_a_long_one(camera: Camera) -> None:
    view = View.of(camera, near("Vela X-1", 1019, 20, 5.0))
    numbers = np.array([NUMBERS["Vela X-1"], NUMBERS["Crab"]])
    fine, coarse = Pieces.of(view, 100.0), Pieces.of(view, 20000.0)
    means = []
    for pieces in (fine, coarse):
        widths = pieces.stop - pieces.start
        sums = [np.bincount(pieces.window, widths * rates) for rates in pieces.mean_rates(view, numbers, 20.0, 30.0).T]
        means.append(np.array(sums) / np.bincount(pieces.window, widths))
    np.testing.assert_allclose(means[0], means[1], rtol=0.03, atol=0.01 * means[1].max())
    middle = camera.levels(numbers[1:], 20.0, 30.0) * SOURCES[numbers[1]].factor(view.middle)
    np.testing.assert_allclose(means[1][1], middle, rtol=1e-6)


def test_the_same_question_has_the_same_answer_in_any_order_and_cut() -> None:
    names = ("Crab", "1A 0535+262", "4U 0517+17")
    whole = made(Isgri(), CRAB[:8], 400.0, *names)
    again = made(Isgri(), CRAB[:8][::-1], 400.0, *names[::-1])
    parts = [made(Isgri(), CRAB[k:8:2], 400.0, *names) for k in (0, 1)]
    for curve in whole:
        (other,) = (c for c in again if c.entry.name == curve.entry.name)
        np.testing.assert_array_equal(other.rate, curve.rate)
        pieces = [c for part in parts for c in part if c.entry.name == curve.entry.name]
        order = np.argsort(np.concatenate([p.time for p in pieces]))
        np.testing.assert_array_equal(np.concatenate([p.rate for p in pieces])[order], curve.rate)
        assert len(np.unique(curve.time)) == len(curve.time)
    different = made(Isgri(), CRAB[:8], 400.0, *names, seed=2)[0]
    assert np.all(different.rate != whole[0].rate)


def test_only_what_the_catalogue_lists_and_the_camera_sees_is_extracted() -> None:
    assert [c.entry.name for c in made(Isgri(), CRAB[:3], 1000.0, "1A 0535+262", "Sco X-1", "Crab")] == ["1A 0535+262", "Crab"]
    two = {"selected_catalog": catalogue("Crab", "1A 0535+262"), "catalog_selected_objects": "1"}
    assert [c.entry.name for c in made(Isgri(), CRAB[:3], 1000.0, given=two)] == ["1A 0535+262"]
    unflagged = {"selected_catalog": catalogue("Crab", flag=0)}
    assert made(Jemx(1), CRAB[:3], 1000.0, given=unflagged) == []
    assert len(made(Isgri(), CRAB[:3], 1000.0, given=unflagged)) == 1
    new = json.loads(catalogue("Crab", "1A 0535+262"))
    new["cat_column_list"][1] = ["NEW SOURCE", "Renamed"]
    given = {"selected_catalog": json.dumps(new)}
    assert [c.entry.name for c in made(Jemx(1), CRAB[:6], 1000.0, given=given)] == ["Renamed"]


def test_without_a_catalogue_imaging_decides() -> None:
    names = [c.entry.name for c in made(Isgri(), CRAB, 1000.0)]
    assert names[0] == "Crab"
    assert "IGR J06074+2205" not in names
    assert "SIM J0555+238" not in names
    assert made(Jemx(2), CRAB, 1000.0) == []  # unit 2 was off


def test_an_entry_where_there_is_nothing_has_no_rate() -> None:
    view = View.of(Isgri(), CRAB)
    asked = {"selected_catalog": catalogue("Crab", shift=2.0)}
    both = json.loads(catalogue("Crab", "1A 0535+262"))
    empty = json.loads(asked["selected_catalog"])["cat_column_list"]
    both["cat_column_list"] = [[*a, *b] for a, b in zip(both["cat_column_list"], empty, strict=True)]
    curve = curves(view, Extraction.of(view, {"selected_catalog": json.dumps(both)}, 1), 28.0, 40.0, 1000.0, 1)[2]
    pulls = curve.rate / curve.error
    assert abs(pulls.mean()) < 4 / np.sqrt(len(pulls))
    assert pulls.std() == pytest.approx(1, abs=4 / np.sqrt(2 * len(pulls)))


def test_a_bright_source_missing_from_the_catalogue_leaks_into_the_others() -> None:
    with_it, without = (made(Isgri(), CRAB, 1000.0, *names) for names in (("4U 0517+17", "Crab", "1A 0535+262"), ("4U 0517+17",)))
    difference = without[0].rate - with_it[0].rate
    assert np.std(difference) == pytest.approx(0.02 * 104, rel=0.5)
    window = np.searchsorted(View.of(Isgri(), CRAB).start, with_it[0].time)
    for inside in (window == k for k in np.unique(window)):  # the same share of the Crab all through a science window
        np.testing.assert_allclose(difference[inside], difference[inside][0], rtol=1e-4, atol=1e-6)


def hdu(curve: Curve, camera: Camera, swids: list[str], time_bin: float) -> Any:
    product = data_product(curve, View.of(camera, swids), 3.0 if camera.instrument == "jemx" else 28.0, 35.0, time_bin, 1)
    (decoded,) = decode_products({"products": {"numpy_data_product_list": [json.loads(json.dumps(product))]}})
    assert decoded.meta["time_bin"] == pytest.approx(time_bin / DAY)
    return decoded.hdulist[-1]


def test_widths_are_half_for_isgri_and_full_for_jemx() -> None:
    (curve,) = made(Isgri(), CRAB[:4], 1000.0, "Crab")
    table = hdu(curve, Isgri(), CRAB[:4], 1000.0)
    np.testing.assert_allclose(table.data["XAX_E"], curve.width / 2, rtol=1e-6)
    assert table.data["XAX_E"].max() * DAY == pytest.approx(500.0)
    assert table.header["TIMEDEL"] * DAY == pytest.approx(1000.0)
    counts = (table.data["TOT_COUNTS"] / curve.seconds - table.data["BACKV"]) / curve.coding
    np.testing.assert_allclose(counts, table.data["RATE"], rtol=1e-4)
    curve = made(Jemx(1), CRAB[:4], 1000.0, "Crab")[0]
    table = hdu(curve, Jemx(1), CRAB[:4], 1000.0)
    np.testing.assert_allclose(table.data["TIMEDEL"] * DAY, 1000.0)
    assert not table.data["BARYTIME"].any()
    assert (table.header["E_MIN"], table.header["E_MAX"]) == (3.04, 34.88)


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("04_dummy_sync_isgri_lc.02", {"product_type": "isgri_lc", "E1_keV": "20", "E2_keV": "401"}),
        ("04_dummy_sync_jemx_lc.02", {"instrument": "jemx", "product_type": "jemx_lc", "jemx_num": "1", "E1_keV": "3", "E2_keV": "35"}),
    ],
)
def test_the_layout_is_the_recorded_one(shared: Client, shared_data: Path, name: str, asked: dict[str, Any]) -> None:
    with gzip.open(shared_data / "exchanges" / f"{name}.json.gz") as file:
        theirs = json.load(file)["response"]["json"]
    ours = shared.run(query_type="Dummy", **asked).json()
    assert set(ours["products"]) == set(theirs["products"])
    sides = [answer["products"]["numpy_data_product_list"][0] for answer in (ours, theirs)]
    metas = [json.loads(side["meta_data"]) for side in sides]
    assert list(metas[0]) == list(metas[1])
    assert {k: v for k, v in metas[0].items() if k not in ("src_name", "time_bin")} == {
        k: v for k, v in metas[1].items() if k not in ("src_name", "time_bin")
    }
    assert metas[0]["time_bin"] == pytest.approx(metas[1]["time_bin"], rel=1e-4)
    assert sides[0]["name"] == sides[1]["name"]
    for mine, real in zip(*(side["data_unit_list"] for side in sides), strict=True):
        for key in ("name", "dt", "hdu_type", "units_dict", "data"):
            assert mine[key] == real[key]
        cards = [{k: v for k, v in unit["header"].items() if k not in LOOSE} for unit in (mine, real)]
        cards[0] = {k: v for k, v in cards[0].items() if k != "ORIGIN" or k in cards[1]}
        same_shape(cards[0], cards[1], mine["name"])
        for key in cards[1]:
            if key.startswith(("TTYPE", "TFORM", "TUNIT", "EXTNAME", "INSTRUME", "CHAN", "TIMEUNIT", "E_M")):
                assert cards[0][key] == cards[1][key], key
    for answer in (ours, theirs):
        assert decode_products(answer)[0].hdulist[-1].data["RATE"].size


def test_a_bin_of_more_than_20000_seconds_fails_as_what_fails_on_the_server(shared: Client, shared_data: Path) -> None:
    with gzip.open(shared_data / "exchanges" / "32_failing_product.02.json.gz") as file:
        theirs = json.load(file)["response"]["json"]
    response = shared.run(product_type="isgri_lc", time_bin="20001")
    assert response.status_code == 200
    ours = response.json()
    for answer in (ours, theirs):
        answer["products"].pop("analysis_parameters", None)
    same_shape(ours, theirs)
    assert ours["exit_status"]["status"] == 1
    assert "20000 s" in ours["exit_status"]["debug_message"]
    assert shared.finish(product_type="isgri_lc", time_bin="20000")["query_status"] == "done"


def test_a_job_gives_one_product_a_source(shared: Client) -> None:
    answer = shared.finish(product_type="isgri_lc", scw_list=CRAB[:3], selected_catalog=catalogue("Crab", "1A 0535+262"), time_bin="600")
    decoded = decode_products(answer)
    assert [p.meta["src_name"] for p in decoded] == ["Crab", "1A 0535+262"]
    assert [p.name for p in decoded] == ["isgri_lc"] * 2
    for product in decoded:
        assert product.hdulist[1].header["ORIGIN"] == "SIMULATED"
        assert product.hdulist[1].header["NAME"] == product.meta["src_name"]
