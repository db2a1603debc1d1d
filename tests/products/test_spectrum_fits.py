from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from dashboard.dispatcher.answer import decode_products
from dashboard.errors import EmptyProduct, ProductError
from dashboard.products.mosaic import Provenance
from dashboard.products.spectrum import Redistribution, Spectrum, SpectrumSet
from dashboard.products.spectrum_fits import read_spectra, spectra_from_products, write_spectra
from tests.dispatcher.replay import document
from tests.spectra import AREA, PROVENANCE, RMF, assert_same, opened, spectrum, toy_redistribution

Part = tuple[dict[str, Any], fits.HDUList]


def table(name: str, columns: dict[str, tuple[str, Any]], **cards: Any) -> fits.BinTableHDU:
    hdu = fits.BinTableHDU.from_columns([fits.Column(key, code, array=values) for key, (code, values) in columns.items()], name=name)
    hdu.header.update(cards)
    return hdu


def pha(made: Spectrum, **cards: Any) -> fits.BinTableHDU:
    columns = {
        "CHANNEL": ("I", np.arange(len(made.rate)) + made.redistribution.first_channel),
        "RATE": ("E", made.rate),
        "STAT_ERR": ("E", made.stat_err),
        "QUALITY": ("I", made.quality),
    }
    return table("ISGR-EVTS-SPE", columns, **{"INSTRUME": "IBIS", "EXPOSURE": 2000.0, "ORIGIN": "ISDC", **cards})


def arf(area: Any = AREA, name: str = "SPECRESP", rmf: Redistribution = RMF) -> fits.BinTableHDU:
    return table(name, {"ENERG_LO": ("E", rmf.energ_lo), "ENERG_HI": ("E", rmf.energ_hi), "SPECRESP": ("E", area)})


def bounds(rmf: Redistribution = RMF, first: int = 0, name: str = "EBOUNDS") -> fits.BinTableHDU:
    channels = np.arange(first, first + rmf.n_channels)
    return table(name, {"CHANNEL": ("J", channels), "E_MIN": ("E", rmf.e_min), "E_MAX": ("E", rmf.e_max)})


def matrix(rmf: Redistribution = RMF, first: int = 0, name: str = "SPECRESP MATRIX", **cards: Any) -> fits.BinTableHDU:
    rows, n = rmf.matrix.shape
    full = {"N_GRP": ("I", np.ones(rows)), "F_CHAN": ("I", np.full(rows, first)), "N_CHAN": ("I", np.full(rows, n))}
    energies = {"ENERG_LO": ("E", rmf.energ_lo), "ENERG_HI": ("E", rmf.energ_hi)}
    return table(name, energies | full | {"MATRIX": (f"{n}E", rmf.matrix)}, **cards)


def group_matrix(rmf: Redistribution, first: int, **cards: Any) -> fits.BinTableHDU:
    """Only the elements above zero, in variable-length groups."""
    starts, lengths, values = [], [], []
    for row in rmf.matrix:
        edges = np.flatnonzero(np.diff(np.concatenate([[0], row > 0, [0]])))
        starts.append(edges[::2] + first)
        lengths.append(edges[1::2] - edges[::2])
        values.append(row[row > 0])

    def variable(arrays: list[Any]) -> Any:
        made = np.empty(len(arrays), dtype=object)
        made[:] = arrays
        return made

    energies = {"ENERG_LO": ("E", rmf.energ_lo), "ENERG_HI": ("E", rmf.energ_hi)}
    groups = {"N_GRP": ("I", [len(start) for start in starts]), "F_CHAN": ("PI()", variable(starts)), "N_CHAN": ("PI()", variable(lengths))}
    return table("MATRIX", energies | groups | {"MATRIX": ("PE()", variable(values))}, **cards)


def part(*hdus: Any, src_name: str = "Crab") -> Part:
    return {"src_name": src_name} if src_name else {}, fits.HDUList([fits.PrimaryHDU(), *hdus])


def read(*parts: Part, instrument: str = "isgri", provenance: Provenance = Provenance()) -> SpectrumSet:
    return spectra_from_products(parts, instrument, provenance)


def answer(*rmf_hdus: Any) -> SpectrumSet:
    return read(part(pha(spectrum())), part(arf()), part(*rmf_hdus))


