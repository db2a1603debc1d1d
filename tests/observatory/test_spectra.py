"""Spectra: what is sent folds to what was injected."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.stats import norm

from dashboard.dispatcher.answer import decode_products
from dashboard.observatory import isgri, jemx, response, sky, spectra, spectrum
from dashboard.observatory.camera import Camera, Isgri, Jemx
from dashboard.observatory.extraction import Extraction
from dashboard.observatory.mosaic_product import catalogue_json
from dashboard.observatory.pointings import history
from dashboard.observatory.products import INSTRUMENTS
from dashboard.observatory.sources import SOURCES
from dashboard.observatory.spectra import CRAB, PowerLaw
from dashboard.observatory.variability import constant
from dashboard.observatory.view import View
from tests.observatory.conftest import Client, Serve, crab
from tests.observatory.test_recorded import recorded  # noqa: F401  (a fixture)

Array = NDArray[np.float64]
EMPTY = ("Nowhere", 86.0, 20.0)


def catalogue(*without: str, also: Sequence[tuple[str, float, float]] = (), flag: int = 1) -> str:
    """All sources but some, and other positions, as `selected_catalog`."""
    listed = [(s.name, s.ra, s.dec) for s in SOURCES if s.name not in without] + list(also)
    return json.dumps(catalogue_json([(i, name, 10.0, ra, dec, -32768, 1, flag, 0.001) for i, (name, ra, dec) in enumerate(listed)]))


def only(*entries: tuple[str, float, float], flag: int = 1) -> str:
    return json.dumps(catalogue_json([(i, *e[:1], 10.0, *e[1:], -32768, 1, flag, 0.001) for i, e in enumerate(entries)]))


@dataclass(frozen=True, eq=False)
class Sent:
    """One source's spectrum and response, read as any OGIP reader would."""

    header: Any
    rate: Array
    error: Array
    good: NDArray[np.bool_]
    energies: Array
    channels: Array
    folding: Array

    def folded(self, model: Any) -> Array:
        """Rates of a photon spectrum: its mean over each bin by Simpson's rule."""
        low, high = self.energies[:-1], self.energies[1:]
        photons = (model(low) + 4 * model((low + high) / 2) + model(high)) / 6 * (high - low)
        return np.asarray(photons @ self.folding)

    def fit(self, rate: Array, low: float = 25.0, high: float = 200.0) -> tuple[Array, Array]:
        """Index and relative norm at 50 keV of a power law fitted to rates, and their errors."""
        used = self.good & (self.channels[:-1] >= low) & (self.channels[1:] <= high)

        def pulls(x: Array) -> Array:
            return np.asarray((self.folded(lambda e: 1e-3 * x[1] * (e / 50.0) ** -x[0]) - rate)[used] / self.error[used])

        found = least_squares(pulls, [2.0, 1.0], x_scale=[0.1, 0.1])
        return found.x, np.sqrt(np.diag(np.linalg.inv(found.jac.T @ found.jac)))


def sent(
    scw: Sequence[str],
    selected: str,
    product: str = "isgri_spectrum",
    osa: str = "OSA11.2",
    unit: int = 1,
    names: Sequence[str] = ("Crab",),
) -> dict[str, Sent]:
    """What a query is answered with, of some sources."""
    products = [p for p in answered(scw, selected, product, osa, unit) if json.loads(p["meta_data"])["src_name"] in names]
    spectra_and_areas = decode_products({"products": {"numpy_data_product_list": [p for i, p in enumerate(products) if i % 3 < 2]}})
    found = {}
    for pha, arf, rmf in zip(spectra_and_areas[::2], spectra_and_areas[1::2], products[2::3], strict=True):
        found[pha.meta["src_name"]] = read(pha.hdulist, arf.hdulist, *decoded(json.dumps(rmf)))
    return found


def answered(
    scw: Sequence[str], selected: str, product: str = "isgri_spectrum", osa: str = "OSA11.2", unit: int = 1
) -> list[dict[str, Any]]:
    band = (20.0, 40.0) if product.startswith("isgri") else (3.0, 20.0)
    asked = {
        "scw_list": list(scw),
        "selected_catalog": selected,
        "E1_keV": band[0],
        "E2_keV": band[1],
        "osa_version": osa,
        "jemx_num": unit,
    }
    build = INSTRUMENTS[product.split("_")[0]].offers[product].build
    assert build is not None
    return build(asked, 1, 0.0, 0).products


