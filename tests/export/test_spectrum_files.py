from __future__ import annotations

import gc
import importlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from numpy.typing import NDArray

from dashboard.combine.spectrum_sum import SpectrumSum
from dashboard.errors import ProductError, RequestError
from dashboard.export.spectrum_files import stems, writable, write_spectrum_files
from dashboard.products.mosaic import Provenance
from dashboard.products.spectrum import Redistribution, Spectrum, SpectrumSet
from dashboard.products.spectrum_fits import spectra_from_products
from tests.spectra import AREA, PROVENANCE, RMF, folded, opened, spectrum, toy_redistribution

ALL = (0.0, 0.0, 0)


def written(folder: Path, *spectra: Spectrum, grouping: tuple[float, float, int] = ALL, systematic: float = 0.0) -> dict[str, Path]:
    return {path.name: path for path in write_spectrum_files(folder, SpectrumSet(spectra), grouping, systematic)}


def one(files: dict[str, Path], ending: str) -> Path:
    (path,) = (path for name, path in files.items() if name.endswith(ending))
    return path


def table(path: Path, name: str) -> tuple[Any, Any]:
    with fits.open(path, checksum=True) as hdus:
        hdus.verify("exception")
        return hdus[name].data.copy(), hdus[name].header.copy()


def counts_through(folder: Path, pha: str, index: float = 2.1) -> NDArray[np.float64]:
    """As a fitting program does it: the spectrum names its responses, beside it; their columns alone count."""
    _, header = table(folder / pha, "SPECTRUM")
    area, _ = table(folder / header["ANCRFILE"], "SPECRESP")
    rmf, its = table(folder / header["RESPFILE"], "MATRIX")
    lo, hi = (rmf[name].astype(float) for name in ("ENERG_LO", "ENERG_HI"))
    assert set(rmf["F_CHAN"]) == {its["TLMIN4"]}
    assert set(rmf["N_CHAN"]) == {its["DETCHANS"]}
    photons = (hi ** (1 - index) - lo ** (1 - index)) / (1 - index)
    counts: NDArray[np.float64] = (photons * area["SPECRESP"]) @ rmf["MATRIX"].astype(float)
    return counts


def test_a_power_law_folded_through_the_files_gives_the_counts_of_the_spectrum(tmp_path: Path) -> None:
    made = spectrum(rmf=toy_redistribution(first_channel=1))
    files = written(tmp_path, made)
    np.testing.assert_allclose(counts_through(tmp_path, one(files, ".pha").name), folded(made.redistribution, made.area), rtol=1e-5)
    np.testing.assert_allclose(table(one(files, ".pha"), "SPECTRUM")[0]["RATE"], folded(made.redistribution, made.area), rtol=1e-5)


def test_the_files_of_a_sum_over_different_responses_fold_to_its_rate(tmp_path: Path) -> None:
    total = SpectrumSum()
    total.add(SpectrumSet((spectrum(),)), "first")
    broader = replace(RMF, matrix=toy_redistribution(blur=0.2).matrix)
    total.add(SpectrumSet((spectrum(rmf=broader, area=(0.5 * AREA).astype("f4"), exposure=5000.0),)), "second")
    files = {path.name: path for path in write_spectrum_files(tmp_path, total.result(), ALL, 0.0)}
    np.testing.assert_allclose(counts_through(tmp_path, one(files, ".pha").name), total.result().spectra[0].rate, rtol=1e-5)


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_the_reference_reader_sees_what_was_written(tmp_path: Path) -> None:
    made = spectrum(sys_err=np.full(24, 0.03))
    files = written(tmp_path, made, systematic=0.04)
    ogip = importlib.import_module("ogip.spec")
    pha = ogip.PHAI.from_file_name_normal(str(one(files, ".pha")))
    np.testing.assert_allclose(pha._rate, made.rate, rtol=1e-6)
    np.testing.assert_allclose(pha._stat_err, made.stat_err, rtol=1e-6)
    np.testing.assert_allclose(pha._sys_err, 0.05, rtol=1e-6)
    assert pha._exposure == made.exposure
    rmf = ogip.RMF.from_file_name_normal(str(one(files, ".rmf")))
    np.testing.assert_array_equal(rmf._matrix, RMF.matrix)
    np.testing.assert_array_equal(rmf._e_max, RMF.e_max)
    arf = ogip.ARF.from_file_name_normal(str(one(files, ".arf")))
    np.testing.assert_array_equal(arf._arf, AREA)
    np.testing.assert_array_equal(arf._energ_lo, RMF.energ_lo)
    del pha, rmf, arf
    gc.collect()  # that reader leaves its files open: they are closed here, where the warning is expected


def test_our_own_reader_sees_what_was_written(tmp_path: Path) -> None:
    files = written(tmp_path, spectrum("Vela X-1"))
    parts = [({"src_name": "Vela X-1"}, opened(path)) for path in files.values()]
    (back,) = spectra_from_products(parts, "isgri", PROVENANCE).spectra
    assert back.redistribution.key == RMF.key
    np.testing.assert_allclose(back.rate, spectrum().rate, rtol=1e-6)
    assert (back.ra, back.dec, back.exposure, back.tstart) == (83.63, 22.01, 2000.0, 3000.0)


