"""The timesystem's protocol."""

from __future__ import annotations

import numpy as np
import pytest

from dashboard.observatory.isgri import unit_vectors
from dashboard.observatory.pointings import INDEX_VERSION, history
from tests.observatory.conftest import Client

ROOT = "/gw/timesystem/api/v1.0"
SPRING = "2009-02-15T00:00:00/2009-03-30T00:00:00"
CRAB = {"ra": 83.63, "dec": 22.01, "radius": 10.5}


def test_a_plain_list_is_sorted_and_holds_slews(shared: Client) -> None:
    ids = shared.get(f"{ROOT}/scwlist/cons/{SPRING}", **CRAB).json()
    assert ids == sorted(ids)
    assert {scw[-1] for scw in ids} == {"0", "1"}
    assert all(len(scw) == 12 for scw in ids)


def test_columns_are_what_they_are_called(shared: Client) -> None:
    names = "SWID,RA_SCX,DEC_SCX,RA_SCZ,DEC_SCZ,TSTART,TSTOP,TELAPSE,IBISMODE,SW_TYPE"
    table = shared.get(f"{ROOT}/scwlist/cons/{SPRING}", **CRAB, min_good_isgri=500, return_columns=names).json()
    assert list(table) == names.split(",")
    assert len({len(column) for column in table.values()}) == 1
    x = unit_vectors(np.array(table["RA_SCX"]), np.array(table["DEC_SCX"]))
    z = unit_vectors(np.array(table["RA_SCZ"]), np.array(table["DEC_SCZ"]))
    np.testing.assert_allclose(np.sum(x * z, axis=1), 0, atol=1e-12)
    assert np.all(x @ unit_vectors(83.63, 22.01) > np.cos(np.deg2rad(10.5)))
    assert min(table["TELAPSE"]) > 500
    assert set(table["IBISMODE"]) == {41}
    np.testing.assert_allclose(86400 * (np.array(table["TSTOP"]) - table["TSTART"]), table["TELAPSE"], atol=1e-3)


def test_an_interval_takes_what_overlaps_it(shared: Client) -> None:
    past = history()
    row = 5000
    middle = (past.tstart[row] + past.tstop[row]) / 2
    for form in (middle, middle + 51544.0):
        assert shared.get(f"{ROOT}/scwlist/any/{form - 1e-5:.7f}/{form + 1e-5:.7f}").json() == [f"{past.swid[row]:012d}"]
    assert shared.get(f"{ROOT}/scwlist/any/100/200").json() == []


def test_versions_of_the_index(shared: Client) -> None:
    answer = shared.get(f"{ROOT}/scwlist/nrt/{SPRING}", **CRAB, return_columns="SWID", return_index_version="yes").json()
    assert answer["index_version"] == INDEX_VERSION
    pinned = shared.get(f"{ROOT}/scwlist/nrt/{SPRING}", **CRAB, return_columns="SWID", index_version=INDEX_VERSION).json()
    assert pinned == answer["scwlist"]
    assert shared.get(f"{ROOT}/scwlist/nrt/{SPRING}", index_version="1").status_code == 400


@pytest.mark.parametrize(
    ("path", "params"),
    [
        (f"late/{SPRING}", {}),
        ("cons/yesterday/2009-03-30T00:00:00", {}),
        ("cons/nan/5000", {}),
        (f"cons/{SPRING}", {"ra": "x", "dec": 1, "radius": 1}),
        (f"cons/{SPRING}", {"ra": 1.0}),
        (f"cons/{SPRING}", {"return_columns": "SWID,NO_SUCH"}),
    ],
)
def test_400(shared: Client, path: str, params: dict[str, str]) -> None:
    response = shared.get(f"{ROOT}/scwlist/{path}", **params)
    assert response.status_code == 400
    assert isinstance(response.json(), list)
    if "return_columns" in params:
        assert "RA_SCZ" in response.json()[0]


def test_times_are_converted(shared: Client) -> None:
    def convert(path: str) -> str:
        return shared.get(f"{ROOT}/converttime/{path}").text

    word, start, stop = convert("REVNUM/1554/IJD").split()
    assert word == "Boundary"
    assert (float(start), float(stop)) == pytest.approx((5646.283, 5648.943), abs=1e-3)
    assert float(convert("UTC/2000-01-02T00:00:00/IJD")) == pytest.approx(1 + 64.184 / 86400, abs=1e-8)
    assert convert("IJD/5646.5/UTC").startswith("2015-06-17T11:58:52.816")
    assert convert("IJD/5646.5/REVNUM") == "1554"
    first = convert("SCWID/155400010010/IJD").split()[1]
    assert convert(f"IJD/{float(first) + 1e-4}/SCWID") == "155400010010"
    assert shared.get(f"{ROOT}/converttime/ANY/1554/ANY").json()["REVNUM"] == "1554"
    assert shared.get(f"{ROOT}/converttime/UTC/yesterday/IJD").status_code == 400
    assert shared.get(f"{ROOT}/converttime/UTC/2000-01-01/XYZ").status_code == 400
    assert shared.get(f"{ROOT}/converttime/REVNUM/99999/IJD").status_code == 400
    assert shared.get(f"{ROOT}/converttime/SCWID/333300010010/IJD").status_code == 400
    assert shared.get(f"{ROOT}/healthcheck").status_code == 200


def test_an_observation_is_one_field_of_one_year_without_a_long_pause(shared: Client) -> None:
    names = "SWID,OBS_ID,TSTART,TSTOP"
    table = shared.get(f"{ROOT}/scwlist/cons/1100/9200", return_columns=names).json()
    ids, start, stop = np.array(table["OBS_ID"]), np.array(table["TSTART"]), np.array(table["TSTOP"])
    assert all(len(word) == 11 and word.isdigit() for word in set(table["OBS_ID"]))
    assert len(set(table["OBS_ID"])) > 500
    for word in sorted(set(table["OBS_ID"]))[::40]:
        mine = np.flatnonzero(ids == word)
        assert stop[mine].max() - start[mine].min() < 366 + 10
        assert np.diff(start[mine]).max(initial=0.0) < 10 + 3, "a pause of the visits, which last up to three days"
        axes = history().axis[history().rows([scw for scw, one in zip(table["SWID"], table["OBS_ID"], strict=True) if one == word])]
        centre = axes.mean(axis=0) / np.linalg.norm(axes.mean(axis=0))
        assert np.all(axes @ centre > np.cos(np.deg2rad(45))), "scans are 60 degrees long"
