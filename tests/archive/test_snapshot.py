"""A snapshot holds the whole mission and answers for coverage when no archive does, and only then."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from astropy.io import fits

from dashboard.__main__ import main
from dashboard.archive.archives import HEASARC
from dashboard.archive.coverage_list import find_coverage
from dashboard.archive.sightings import Sightings
from dashboard.archive.snapshot import around, collect, read_snapshot, write_snapshot, yearly
from dashboard.archive.tap_archive import TapArchive
from dashboard.archive.timesystem import Timesystem
from dashboard.errors import ArchiveError, ArchiveUnavailable, StorageFull
from dashboard.hosts import Host
from dashboard.request.times import MISSION
from tests.archive.fake_archive import FakeArchive, observed
from tests.archive.fake_tap import FakeTap, Row

CRAB = (83.633, 22.0145)
NEW_YEAR = 54466.0
"""MJD of 2008-01-01T00:00:00 UTC."""
HOST = Host("production", "http://dispatcher.example", "http://own.example/api/v1.0")


def row(swid: str, start: float, dec: float = 0.0, **values: object) -> Row:
    """2000 seconds of one window, `dec` degrees north of the Crab."""
    position = {"ra": CRAB[0], "dec": CRAB[1] + dec, "start_date": start, "end_date": start + 2000 / 86400}
    return {"scw_id": swid, "scw_ver": "001", **position, "ps": "public", "good_isgri": 1900.0, "good_jemx1": None, **values}


def mission() -> FakeTap:
    rows = [row("063500010010", NEW_YEAR - 0.01), row("007000010010", 52800.0, 30.0, good_isgri=None, ps="private")]
    return FakeTap({"intscw": [*rows, row("007000010021", 52800.5), row("280000010010", 60000.0, 3.0, scw_ver="002", ps=None)]})


def collected(tap: FakeTap) -> Sightings:
    return collect(TapArchive(*HEASARC, tap.client))


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.archive.fetching.time.sleep", lambda seconds: None)


def test_the_pieces_are_the_mission_without_a_gap() -> None:
    pieces = list(yearly())
    assert (str(pieces[0].start), str(pieces[-1].stop)) == MISSION
    assert [str(piece.stop) for piece in pieces[:-1]] == [str(piece.start) for piece in pieces[1:]]
    assert max(piece.stop.ijd - piece.start.ijd for piece in pieces) < 366.01


def test_the_whole_mission_is_collected_once_without_slews() -> None:
    heard: list[str] = []
    tap = mission()
    found = collect(TapArchive(*HEASARC, tap.client), heard.append)
    assert found.pointings.swid == ("007000010010", "063500010010", "280000010010"), "one of them lies in two years"
    assert len(tap.asked) == 1 + len(list(yearly()))
    assert len(heard) == len(list(yearly()))
    assert {"2003: 1 science windows", "2007: 1 science windows", "2008: 1 science windows", "2010: 0 science windows"} <= set(heard)


def test_a_file_gives_back_what_it_was_given(tmp_path: Path) -> None:
    found = collected(mission())
    path = tmp_path / "new" / "snapshot.fits"
    write_snapshot(path, found)
    again = read_snapshot(path)
    assert [entry.name for entry in path.parent.iterdir()] == ["snapshot.fits"], "nothing half-written is left"
    assert again.pointings.swid == found.pointings.swid
    assert again.pointings.version == ("001", "001", "002")
    assert again.pointings.public == tuple(again.public) == (0, 1, -1)
    for name in ("ra_scx", "dec_scx", "ra_scz", "dec_scz", "tstart", "tstop", "telapse"):
        np.testing.assert_array_equal(getattr(again.pointings, name), getattr(found.pointings, name))
    np.testing.assert_array_equal(again.good["isgri"], [np.nan, 1900.0, 1900.0])
    assert set(again.good) == {"isgri", "jemx1"}
    assert again.science.tolist() == found.science.tolist()
    assert again.pointings.origin == f"a snapshot of {HEASARC[1]} intscw"
    assert again.pointings.asked == found.pointings.asked
    with fits.open(path) as file:
        assert (file[1].header["TIMESYS"], file[1].header["MJDREF"]) == ("TT", 51544.0)
        assert file[1].columns["RA_SCX"].unit == "deg"


def test_the_timesystem_fills_one_too(tmp_path: Path) -> None:
    archive = FakeArchive(rows=observed(40, 5, *CRAB))
    write_snapshot(tmp_path / "s.fits", collect(Timesystem("http://timesystem", archive.client)))
    again = read_snapshot(tmp_path / "s.fits")
    assert (len(again), again.pointings.index_version, again.good, again.pointings.version) == (5, "20260101", {}, ())
    np.testing.assert_allclose(again.pointings.dec_scz, CRAB[1] - 90)


def test_an_archive_without_windows_makes_none() -> None:
    with pytest.raises(ArchiveError, match="no science window at all"):
        collect(Timesystem("http://timesystem", FakeArchive().client))


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    for name, content in (("text", b"no FITS"), ("empty", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ArchiveError, match="is no snapshot of an archive: make it again"):
            read_snapshot(tmp_path / name)
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns([fits.Column("A", "D", array=[1.0])])]).writeto(tmp_path / "other.fits")
    with pytest.raises(ArchiveError, match="is no snapshot"):
        read_snapshot(tmp_path / "other.fits")


def test_where_nothing_can_be_written_it_is_told_and_the_former_file_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "snapshot.fits"
    write_snapshot(path, collected(mission()))
    former = path.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fits.HDUList, "writeto", full)
    with pytest.raises(StorageFull, match="No space left on device"):
        write_snapshot(path, collected(mission()))
    assert path.read_bytes() == former


def test_coverage_is_cut_from_it_by_angle() -> None:
    found = collected(mission())
    assert around(found, *CRAB, 15.0).pointings.swid == ("063500010010", "280000010010")
    assert around(found, *CRAB, 2.99).pointings.swid == ("063500010010",)
    assert around(found, *CRAB, 2.0).good["isgri"].tolist() == [1900.0]


def down(_: httpx.Request) -> httpx.Response:
    return httpx.Response(503)


def test_coverage_comes_from_it_when_no_archive_answers(tmp_path: Path) -> None:
    snapshot = tmp_path / "snapshot.fits"
    write_snapshot(snapshot, collected(mission()))
    client = httpx.Client(transport=httpx.MockTransport(down))
    found = find_coverage(*CRAB, 15.0, HOST, client=client, snapshot=snapshot)
    assert found.pointings.swid == ("063500010010", "280000010010")
    assert found.pointings.origin.startswith("a snapshot of ")
    for host, data_version, file in (
        (replace(HOST, name="simulated"), "CONS", snapshot),
        (HOST, "NRT", snapshot),
        (HOST, "CONS", tmp_path / "absent.fits"),
        (HOST, "CONS", None),
    ):
        with pytest.raises(ArchiveUnavailable, match="HTTP status 503"):
            find_coverage(*CRAB, 15.0, host, data_version, client, snapshot=file)


def test_an_archive_that_answers_is_believed_before_it(tmp_path: Path) -> None:
    write_snapshot(tmp_path / "s.fits", collected(mission()))
    archive = FakeArchive(rows=observed(40, 5, *CRAB))
    found = find_coverage(*CRAB, 15.0, archive.host(), client=archive.client, snapshot=tmp_path / "s.fits")
    assert (len(found), found.pointings.origin) == (5, "http://timesystem")


def test_the_command_line_tells_what_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("INTEGRAL_DASHBOARD_DATA", str(tmp_path))
    assert main(["archive", "status"]) == 0
    told = capsys.readouterr().out
    assert f"No snapshot at {tmp_path / 'science-windows.fits'}" in told
    (line,) = (line for line in told.splitlines() if line.startswith("production"))
    assert line.index("/gw/timesystem/") < line.index("ESA's ISLA (https://isla") < line.index("HEASARC (https://heasarc")
    assert "ISLA" not in next(line for line in told.splitlines() if line.startswith("simulated"))


def test_the_command_line_makes_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("INTEGRAL_DASHBOARD_DATA", str(tmp_path))
    whole = mission()
    transport = httpx.MockTransport(whole.answer)
    unpatched = httpx.Client
    monkeypatch.setattr("dashboard.archive.fetching.httpx.Client", lambda **_: unpatched(transport=transport))
    assert main(["archive", "snapshot"]) == 0
    told = capsys.readouterr().out
    assert "3 science windows, 2003-06-10 to 2023-02-25" in told
    assert "good times: isgri, jemx1; public 1, private 1, not told 1" in told
    assert read_snapshot(tmp_path / "science-windows.fits").pointings.swid == ("007000010010", "063500010010", "280000010010")
    assert main(["archive", "status"]) == 0
    assert "3 science windows" in capsys.readouterr().out
    whole.broken = down
    assert main(["archive", "snapshot", "--file", str(tmp_path / "other.fits")]) == 2
    assert "HEASARC (https://heasarc.gsfc.nasa.gov/xamin/vo/tap) answered with HTTP status 503" in capsys.readouterr().err
    assert not (tmp_path / "other.fits").exists()


@pytest.mark.parametrize(("host", "told"), [("simulated", "is always at hand"), ("nowhere", "There is no host 'nowhere'")])
def test_the_command_line_refuses_what_it_cannot_mean(
    host: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("INTEGRAL_DASHBOARD_DATA", str(tmp_path))
    assert main(["archive", "snapshot", "--host", host]) == 2
    assert told in capsys.readouterr().err


def test_observations_are_kept_where_the_archive_tells_them(tmp_path: Path) -> None:
    cells = ["02200120001", "02200120001(C),03300010007", None]
    rows = [row(f"06350001{n:03d}0", NEW_YEAR + 0.1 * n, obs_id=cell) for n, cell in enumerate(cells, 1)]
    write_snapshot(tmp_path / "scw.fits", collected(FakeTap({"intscw": rows})))
    found = read_snapshot(tmp_path / "scw.fits").pointings
    assert found.observation == ("02200120001", "02200120001 03300010007", "")
    write_snapshot(tmp_path / "scw.fits", collected(mission()))
    assert read_snapshot(tmp_path / "scw.fits").pointings.observation == ()