def sources(products: Sequence[dict[str, Any]]) -> set[str]:
    return {json.loads(p["meta_data"])["src_name"] for p in products}


@cache
def decoded(rmf: str) -> tuple[Array, Array, Array]:
    """Bounds of photon energies and channels, and the matrix made dense, of a product as sent."""
    hdus = decode_products({"products": {"numpy_data_product_list": [json.loads(rmf) | {"meta_data": "{}"}]}})[0].hdulist
    bounds, matrix = hdus["EBOUNDS"].data, hdus["SPECRESP MATRIX"]
    dense = np.zeros((len(matrix.data), len(bounds)))
    for row, count, first, filled, values in zip(dense, *(matrix.data[c] for c in ("N_GRP", "F_CHAN", "N_CHAN", "MATRIX")), strict=True):
        if count:
            row[first - matrix.header["TLMIN4"] :][:filled] = values[:filled]
    energies = np.append(matrix.data["ENERG_LO"], matrix.data["ENERG_HI"][-1]).astype(float)
    return energies, np.append(bounds["E_MIN"], bounds["E_MAX"][-1]).astype(float), dense


def read(pha: Any, arf: Any, energies: Array, channels: Array, dense: Array) -> Sent:
    table, area = pha[1], arf["SPECRESP"].data
    rate, error = (table.data[c].astype(float) for c in ("RATE", "STAT_ERR"))
    return Sent(table.header, rate, error, table.data["QUALITY"] == 0, energies, channels, area["SPECRESP"][:, None] * dense)


def seen(camera: Camera, scw: Sequence[str], selected: str) -> tuple[View, Extraction]:
    view = View.of(camera, scw)
    return view, Extraction.of(view, {"selected_catalog": selected}, 1)