@pytest.mark.parametrize("first", [0, 1])
def test_headers_have_what_the_memoranda_ask(tmp_path: Path, first: int) -> None:
    files = written(tmp_path, spectrum(rmf=toy_redistribution(first_channel=first)))
    data, header = table(one(files, ".pha"), "SPECTRUM")
    asked = {
        **{"TELESCOP": "INTEGRAL", "INSTRUME": "IBIS", "FILTER": "none", "HDUCLASS": "OGIP", "HDUCLAS1": "SPECTRUM", "HDUCLAS3": "RATE"},
        **{"HDUVERS": "1.2.1", "POISSERR": False, "CHANTYPE": "PI", "DETCHANS": 24, "AREASCAL": 1.0, "BACKSCAL": 1.0, "CORRSCAL": 0.0},
        **{"BACKFILE": "none", "CORRFILE": "none", "TLMIN1": first, "TLMAX1": first + 23, "TUNIT2": "count/s", "TUNIT3": "count/s"},
    }
    assert {key: header[key] for key in asked} == asked
    assert "TELAPSE" not in header
    assert list(data["CHANNEL"]) == list(range(first, first + 24))
    for card, ending in (("RESPFILE", ".rmf"), ("ANCRFILE", ".arf")):
        assert header[card] == one(files, ending).name
        assert len(header[card]) <= 68
    matrix, header = table(one(files, ".rmf"), "MATRIX")
    asked = {"HDUCLAS1": "RESPONSE", "HDUCLAS2": "RSP_MATRIX", "HDUCLAS3": "REDIST", "HDUVERS": "1.3.0", "TLMIN4": first, "DETCHANS": 24}
    assert {key: header[key] for key in asked} == asked
    assert [header[f"TTYPE{i}"] for i in range(1, 7)] == ["ENERG_LO", "ENERG_HI", "N_GRP", "F_CHAN", "N_CHAN", "MATRIX"]
    assert header["TUNIT1"] == header["TUNIT2"] == "keV"
    assert set(matrix["F_CHAN"]) == {first}
    bounds, header = table(one(files, ".rmf"), "EBOUNDS")
    assert (header["HDUCLAS2"], header["TLMIN1"], header["TUNIT2"]) == ("EBOUNDS", first, "keV")
    assert list(bounds["CHANNEL"]) == list(data["CHANNEL"])
    _, header = table(one(files, ".arf"), "SPECRESP")
    assert (header["HDUCLAS1"], header["HDUCLAS2"], header["TUNIT3"]) == ("RESPONSE", "SPECRESP", "cm**2")


def test_headers_say_where_the_spectrum_comes_from(tmp_path: Path) -> None:
    origin = Provenance("SIMULATED", "staging", "OSA11.2", "CONS", ("j1", "j2"), ("a", "b", "c"), 2, 5, seed=3)
    for path in written(tmp_path, spectrum("Nova Muscæ", provenance=origin)).values():
        with fits.open(path) as hdus:
            assert hdus[0].header["ORIGIN"] == "SIMULATED"
            for hdu in hdus[1:]:
                said = {
                    "ORIGIN": "SIMULATED",
                    "MMODAHST": "staging",
                    "OSAVERS": "OSA11.2",
                    "NBATUSED": 2,
                    "NBATASK": 5,
                    "NSCW": 3,
                    "SIMSEED": 3,
                }
                assert {key: hdu.header[key] for key in said} == said
                assert hdu.header["OBJECT"] == "Nova Musc?"
                assert [line.split()[-1] for line in hdu.header["HISTORY"]] == ["j1", "j2"]
    observed = written(tmp_path / "observed", spectrum(provenance=replace(origin, origin="ISDC")))
    assert all(b"SIMULATED" not in path.read_bytes() for path in observed.values())


def test_grouping_and_bad_channels_are_columns_and_no_nan_is_written(tmp_path: Path) -> None:
    rate, quality = spectrum().rate.copy(), np.zeros(24, dtype=np.int16)
    rate[[0, 9]], quality[0] = np.nan, 3
    files = written(tmp_path, replace(spectrum(), rate=rate, quality=quality), grouping=(20.0, 200.0, -4), systematic=0.01)
    data, header = table(one(files, ".pha"), "SPECTRUM")
    assert all(np.isfinite(data[name]).all() for name in ("RATE", "STAT_ERR", "SYS_ERR"))
    assert (data["QUALITY"][0], data["QUALITY"][9], data["RATE"][9]) == (3, 1, 0)
    assert set(data["GROUPING"]) == {1, -1}
    assert (header["NBINASK"], header["NBINEMPT"], header["NBINS"]) == (4, 0, 5)
    bins = int(((data["GROUPING"] == 1) & (data["QUALITY"] == 0)).sum())
    assert bins == header["NBINS"]
    centres = (RMF.e_min + RMF.e_max) / 2
    outside = (centres < 20) | (centres >= 200)
    assert (data["QUALITY"][outside] != 0).all()
    np.testing.assert_allclose(data["SYS_ERR"][data["QUALITY"] == 0], 0.01, rtol=1e-6)


