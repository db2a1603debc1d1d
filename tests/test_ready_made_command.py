"""archive ready: what ISLA has is listed, written with its origin, and refused with a sentence where it must not be asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from astropy.io import fits
from astropy.table import Table

from dashboard.__main__ import main
from tests.archive.fake_isla import EPOCHS, SOURCE_ID, FakeIsla, spectrum_files, standing

CRAB = "83.6332 22.0145"


@pytest.fixture
def isla(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeIsla]:
    isla = FakeIsla()
    with standing(isla) as url:
        (tmp_path / "hosts.toml").write_text(f'[institute]\ndispatcher_url = "{url.removesuffix("/tap")}"\nisla_url = "{url}"\n')
        monkeypatch.setenv("INTEGRAL_DASHBOARD_HOSTS", str(tmp_path / "hosts.toml"))
        monkeypatch.setenv("INTEGRAL_DASHBOARD_DATA", str(tmp_path))
        yield isla


def ask(*words: str) -> int:
    return main(["archive", "ready", *words, "--host", "institute"])


def test_a_table_says_what_there_is_and_whose_it_is(isla: FakeIsla, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(CRAB) == 0
    told = capsys.readouterr().out
    assert "not computed here" in told
    assert f"isgri      3 epochs, {EPOCHS[0]} to {EPOCHS[2]}; bands 28_40" in told
    assert "asked 20" in told
    assert isla.asked == ["sources", "instruments", "epochs"]


def test_json_holds_the_same(isla: FakeIsla, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(CRAB, "--json", "--mosaics", "--epoch", EPOCHS[1]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["source"]["source_id"] == SOURCE_ID
    assert [epoch["epoch"] for epoch in found["epochs"] if epoch["instrument"] == "jemx"] == list(EPOCHS)
    assert [mosaic["band"] for mosaic in found["mosaics"]] == ["28_40", "03_20"]
    assert found["mosaics"][0]["url"].endswith("mosaic_oid=5")
    assert "file of a mosaic" not in isla.asked


def test_light_curves_and_spectra_are_written_with_their_origin(isla: FakeIsla, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert ask(CRAB, "--out", str(out)) == 0
    table = Table.read(out / "ISLA_Crab_JEMX1_allmission_timeseries.ecsv")
    assert table["MJD_TT"].tolist() == [54544.25, 54554.5, 54644.75]
    assert (str(table["MJD_TT"].unit), str(table["RATE"].unit), table.meta["band_keV"]) == ("d", "ct / s", [3.08, 19.85])
    assert table.meta["ORIGIN"] == "ISLA, ready-made, not computed here"
    assert table.meta["software"].startswith("osa_2022")
    names = set(spectrum_files())
    assert names < {path.name for path in out.iterdir()}
    with fits.open(out / next(name for name in names if name.endswith("_spe.fits"))) as hdus:
        assert hdus["ISGR-EVTS-SPE"].header["NAME"] == "Crab"
    assert isla.asked.count("spectra") == 2, "the newest epoch of each instrument"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((CRAB, "--epoch", "0001_1"), "ISLA has no epoch 0001_1 of Crab"),
        (("10.0 -60.0",), "ISLA's catalogue has no source within 3'"),
        ((CRAB, "--host", "simulated"), "its sky is simulated"),
        ((CRAB, "--host", "nowhere"), "There is no host 'nowhere'"),
    ],
)
def test_what_cannot_be_is_a_sentence(isla: FakeIsla, words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    host = () if "--host" in words else ("--host", "institute")
    assert main(["archive", "ready", *words, *host]) != 0
    assert told in capsys.readouterr().err
    assert "long_timeseries" not in isla.asked