def on_the_crab(count: int, first_revolution: int) -> list[str]:
    """Pointings of one revolution within 4 degrees of the Crab, from a revolution on."""
    past = history()
    near = np.flatnonzero((past.axis @ sky.DIRECTIONS[0] > np.cos(np.deg2rad(4.0))) & ~past.slew & (past.swid >= first_revolution * 10**8))
    revolutions, numbers = np.unique(past.swid[near] // 10**8, return_counts=True)
    chosen = revolutions[numbers >= count][0]
    return [f"{swid:012d}.001" for swid in past.swid[near] if swid // 10**8 == chosen][:count]


@pytest.fixture
def steady(monkeypatch: pytest.MonkeyPatch) -> PowerLaw:
    """The Crab as a constant power law."""
    law = PowerLaw(2.1)
    changed = (replace(SOURCES[0], spectrum=law, factor=constant), *SOURCES[1:])
    monkeypatch.setattr(spectrum, "SOURCES", changed)
    return law


@pytest.mark.parametrize(
    ("product", "osa", "unit"),
    [("isgri_spectrum", "OSA11.2", 1), ("isgri_spectrum", "OSA10.2", 1), ("jemx_spectrum", "OSA11.2", 1), ("jemx_spectrum", "OSA11.2", 2)],
)
def test_the_crab_folded_through_the_response_sent_gives_the_rates_sent(product: str, osa: str, unit: int) -> None:
    scw = crab(4) if unit == 1 else on_the_crab(4, 1000)
    one = sent(scw, catalogue(), product, osa, unit)["Crab"]
    camera: Camera = Isgri(osa) if product == "isgri_spectrum" else Jemx(unit)
    view = View.of(camera, scw)
    weights = view.coding(sky.DIRECTIONS[:1])[:, 0] ** 2 * view.seconds
    factor = weights @ SOURCES[0].factor(view.middle) / weights.sum()
    used = one.good & (one.channels[1:] < 400.0)
    pulls = (one.rate - one.folded(lambda e: factor * CRAB(e)))[used] / one.error[used]
    assert abs(np.sum(pulls**2) - len(pulls)) < 4 * np.sqrt(2 * len(pulls))
    assert abs(pulls.mean()) < 4 / np.sqrt(len(pulls))
    low, high = (20.0, 100.0) if camera.instrument == "isgri" else (3.04, 34.88)
    inside = (one.channels[:-1] > low - 1.0) & (one.channels[1:] < high + 1.0)
    edges = one.channels[:-1][inside][0], one.channels[1:][inside][-1]
    band = jemx.rate(CRAB, 1000.0, *edges, unit) if camera.instrument == "jemx" else spectra.rate(CRAB, 1000.0, *edges, osa)
    drift = np.interp(50.0, response.response(camera.name, osa).middle, response.drift(camera.name, int(scw[0][:4]) // response.SET, osa))
    assert one.rate[inside].sum() == pytest.approx(factor * drift * band, rel=0.03)


def test_grids_are_those_of_the_real_files() -> None:
    new = sent(crab(1), only(("Crab", 83.6332, 22.0145)))["Crab"]
    assert (len(new.rate), new.channels[0], new.channels[-1]) == (256, 12.5, 1030.0)
    assert np.diff(new.channels)[0] == 0.5
    assert np.all(np.diff(new.channels, n=2) > -1e-3)
    assert (len(new.energies), new.energies[0], new.energies[-1]) == (2467, pytest.approx(9.272), pytest.approx(1193.0))
    old = sent(crab(1), only(("Crab", 83.6332, 22.0145)), osa="OSA10.2")["Crab"]
    assert (len(old.rate), old.channels[0], old.channels[-1]) == (62, 13.0, pytest.approx(993.38, abs=0.01))
    assert (len(old.energies), old.energies[0], old.energies[-1]) == (2467, 13.0, pytest.approx(1193.5, abs=0.1))
    soft = sent(crab(1), only(("Crab", 83.6332, 22.0145)), "jemx_spectrum")["Crab"]
    assert (len(soft.rate), soft.channels[0], soft.channels[-1]) == (16, pytest.approx(3.04), pytest.approx(34.88))
    assert (len(soft.energies), soft.energies[0], soft.energies[-1]) == (501, pytest.approx(1.992), pytest.approx(100.4))
    for one, width, at in ((new, 4.8, 60.0), (new, 9.0, 100.0), (soft, 0.40 * 10.0 * np.sqrt(1 / 10.0 + 1 / 60.0), 10.0)):
        i = np.searchsorted(one.energies, at) - 1
        below = np.cumsum(one.folding[i]) / one.folding[i].sum()
        centre = (one.energies[i] + one.energies[i + 1]) / 2
        assert below == pytest.approx(norm.cdf(one.channels[1:], centre, width / 2.3548), abs=2e-3)


def test_a_power_law_comes_back_with_honest_errors(steady: PowerLaw) -> None:
    scw = crab(38)
    one = sent(scw, catalogue())["Crab"]
    assert 8e4 < one.header["EXPOSURE"] < 1.3e5
    view, extraction = seen(Isgri(), scw, catalogue())
    k = next(i for i, j in enumerate(extraction.extracted) if extraction.entries[j].name == "Crab")
    fits = [one.fit(spectrum.spectra(view, replace(extraction, extracted=(extraction.extracted[k],)), seed)[0].rate) for seed in range(40)]
    index, sigma = np.array([x[0] for x, _ in fits]), np.array([s[0] for _, s in fits])
    pulls = (index - steady.index) / sigma
    assert np.all(sigma < 0.002)
    assert 0.7 < pulls.std() < 1.35
    assert abs(pulls.mean()) < 4 / np.sqrt(len(pulls))


def test_the_area_drifts_and_fluxes_do_not(steady: PowerLaw) -> None:
    batches = [on_the_crab(6, first) for first in (40, 665, 1327, 1700, 2300)]
    ones = [sent(scw, catalogue())["Crab"] for scw in batches]
    hard = [one.rate[(one.channels[:-1] >= 20.0) & (one.channels[1:] <= 40.5)].sum() for one in ones]
    assert max(hard) / min(hard) > 1.15
    fits = [one.fit(one.rate) for one in ones]
    absolute = 1e3 * spectra.counts(CRAB, 20.0, 40.0) / spectra.counts(steady, 20.0, 40.0) * steady(np.array([50.0]))[0]
    for (index, level), (sigma_index, sigma_level) in fits:
        assert abs(index - steady.index) < 4 * sigma_index
        assert abs(level - absolute) < 4 * sigma_level
        assert sigma_level / level < 0.01


def test_a_response_holds_for_a_set_of_revolutions() -> None:
    assert response.sets(["066500010010", "066500020010"]) == {10}
    assert response.sets(["070300010010", "070400010010"]) == {10, 11}
    within = [response.drift("isgri", k)[30] for k in range(46)]
    steps = np.diff(within) / within[1:]
    assert np.all(np.abs(steps) < 0.08)
    assert np.ptp(within) > 0.3
    assert np.all(response.drift("jemx1", 5) == 1.0)


def test_mixed_responses_fail_as_the_backend_does(serve: Serve) -> None:
    client = serve()
    apart = [crab(1)[0], on_the_crab(1, 1000)[0]]
    asked = {"product_type": "isgri_spectrum", "scw_list": apart, "selected_catalog": catalogue()}
    answer = client.finish(**asked)
    assert answer["query_status"] == "failed"
    last = answer["job_monitor"]["full_report_dict_list"][-1]
    assert (last["action"], last["message"]) == ("failed", "MultiEpochRMFNotSupported: node failed")
    for scw in apart:
        assert client.finish(**{**asked, "scw_list": [scw]})["query_status"] == "done"


def test_variance_is_the_images_and_grows_as_the_coded_fraction_falls() -> None:
    scw, far = crab(1), ("Far", 83.6332, 33.5)
    ones = sent(scw, catalogue(also=[EMPTY, far]), names=("Nowhere", "Far"))
    view = View.of(Isgri(), scw)
    for name, ra, dec in (EMPTY, far):
        v = view.coding(isgri.unit_vectors(ra, dec)[None])[0, 0]
        assert 0 < v <= 1
        inside = (ones[name].channels[:-1] >= 20.0) & (ones[name].channels[1:] <= 100.0)
        edges = ones[name].channels[:-1][inside][0], ones[name].channels[1:][inside][-1]
        expected = isgri.variance_density(*edges) / (view.seconds[0] * v**2)
        assert (ones[name].error[inside] ** 2).sum() == pytest.approx(expected, rel=1e-3)
    assert ones["Far"].error[20] > ones["Nowhere"].error[20]


def test_noise_has_the_width_of_the_errors() -> None:
    positions = [(f"P{i}", 80.0 + 0.7 * i, 19.0) for i in range(0, 10, 2)]
    ones = sent(crab(2), catalogue(also=positions), names=[name for name, *_ in positions])
    pulls = np.concatenate([(ones[name].rate / ones[name].error)[ones[name].good] for name, *_ in positions])
    assert pulls.std() == pytest.approx(1.0, abs=4 / np.sqrt(2 * len(pulls)))
    assert abs(pulls.mean()) < 4 / np.sqrt(len(pulls))


def test_science_windows_add_up_however_they_are_cut() -> None:
    scw = crab(6)
    whole, back = (sent(ids, catalogue(also=[EMPTY]), names=["Nowhere"])["Nowhere"] for ids in (scw, scw[::-1]))
    assert np.array_equal(whole.rate, back.rate, equal_nan=True)
    parts = [sent(ids, catalogue(also=[EMPTY]), names=["Nowhere"])["Nowhere"] for ids in (scw[:2], scw[2:])]
    weights = [1 / part.error**2 for part in parts]
    together = sum(w * part.rate for w, part in zip(weights, parts, strict=True)) / sum(weights)
    assert np.allclose(together, whole.rate, rtol=1e-4, atol=1e-6, equal_nan=True)
    assert sum(part.header["EXPOSURE"] for part in parts) == pytest.approx(whole.header["EXPOSURE"])
    other, again = (seen(Isgri(), scw, catalogue(also=[EMPTY])) for _ in range(2))
    assert not np.array_equal(spectrum.spectra(*other, 2)[0].rate, spectrum.spectra(*again, 1)[0].rate)


def test_only_the_catalogue_is_extracted() -> None:
    scw = crab(2)
    assert sources(answered(scw, only(("Crab", 83.63, 22.01), ("Here", 86.0, 20.0), ("Far away", 200.0, 20.0)))) == {"Crab", "Here"}
    near = sent(scw, only(("Mine", 83.6332, 22.0645)), names=["Mine"])["Mine"]  # 3' off
    assert near.rate[20] > 10 * near.error[20]
    assert near.header["NAME"] == "Mine"
    assert near.header["DEC_OBJ"] == pytest.approx(22.0645)
    assert sources(answered(scw, only(("Crab", 83.63, 22.01), ("NEW_1", 83.0, 22.0)), "jemx_spectrum")) == {"Crab"}
    assert answered(scw, only(("Crab", 83.63, 22.01), flag=0), "jemx_spectrum") == []


def test_without_a_catalogue_what_imaging_gives_is_extracted(shared: Client) -> None:
    answer = shared.finish(product_type="isgri_spectrum", scw_list=crab(2))
    metas = [json.loads(p["meta_data"]) for p in answer["products"]["numpy_data_product_list"]]
    assert metas[:3] == [{"src_name": "Crab", "product": f"isgri_{kind}"} for kind in ("spectrum", "arf", "rmf")]
    assert "catalog" not in answer["products"]


def test_all_says_simulated() -> None:
    units = [unit for product in answered(crab(1), catalogue(), "jemx_spectrum") for unit in product["data_unit_list"]]
    assert {unit["header"]["ORIGIN"] for unit in units} == {"SIMULATED"}
    assert {unit["header"]["SIMSEED"] for unit in units} == {1}


@pytest.mark.parametrize(("name", "osa"), [("04_dummy_sync_isgri_spectrum.02", "OSA10.2"), ("04_dummy_sync_jemx_spectrum.02", "OSA11.2")])
def test_the_wire_form_is_the_recorded_one(recorded: Any, name: str, osa: str) -> None:  # noqa: F811
    theirs = recorded(name)[1]["products"]["numpy_data_product_list"]
    product = json.loads(theirs[0]["meta_data"])["product"]
    ours = answered(crab(1), catalogue(), product, osa)[:3]
    assert [json.loads(p["meta_data"])["product"] for p in ours] == [json.loads(p["meta_data"])["product"] for p in theirs]
    for mine, real in zip(ours, theirs, strict=True):
        assert set(mine) == set(real)
        assert mine["name"] == real["name"]
        for a, b in zip(mine["data_unit_list"], real["data_unit_list"], strict=True):
            assert {**a, "header": 0, "binarys": 0, "dt": 0} == {**b, "header": 0, "binarys": 0, "dt": 0}
            if a["name"] == "GROUPING":
                continue
            assert a["dt"] == b["dt"]
            for key in (
                "EXTNAME",
                "HDUCLAS1",
                "HDUCLAS2",
                "HDUCLAS3",
                "DETCHANS",
                "TLMIN1",
                "TLMAX1",
                "TLMIN4",
                "RESPFILE",
                "TUNIT2",
                "POISSERR",
            ):
                assert a["header"].get(key) == b["header"].get(key), key


def test_the_truth_is_told(shared: Client) -> None:
    asked = {"scw_list": ",".join(crab(2)), "E1_keV": 20, "E2_keV": 40}
    rate = next(row["flux"] for row in shared.get("/observatory/truth", **asked).json() if row["name"] == "Crab")
    told = shared.get("/observatory/truth", scw_list=",".join(crab(2)), src_name="M 1").json()
    energy, photons = np.array(told["energy"]), np.array(told["photons"])
    assert photons == pytest.approx(told["factor"] * CRAB(energy))
    fine = np.geomspace(20.0, 40.0, 400)
    found = np.exp(np.interp(np.log(fine), np.log(energy), np.log(photons)))
    assert np.trapezoid(found * spectra.area(fine), fine) == pytest.approx(rate, rel=1e-3)
    soft = shared.get("/observatory/truth", **{**asked, "E1_keV": 3, "instrument": "jemx1"}).json()
    assert next(row["flux"] for row in soft if row["name"] == "Crab") == pytest.approx(
        jemx.rate(CRAB, 1000 * told["factor"], 3, 40), rel=1e-3
    )
    assert shared.get("/observatory/truth", scw_list=crab(1)[0], src_name="Nobody").status_code == 400
    assert shared.get("/observatory/truth", **asked, instrument="spi").status_code == 400