def test_systematics_that_came_with_the_spectrum_are_not_overwritten_by_those_asked(tmp_path: Path) -> None:
    came = np.linspace(0, 0.05, 24)
    files = written(tmp_path, spectrum(sys_err=came), systematic=0.02)
    data, header = table(one(files, ".pha"), "SPECTRUM")
    np.testing.assert_allclose(data["SYS_ERR"], np.hypot(came, 0.02), rtol=1e-6)
    np.testing.assert_allclose(data["STAT_ERR"], spectrum().stat_err, rtol=1e-6)
    assert header["SYSFRAC"] == 0.02


def test_a_shared_redistribution_is_one_file_and_another_grid_a_file_of_its_own(tmp_path: Path) -> None:
    same = Redistribution(RMF.energ_lo.copy(), RMF.energ_hi, RMF.matrix.copy(), RMF.e_min, RMF.e_max)
    files = written(tmp_path, spectrum("A"), spectrum("B", same), spectrum("A", toy_redistribution(16)))
    assert sorted(name for name in files if not name.endswith(".rmf")) == [
        "isgri_A.arf",
        "isgri_A.pha",
        "isgri_A_2.arf",
        "isgri_A_2.pha",
        "isgri_B.arf",
        "isgri_B.pha",
    ]
    assert sum(name.endswith(".rmf") for name in files) == 2
    for name in ("isgri_A.pha", "isgri_B.pha", "isgri_A_2.pha"):
        _, header = table(tmp_path / name, "SPECTRUM")
        assert table(tmp_path / header["RESPFILE"], "MATRIX")[1]["DETCHANS"] == header["DETCHANS"]
        assert header["ANCRFILE"] == name.replace(".pha", ".arf")
    assert sorted([path.name for path in tmp_path.iterdir()]) == sorted(files)


def test_file_names_are_plain_and_unique_and_stay_in_the_folder(tmp_path: Path) -> None:
    names = [
        "../../etc/passwd",
        "/abs",
        "..",
        "",
        "4U 1700+24",
        "4U 1700p24",
        "4u 1700P24",
        "a" * 200,
        "a" * 200 + "b",
        "x[1]",
        "x(1)",
        "-rf",
        "ü\n\0",
    ]
    made = stems([spectrum(name) for name in names])
    assert len({stem.lower() for stem in made}) == len(names)
    assert all(re.fullmatch(r"isgri_[A-Za-z0-9._-]*", stem) and len(stem) <= 60 for stem in made)
    files = written(tmp_path, *[spectrum(name) for name in names])
    assert {path.parent for path in files.values()} == {tmp_path}
    assert {path.name for path in tmp_path.iterdir()} == set(files)


def test_files_are_replaced_by_a_second_export(tmp_path: Path) -> None:
    written(tmp_path, spectrum())
    files = written(tmp_path, spectrum(exposure=1.0))
    assert table(one(files, ".pha"), "SPECTRUM")[1]["EXPOSURE"] == 1.0


def test_what_cannot_be_written_is_said_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="fraction"):
        written(tmp_path, spectrum(), systematic=-0.1)
    with pytest.raises(RequestError, match="lower energy first"):
        written(tmp_path, spectrum(), grouping=(200.0, 20.0, 4))
    with pytest.raises(ProductError, match="exposure"):
        written(tmp_path, spectrum(exposure=float("nan")))
    (tmp_path / "file").write_text("")
    with pytest.raises(ProductError, match="another folder"):
        written(tmp_path / "file", spectrum())
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(("name", "instrument"), [("isgri_{}_4u1700", "isgri"), ("jemx1_{}_crab", "jemx1")])
def test_real_spectra_pass_through(shared_data: Path, tmp_path: Path, name: str, instrument: str) -> None:
    parts: list[tuple[dict[str, Any], fits.HDUList]]
    parts = [({}, opened(shared_data / "integral" / f"{name.format(kind)}.fits.gz")) for kind in ("spectrum", "arf", "rmf")]
    made = spectra_from_products(parts, instrument, Provenance())
    files = {
        path.name: path
        for path in write_spectrum_files(tmp_path, made, (5.0, 30.0, -5) if instrument == "jemx1" else (20.0, 200.0, -10), 0.01)
    }
    (real,) = made.spectra
    np.testing.assert_allclose(
        counts_through(tmp_path, one(files, ".pha").name), folded(real.redistribution, real.area), rtol=1e-4, atol=1e-9
    )
    data, header = table(one(files, ".pha"), "SPECTRUM")
    np.testing.assert_allclose(data["RATE"][real.good], real.rate[real.good], rtol=1e-6)
    assert header["INSTRUME"] == ("IBIS" if instrument == "isgri" else "JMX1")


def test_one_spectrum_that_cannot_be_written_keeps_none_of_the_others_back() -> None:
    good, blind = spectrum(source="Crab"), replace(spectrum(source="Faint"), exposure=float("nan"))
    kept, refused = writable(SpectrumSet((blind, good)), ALL)
    assert kept.sources == ("Crab",)
    assert list(refused) == ["Faint"]
    assert "exposure" in refused["Faint"]