@pytest.mark.parametrize(
    ("case", "instrument", "name", "shape", "peak"),
    [
        ("04_dummy_sync_isgri_spectrum", "isgri", "4U1700m377", (2466, 62), 3.679),
        ("07_real_blocking_isgri_spectrum", "isgri", "4U 1700-377", (2466, 62), 3.679),
        ("04_dummy_sync_jemx_spectrum", "jemx1", "Crab", (500, 16), 16.33),
    ],
)
def test_recorded_answers_become_spectra_with_their_responses(
    shared_data: Path, case: str, instrument: str, name: str, shape: tuple[int, int], peak: float
) -> None:
    products = [(product.meta, product.hdulist) for product in decode_products(document(shared_data, case))]
    made = spectra_from_products(products, instrument, PROVENANCE)
    assert made.sources == (name,)
    (one,) = made.spectra
    assert one.redistribution.matrix.shape == shape
    assert len(one.area) == shape[0]
    assert np.nanmax(one.rate) == pytest.approx(peak, rel=1e-3)
    assert one.exposure == pytest.approx(1199.0 if instrument == "isgri" else 1620.2, rel=1e-4)
    assert one.provenance == PROVENANCE


@pytest.mark.parametrize(("name", "instrument"), [("isgri_{}_4u1700", "isgri"), ("jemx1_{}_crab", "jemx1")])
def test_plain_files_give_what_is_in_them(shared_data: Path, name: str, instrument: str) -> None:
    """OSA's HDU names, no units, JEM-X channels from 1 over EBOUNDS from 0, areas beside the matrix that are not the ARF."""
    paths = {kind: shared_data / "integral" / f"{name.format(kind)}.fits.gz" for kind in ("rmf", "arf", "spectrum")}
    (one,) = spectra_from_products([({}, opened(path)) for path in paths.values()], instrument, Provenance()).spectra
    with fits.open(paths["rmf"]) as hdus:
        np.testing.assert_array_equal(one.redistribution.matrix, hdus[2].data["MATRIX"])
        np.testing.assert_array_equal(one.redistribution.e_max, hdus[3].data["E_MAX"])
    with fits.open(paths["arf"]) as hdus:
        np.testing.assert_array_equal(one.area, hdus[1].data["SPECRESP"])
    with fits.open(paths["spectrum"]) as hdus:
        data, good = hdus[1].data, hdus[1].data["QUALITY"] == 0
        np.testing.assert_array_equal(one.rate[good], data["RATE"][good])
        assert np.isnan(one.rate[~good]).all()
        np.testing.assert_array_equal(one.quality, data["QUALITY"])
        assert one.redistribution.first_channel == data["CHANNEL"][0]
    assert one.source in ("4U 1700-377", "Crab")
    assert one.provenance.origin == "ISDC"


@pytest.mark.parametrize("names", [("SPECRESP MATRIX", "EBOUNDS"), ("ISGR-RMF.-RSP", "ISGR-EBDS-MOD"), ("MATRIX", "EBOUNDS")])
@pytest.mark.parametrize("bounds_first", [True, False])
def test_matrix_and_bounds_are_found_under_all_their_names_in_either_order(names: tuple[str, str], bounds_first: bool) -> None:
    hdus = [matrix(name=names[0]), bounds(name=names[1])]
    (one,) = answer(*(hdus[::-1] if bounds_first else hdus)).spectra
    np.testing.assert_array_equal(one.redistribution.matrix, RMF.matrix)


@pytest.mark.parametrize(
    ("first", "in_bounds", "cards"),
    [
        (0, 0, {"TLMIN4": 0}),
        (1, 1, {"TLMIN4": 1}),
        (1, 0, {"TLMIN4": 1}),
        (0, 0, {}),
        (1, 1, {}),
        (1, 0, {}),
        (0, 0, {"TLMIN4": "Integer"}),
    ],
)
@pytest.mark.parametrize("groups", [True, False])
def test_the_matrix_begins_at_the_channel_that_is_meant(first: int, in_bounds: int, cards: dict[str, Any], groups: bool) -> None:
    sparse = replace(RMF, matrix=np.where(RMF.matrix > 0.01, RMF.matrix, np.float32(0)))
    hdu = group_matrix(sparse, first, **cards) if groups else matrix(sparse, first, **cards)
    (one,) = answer(hdu, bounds(first=in_bounds)).spectra
    np.testing.assert_array_equal(one.redistribution.matrix, sparse.matrix)
    assert one.redistribution.first_channel == first


