"""ISLA and HEASARC list the same science windows as the timesystem would, in UTC, without slews, in the version asked."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

import httpx
import numpy as np
import pytest

from dashboard.archive.archives import HEASARC, ISLA
from dashboard.archive.pointings import Pointings, utc_now
from dashboard.archive.tap_archive import TapArchive
from dashboard.errors import ArchiveError, ArchiveUnavailable
from dashboard.request.times import TimePoint, TimeSpan, parse_spans
from tests.archive.fake_tap import FakeTap, Row, refusal, votable

CRAB = (83.633, 22.0145)
MIDNIGHT = 54877.0
"""MJD of 2009-02-15T00:00:00 UTC."""
MIDNIGHT_IJD = 3333 + 66.184 / 86400
"""The same in IJD: TT was 34 + 32.184 s ahead of UTC in 2009."""


def heasarc_row(swid: str, minute: float = 0.0, length: float = 2000.0, dec: float = 0.0, **values: Any) -> Row:
    """A science window as `intscw` has it, `dec` degrees north of the Crab, `minute` after midnight; seconds long and all of it good."""
    start = MIDNIGHT + minute / 1440
    kind = "POINTING" if swid.endswith("0") else "SLEW"
    good = {"good_isgri": length, "good_jemx1": length, "good_jemx2": 0.0}
    position = {"ra": CRAB[0], "dec": CRAB[1] + dec, "start_date": start, "end_date": start + length / 86400}
    return {"scw_id": swid, "scw_ver": "001", "scw_type": kind, **position, "ps": "public", **good, **values}


def isla_row(swid: str, start: str, stop: str, dec: float = 0.0) -> Row:
    return {"scwid": swid, "ra": CRAB[0], "dec": CRAB[1] + dec, "starttime": start, "endtime": stop}


def heasarc(*rows: Row, table: str = "intscw") -> FakeTap:
    return FakeTap({table: list(rows)})


def asked(
    tap: FakeTap, spans: tuple[TimeSpan, ...], data_version: str = "CONS", instrument: str = "isgri", radius: float = 10.5
) -> Pointings:
    return TapArchive(*HEASARC, tap.client).windows(spans, *CRAB, radius, data_version, instrument)


DAY = parse_spans("2009-02-15T00:00:00", "2009-02-16T00:00:00")


def test_heasarc_tells_times_in_utc_and_they_become_ijd() -> None:
    before = utc_now()
    found = asked(heasarc(heasarc_row("077400010010")), DAY)
    assert found.tstart[0] == pytest.approx(MIDNIGHT_IJD, abs=1e-9)
    assert found.tstop[0] == pytest.approx(MIDNIGHT_IJD + 2000 / 86400, abs=1e-9)
    assert found.telapse[0] == pytest.approx(2000, abs=1e-4)
    assert np.isnan(found.ra_scz).all()
    assert (found.swid, found.version, found.public) == (("077400010010",), ("001",), (1,))
    assert (found.origin, found.index_version) == ("https://heasarc.gsfc.nasa.gov/xamin/vo/tap intscw", "")
    assert before <= found.asked <= utc_now()


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/Los_Angeles"])
@pytest.mark.parametrize("form", ["2009-02-15 00:00:00", "2009-02-15T00:00:00Z", "2009-02-15 00:00:00.000+00:00"])
def test_isla_tells_times_in_utc_wherever_this_machine_stands(form: str, zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        tap = FakeTap({"ila.scw": [isla_row("077400010010", form, form.replace("00:00:00", "01:00:00", 1))]})
        found = TapArchive(*ISLA, tap.client).windows(DAY, *CRAB, 10.5, "CONS", "isgri")
    finally:
        monkeypatch.undo()
        time.tzset()
    assert found.tstart.tolist() == [pytest.approx(MIDNIGHT_IJD, abs=1e-8)]
    assert found.telapse.tolist() == [pytest.approx(3600, abs=1e-3)]
    assert (found.swid, found.version, found.public) == (("077400010010",), (), ())
    assert found.origin == "https://isla.esac.esa.int/tap/tap ila.scw"


def test_slews_and_windows_that_point_nowhere_are_left_out() -> None:
    nowhere = {**heasarc_row("077400030010", 80), "ra": None, "dec": None}
    tap = heasarc(heasarc_row("077400010010"), heasarc_row("077400010021", 40), heasarc_row("077400020010", 60), nowhere)
    assert asked(tap, DAY, radius=180.0).swid == ("077400010010", "077400020010")


def test_overlap_counts_and_the_edge_of_the_radius_is_the_timesystems() -> None:
    edges = [heasarc_row("077300990010", -20), heasarc_row("077300980010", -40, 1000), heasarc_row("077400010010", 1439.9)]
    assert asked(heasarc(*edges, heasarc_row("077400020010", 1441)), DAY).swid == ("077300990010", "077400010010")
    near = [heasarc_row("077400010010", dec=3.499), heasarc_row("077400020010", 60, dec=3.505)]
    assert asked(heasarc(*near), DAY, radius=3.5).swid == ("077400010010",)


def test_the_good_time_of_the_instrument_asked_decides() -> None:
    rows = [
        heasarc_row("077400010010", 0, good_isgri=400.0),
        heasarc_row("077400020010", 60, good_jemx1=501.0, good_jemx2=500.0),
        heasarc_row("077400030010", 120, good_isgri=None, good_jemx2=1500.0),
        heasarc_row("077400040010", 180, 450, good_isgri=None),
    ]
    listed = {name: [scw[4:8] for scw in asked(heasarc(*rows), DAY, instrument=name)] for name in ("isgri", "jemx1", "jemx2", "")}
    assert listed == {
        "isgri": ["0002", "0003"],
        "jemx1": ["0001", "0002", "0003"],
        "jemx2": ["0003"],
        "": ["0001", "0002", "0003", "0004"],
    }


def test_without_good_times_the_elapsed_time_decides() -> None:
    rows = [
        isla_row("077400010010", "2009-02-15 00:00:00", "2009-02-15 00:08:00"),
        isla_row("077400020010", "2009-02-15 01:00:00", "2009-02-15 01:00:00"),
    ]
    rows.append(isla_row("077400030010", "2009-02-15 02:00:00", "2009-02-15 02:10:00"))
    archive = TapArchive(*ISLA, FakeTap({"ila.scw": rows}).client)
    assert [archive.windows(DAY, *CRAB, 10.5, "CONS", name).swid for name in ("isgri", "jemx1")] == [("077400030010",)] * 2


def test_versions_are_the_archives() -> None:
    rows = [heasarc_row("077400010010"), heasarc_row("077400010010", scw_ver="002"), heasarc_row("077400020010", 60, scw_ver="000")]
    consolidated, near_real_time = asked(heasarc(*rows), DAY), asked(heasarc(*rows), DAY, "NRT")
    assert consolidated.with_versions("CONS") == ("077400010010.002",), "the newest, once"
    assert near_real_time.with_versions("NRT") == ("077400020010.000",)


def test_an_id_may_carry_its_version_or_be_a_number() -> None:
    written = asked(heasarc(heasarc_row("077400010010.003", scw_ver=None)), DAY)
    assert written.with_versions("CONS") == ("077400010010.003",)
    numbers = heasarc(heasarc_row("077400010010", scw_id=77400010010, scw_ver=1))
    assert asked(numbers, parse_spans("rev:774", "rev:774")).with_versions("CONS") == ("077400010010.001",)


def test_who_tells_no_versions_is_not_asked_for_near_real_time_data() -> None:
    tap = FakeTap({"ila.scw": [isla_row("077400010010", "2009-02-15 00:00:00", "2009-02-15 01:00:00")]})
    archive = TapArchive(*ISLA, tap.client)
    assert archive.windows(DAY, *CRAB, 10.5, "CONS", "isgri").with_versions("CONS") == ("077400010010.001",)
    with pytest.raises(ArchiveUnavailable, match=r"ESA's ISLA does not tell near-real-time .* choose data_version CONS"):
        archive.windows(DAY, *CRAB, 10.5, "NRT", "isgri")


def test_revolutions_are_found_by_their_ids_also_beside_dates() -> None:
    rows = [heasarc_row(f"{revolution:04d}00010010", (revolution - 774) * 4000) for revolution in (773, 774, 775, 776)]
    listed = {
        ("rev:774", "rev:775"): ["0774", "0775"],
        ("rev:775", "2009-02-20T00:00:00"): ["0775"],
        ("2009-02-16T00:00:00", "rev:776"): ["0775", "0776"],
        (3333.5, 3336.5): ["0775"],
    }
    for (t1, t2), revolutions in listed.items():
        assert [scw[:4] for scw in asked(heasarc(*rows), parse_spans(t1, t2))] == revolutions


def test_many_intervals_are_several_questions_and_each_window_is_listed_once() -> None:
    tap = heasarc(*(heasarc_row(f"07740{n:03d}0010", n * 40) for n in range(70)))
    points = [TimePoint("utc", f"2009-02-15T{hour:02d}:{minute:02d}:00") for hour in range(24) for minute in (0, 30)]
    found = asked(tap, tuple(TimeSpan(*pair) for pair in pairwise(points)))
    assert len(found) == len(set(found.swid)) == 36
    assert len(tap.asked) == 3, "one for the columns, two for 47 intervals"
    assert max(map(len, tap.asked)) < 4000


def test_rights_go_by_the_word_and_by_a_day_of_release_that_has_come() -> None:
    rows = [
        heasarc_row("077400010010", 0, ps="private", public_date=None),
        heasarc_row("077400020010", 60, ps="Private", public_date=55000.0),
        heasarc_row("077400030010", 120, ps="private", public_date=88000.0),
        heasarc_row("077400040010", 180, ps=None, public_date=None),
    ]
    assert asked(heasarc(*rows), DAY).public == (0, 1, 0, -1)


def test_the_public_list_of_heasarc_is_asked_when_the_whole_one_is_gone() -> None:
    tap = heasarc(heasarc_row("077400010010"), table="intscwpub")
    found = asked(tap, DAY)
    assert (len(found), found.origin) == (1, "https://heasarc.gsfc.nasa.gov/xamin/vo/tap intscwpub")


def test_columns_under_other_names_are_found_or_said_to_be_missing() -> None:
    renamed = [{{"ra": "RA_X", "dec": "Dec_X"}.get(key, key.upper()): value for key, value in heasarc_row("077400010010").items()}]
    assert len(asked(FakeTap({"intscw": renamed}), DAY)) == 1
    strange = [{key.replace("start_date", "begin"): value for key, value in heasarc_row("077400010010").items()}]
    with pytest.raises(ArchiveUnavailable, match=r"The table intscw of HEASARC lacks the columns start_date.*choose another scw_archive"):
        asked(FakeTap({"intscw": strange}), DAY)
    with pytest.raises(ArchiveUnavailable, match=r"Unknown table ila\.scw\. Choose another scw_archive"):
        TapArchive(*ISLA, FakeTap().client).windows(DAY, *CRAB, 10.5, "CONS", "isgri")


def test_times_that_are_none_and_columns_that_do_not_come_are_told() -> None:
    with pytest.raises(ArchiveUnavailable, match="lacks times of some science windows"):
        asked(heasarc(heasarc_row("077400010010"), heasarc_row("077400020010", 60, start_date=None)), parse_spans("rev:774", "rev:774"))
    tap = heasarc(heasarc_row("077400010010"))
    params = {"REQUEST": "doQuery", "LANG": "ADQL", "FORMAT": "votable", "QUERY": "SELECT TOP 1 * FROM intscw"}
    sample = tap.client.get(HEASARC[1] + "/sync", params=params)
    answers = iter([sample.text, votable({"scw_id": str}, [("077400010010",)])])
    tap.broken = lambda _: httpx.Response(200, text=next(answers))
    with pytest.raises(ArchiveUnavailable, match="lacks the columns ra, dec, start_date"):
        asked(tap, DAY)


def test_nothing_found_is_an_empty_list_and_a_refusal_is_a_refusal() -> None:
    tap = heasarc(heasarc_row("077400010010"))
    empty = asked(tap, parse_spans(5000, 5001))
    assert (len(empty), empty.version, empty.tstart.shape) == (0, (), (0,))
    archive = TapArchive(*HEASARC, tap.client)
    assert len(archive.windows(DAY, *CRAB, 10.5, "CONS")) == 1
    tap.broken = lambda _: refusal("too busy for that")
    with pytest.raises(ArchiveError, match="too busy for that"):
        archive.windows(DAY, *CRAB, 10.5, "CONS")


CELLS = {
    **{"077400010010": "02200120001", "077400020010": "02200120001(C),03300010007", "077400030010": "03300010007,02200120001(C)"},
    **{"077400040010": "022001200012", "077400050010": None, "077400060010": "03300010007"},
}
"""As ISDC writes obs_id: amalgamated observations are a list."""


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (["02200120001"], ["077400010010", "077400020010", "077400030010"]),
        (["03300010007"], ["077400020010", "077400030010", "077400060010"]),
        (["02200120001", "03300010007"], ["077400010010", "077400020010", "077400030010", "077400060010"]),
        (["09900010001"], []),
    ],
)
def test_observations_are_found_also_where_several_were_amalgamated(wanted: list[str], found: list[str]) -> None:
    tap = heasarc(*(heasarc_row(swid, 40.0 * n, obs_id=cell) for n, (swid, cell) in enumerate(CELLS.items())))
    windows = TapArchive(*HEASARC, tap.client).windows(DAY, *CRAB, 10.5, "CONS", "isgri", wanted)
    assert list(windows) == found
    assert all(set(wanted) & set(ids.split()) for ids in windows.observation)
    assert len(tap.asked) == 2, "the archive chooses, not we"


def test_windows_remember_their_observations_and_good_times() -> None:
    tap = heasarc(*(heasarc_row(swid, 40.0 * n, obs_id=cell) for n, (swid, cell) in enumerate(CELLS.items())))
    found = asked(tap, DAY)
    assert dict(zip(found.swid, found.observation, strict=True)) == {
        **{"077400010010": "02200120001", "077400020010": "02200120001 03300010007", "077400030010": "03300010007 02200120001"},
        **{"077400040010": "", "077400050010": "", "077400060010": "03300010007"},
    }
    assert found.good["isgri"].tolist() == [2000.0] * 6
    assert asked(heasarc(heasarc_row("077400010010")), DAY).observation == ()


def test_who_knows_no_observations_says_so() -> None:
    with pytest.raises(ArchiveUnavailable, match="HEASARC does not tell which observation a science window belongs to"):
        TapArchive(*HEASARC, heasarc(heasarc_row("077400010010")).client).windows(DAY, *CRAB, 10.5, "CONS", "isgri", ["02200120001"])
