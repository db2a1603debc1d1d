"""The photon index that was injected comes back from summed spectra and their summed response."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from dashboard.combine.spectrum_sum import SpectrumSum
from dashboard.observatory import spectra
from dashboard.observatory import spectrum as simulated
from dashboard.observatory.camera import Isgri
from dashboard.observatory.extraction import Extraction
from dashboard.observatory.sources import SOURCES
from dashboard.observatory.spectra import CRAB, PowerLaw
from dashboard.observatory.variability import constant
from dashboard.observatory.view import View
from dashboard.products.catalog_api import selected_catalog
from dashboard.products.spectrum import Spectrum, SpectrumSet
from tests.truth.power_law import PIVOT, PowerLawFit, fit_power_law
from tests.truth.query import ask, batches, listed, windows

INDEX = 2.1
SKY = listed("Crab", "1A 0535+262")


@dataclass
class Injected:
    """The Crab made a constant power law of any level."""

    patch: pytest.MonkeyPatch

    def __call__(self, mcrab: float) -> float:
        """Set the level; returns photons cm-2 s-1 keV-1 at 50 keV."""
        law = PowerLaw(INDEX)
        crab = replace(SOURCES[0], mcrab=mcrab, spectrum=law, factor=constant)
        self.patch.setattr(simulated, "SOURCES", (crab, *SOURCES[1:]))
        level = mcrab / 1000 * spectra.counts(CRAB, 20.0, 40.0) / spectra.counts(law, 20.0, 40.0)
        return float(level * law(np.array([PIVOT]))[0])


@pytest.fixture
def inject(monkeypatch: pytest.MonkeyPatch) -> Injected:
    return Injected(monkeypatch)


def parts_of(kiloseconds: float, first: int = 665, last: int = 2800) -> list[list[str]]:
    """Batches on the Crab with an exposure near that, from revolution `first` on."""
    scw = windows(83.633, 22.0145, first, last, 3.0)
    seconds = np.cumsum(View.of(Isgri(), scw).seconds)
    return batches(scw[: int(np.searchsorted(seconds, 1e3 * kiloseconds)) + 1])


class Batch:
    """A batch whose spectrum of the Crab can be had with other noise without building its response again."""

    def __init__(self, scw: Sequence[str], name: str) -> None:
        self.name = name
        self.answer = ask("isgri_spectrum", scw, SKY).spectra.of("Crab")[0]
        self.view = View.of(Isgri(), scw)
        whole = Extraction.of(self.view, {"selected_catalog": selected_catalog(SKY, "isgri")}, 1)
        chosen = next(j for j in whole.extracted if whole.entries[j].name == "Crab")
        self.extraction = replace(whole, extracted=(chosen,))

    def spectrum(self, seed: int) -> Spectrum:
        found = simulated.spectra(self.view, self.extraction, seed)[0]
        good = self.answer.quality == 0
        return replace(self.answer, rate=np.where(good, found.rate, np.nan), stat_err=np.where(good, found.error, np.nan))


def summed(parts: Sequence[Batch], seed: int, weighting: str = "exposure") -> Spectrum:
    total = SpectrumSum(weighting)
    for part in parts:
        total.add(SpectrumSet((part.spectrum(seed),)), part.name)
    return total.result().spectra[0]


def pulls(fits: Sequence[PowerLawFit]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([(fit.index - INDEX) / fit.index_error for fit in fits])


def assert_standard_normal(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    """Mean within 3.5 of its errors, width within 3.5 of its errors."""
    assert abs(values.mean()) < 3.5 / np.sqrt(len(values))
    assert abs(values.std(ddof=1) - 1) < 3.5 / np.sqrt(2 * len(values))


@pytest.mark.parametrize(
    ("mcrab", "kiloseconds", "sigma"),
    [(1000.0, 100.0, 0.001), (100.0, 100.0, 0.007), pytest.param(10.0, 1000.0, 0.022, marks=pytest.mark.slow)],
)
def test_index_of_a_sum_is_the_injected_one_with_an_honest_error(inject: Injected, mcrab: float, kiloseconds: float, sigma: float) -> None:
    norm = inject(mcrab)
    parts = [Batch(scw, f"batch {number}") for number, scw in enumerate(parts_of(kiloseconds))]
    assert len(parts) > 1
    sums = [summed(parts, seed) for seed in range(1, 25)]
    assert sums[0].exposure == pytest.approx(1e3 * kiloseconds, rel=0.05)
    assert not sums[0].sys_err.any()
    fits = [fit_power_law(one) for one in sums]
    assert all(0.6 * sigma < fit.index_error < 1.5 * sigma for fit in fits)
    assert abs(fits[0].index - INDEX) < 3.5 * sigma
    assert_standard_normal(pulls(fits))
    assert_standard_normal(np.array([(fit.norm - norm) / fit.norm_error for fit in fits]))
    chi2 = np.array([(fit.chi2 - fit.dof) / np.sqrt(2 * fit.dof) for fit in fits])
    assert abs(chi2.mean()) < 3.5 / np.sqrt(len(chi2))


def legacy_sum(parts: Sequence[Spectrum]) -> Spectrum:
    """Rates by inverse variance channel by channel, the area by exposure."""
    rate, error = (np.stack([getattr(part, name) for part in parts]) for name in ("rate", "stat_err"))
    weight = error**-2.0
    area = np.average([part.area for part in parts], axis=0, weights=[part.exposure for part in parts])
    return replace(parts[0], rate=(weight * rate).sum(axis=0) / weight.sum(axis=0), stat_err=weight.sum(axis=0) ** -0.5, area=area)


@pytest.mark.slow
@pytest.mark.parametrize("weighting", ["exposure", "inverse variance"])
def test_epochs_of_the_response_do_not_bias_the_sum(inject: Injected, weighting: str) -> None:
    """In 2003 the area is a quarter larger than in 2020, and the source is seen at the edge of the field."""
    norm = inject(1000.0)
    early = [scw for scw in windows(83.633, 22.0145, 40, 110, 14.0) if scw not in windows(83.633, 22.0145, 40, 110, 9.0)]
    late = windows(83.633, 22.0145, 2200, 2600, 3.0)
    parts = [Batch(scw, name) for name, scw in (("early", batches(early)[0][:20]), ("late", batches(late)[0][:20]))]
    spectra_of = {seed: [part.spectrum(seed) for part in parts] for seed in range(1, 10)}
    assert parts[0].answer.area.max() > 1.15 * parts[1].answer.area.max()
    ours = [fit_power_law(summed(parts, seed, weighting)) for seed in spectra_of]
    legacy = [fit_power_law(legacy_sum(both)) for both in spectra_of.values()]
    off = np.array([(fit.norm - norm) / norm for fit in ours]), np.array([(fit.norm - norm) / norm for fit in legacy])
    assert_standard_normal(pulls(ours))
    assert_standard_normal(np.array([(fit.norm - norm) / fit.norm_error for fit in ours]))
    assert abs(off[0].mean()) < 0.005
    assert abs(off[1].mean()) > 0.03