def test_rows_with_several_groups_and_empty_rows_expand() -> None:
    values = np.zeros((3, 6), dtype="f4")
    values[0, [1, 2, 4]], values[2, 5] = (0.2, 0.3, 0.5), 1.0
    energies, channels = np.arange(10, 50, 10, dtype="f4"), np.arange(7, dtype="f4")
    rmf = Redistribution(energies[:-1], energies[1:], values, channels[:-1], channels[1:])
    (one,) = read(
        part(pha(spectrum(rmf=rmf, rate=np.ones(6)))), part(arf(np.ones(3), rmf=rmf)), part(group_matrix(rmf, 0), bounds(rmf))
    ).spectra
    np.testing.assert_array_equal(one.redistribution.matrix, values)


def test_a_matrix_with_fewer_elements_than_it_says_is_refused() -> None:
    hdu = matrix()
    hdu.data["N_CHAN"] = RMF.n_channels + 1
    with pytest.raises(ProductError, match="fewer elements"):
        answer(hdu, bounds())


def test_areas_that_go_with_a_jemx_matrix_are_not_the_area_of_the_source() -> None:
    rmf = part(matrix(), bounds(), arf(np.full(len(AREA), 7.0), "JMX1-AXIS-ARF"), arf(np.full(len(AREA), 8.0), "JMX1-IMAG-ARF"))
    (one,) = read(rmf, part(pha(spectrum())), part(arf())).spectra
    np.testing.assert_array_equal(one.area, AREA)


def test_a_source_is_not_taken_for_another_whose_name_holds_its_own() -> None:
    """In any order of the products: IGR J1 and IGR J12 each keep their rate and area."""
    parts = []
    for name, scale in (("IGR J12", 2.0), ("IGR J1", 1.0)):
        made = spectrum(rate=scale * spectrum().rate)
        parts += [part(arf(scale * AREA), src_name=name), part(matrix(), bounds(), src_name=name), part(pha(made), src_name=name)]
    for order in (parts, parts[::-1]):
        for name, scale in (("IGR J12", 2.0), ("IGR J1", 1.0)):
            (one,) = read(*order).of(name)
            np.testing.assert_allclose(one.rate, scale * spectrum().rate, rtol=1e-6)
            np.testing.assert_allclose(one.area, scale * AREA, rtol=1e-6)


def test_a_matrix_sent_with_every_source_is_one_object() -> None:
    parts = [p for name in "ABC" for p in (part(pha(spectrum()), src_name=name), part(arf(), src_name=name))]
    rmfs = [
        part(matrix(), bounds(), src_name="A"),
        part(group_matrix(RMF, 0), bounds(), src_name="B"),
        part(matrix(), bounds(), src_name="C"),
    ]
    made = read(*parts, *rmfs)
    assert made.sources == ("A", "B", "C")
    assert len({id(one.redistribution) for one in made.spectra}) == 1


def test_channels_without_a_rate_or_an_error_are_bad_and_hold_no_number() -> None:
    rate, error = spectrum().rate.copy(), spectrum().stat_err.copy()
    rate[3], error[4], error[5], error[6] = np.nan, 0, np.inf, np.nan
    quality = np.zeros(len(rate), dtype=np.int16)
    quality[7] = 3
    (one,) = read(part(pha(spectrum(rate=rate, stat_err=error, quality=quality))), part(arf()), part(matrix(), bounds())).spectra
    assert list(one.quality[2:9]) == [0, 1, 1, 1, 1, 3, 0]
    assert np.isnan(one.rate[3:8]).all()
    assert np.isnan(one.stat_err[3:8]).all()
    assert one.good.sum() == len(rate) - 5


def test_template_text_is_no_value() -> None:
    hdu = pha(spectrum(), NAME="String", SOURCEID="J0534+22", EXPOSURE="Real", TSTART="Real", RA_OBJ="Real", TELAPSE=True, ORIGIN="String")
    (one,) = read(part(hdu, src_name=""), part(arf(), src_name=""), part(matrix(), bounds(), src_name="")).spectra
    assert one.source == "J0534+22"
    assert np.isnan([one.exposure, one.tstart, one.ra, one.telapse]).all()
    assert one.provenance.origin == ""


def test_simulated_products_stay_simulated_whatever_the_host_is_called() -> None:
    parts = part(pha(spectrum(), ORIGIN="SIMULATED")), part(arf()), part(matrix(), bounds())
    assert read(*parts, provenance=Provenance(origin="ISDC")).spectra[0].provenance.simulated


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([part(pha(spectrum())), part(arf())], "without its redistribution"),
        ([part(pha(spectrum())), part(matrix(), bounds())], "without its effective area"),
        ([part(pha(spectrum())), part(arf()), part(matrix())], "EBOUNDS"),
        ([part(pha(spectrum(), INSTRUME="JMX2")), part(arf()), part(matrix(), bounds())], "jemx2"),
        ([part(pha(spectrum())), part(arf()), part(arf()), part(matrix(), bounds())], "twice"),
        ([part(pha(spectrum(rate=np.ones(5)))), part(arf()), part(matrix(), bounds())], "do not belong together"),
        ([part(pha(spectrum())), part(arf()), part(matrix(), bounds(toy_redistribution(5)))], "24 channels"),
    ],
)
def test_what_does_not_fit_together_is_named(parts: list[Part], words: str) -> None:
    with pytest.raises(ProductError, match=words):
        read(*parts)


def test_an_answer_without_a_spectrum_is_empty() -> None:
    with pytest.raises(EmptyProduct):
        read(part(arf()))


def test_stored_spectra_come_back_bit_for_bit(tmp_path: Path) -> None:
    other = toy_redistribution(16, first_channel=1)
    rate = spectrum().rate.copy()
    rate[2] = np.nan
    quality = np.where(np.isnan(rate), 1, 0).astype(np.int16)
    made = SpectrumSet(
        (
            spectrum("Crab", rate=rate, quality=quality, batch_ids=("a", "b")),
            spectrum("Vela Müller X-1 ", other, exposure=float("nan"), provenance=Provenance(scw=("1", "2"), job_ids=("x",))),
            spectrum("zweite", sys_err=np.full(24, 0.01)),
        )
    )
    path = tmp_path / "set.fits"
    write_spectra(made, path)
    back = read_spectra(path)
    assert_same(back, made)
    assert back.spectra[0].redistribution is back.spectra[2].redistribution
    assert [one.redistribution.key for one in back.spectra] == [one.redistribution.key for one in made.spectra]
    assert path.stat().st_size < 2 * (RMF.matrix.nbytes + other.matrix.nbytes) + 80_000
    with fits.open(path) as hdus:
        assert hdus[0].header["ORIGIN"] == "SIMULATED"


def test_an_empty_set_is_stored_too(tmp_path: Path) -> None:
    write_spectra(SpectrumSet(), tmp_path / "empty.fits")
    assert read_spectra(tmp_path / "empty.fits").spectra == ()


@pytest.mark.parametrize("content", [b"", b"no FITS", None])
def test_an_unreadable_store_file_is_a_product_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "broken.fits"
    if content is None:
        fits.HDUList([fits.PrimaryHDU()]).writeto(path)
    else:
        path.write_bytes(content)
    with pytest.raises(ProductError, match=r"broken\.fits"):
        read_spectra(path)


@pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyUserWarning")
@pytest.mark.parametrize("kept", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_a_store_file_cut_short_is_a_product_error(tmp_path: Path, kept: float) -> None:
    write_spectra(SpectrumSet((spectrum(),)), tmp_path / "set.fits")
    whole = (tmp_path / "set.fits").read_bytes()
    (tmp_path / "cut.fits").write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(ProductError, match=r"cut\.fits"):
        read_spectra(tmp_path / "cut.fits")


def test_a_store_from_before_a_number_was_kept_is_still_read(tmp_path: Path) -> None:
    write_spectra(SpectrumSet((spectrum(sigma_ratio=1.2),)), tmp_path / "new.fits")
    with fits.open(tmp_path / "new.fits", memmap=False) as hdus:
        rows = hdus["SPECTRA"]
        kept = [fits.Column(c.name, c.format, array=rows.data[c.name]) for c in rows.columns if c.name != "SIGRATIO"]
        old = [fits.BinTableHDU.from_columns(kept, name="SPECTRA", ver=1) if hdu is rows else hdu for hdu in hdus]
        fits.HDUList(old).writeto(tmp_path / "old.fits")
    assert read_spectra(tmp_path / "new.fits").spectra[0].sigma_ratio == 1.2
    assert np.isnan(read_spectra(tmp_path / "old.fits").spectra[0].sigma_ratio)
