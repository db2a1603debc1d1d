"""What a run has found, for notebooks and scripts: our product objects, and the same as tables of astropy."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any, Final, TypeVar

import astropy.units as u
from astropy.table import Table

from dashboard.analysis.rebin import with_systematics
from dashboard.errors import RequestError
from dashboard.export.light_curve_files import light_curve_table
from dashboard.export.spectrum_table import spectrum_table
from dashboard.plan.job import Job
from dashboard.plan.plan import Plan
from dashboard.products.catalog import SourceTable
from dashboard.products.light_curve import LightCurve, LightCurveSet
from dashboard.products.mosaic import Mosaic
from dashboard.products.spectrum import Spectrum, SpectrumSet
from dashboard.request.request import Request
from dashboard.runs.results import load_light_curves, load_mosaic, load_sources, load_spectra
from dashboard.runs.run_state import RunState
from dashboard.runs.run_view import RunView
from dashboard.settings import Settings

KINDS: Final = ("sources", "spectrum", "lightcurve")
FLUXES: Final = ("flux", "flux_error", "scaled_error", "upper_limit")

Product = TypeVar("Product")
Extracted = TypeVar("Extracted", Spectrum, LightCurve)


class RunProducts:
    """The products of one run as they are now; each is read from the store when it is asked for.

    Every method and property raises RunNotFound when the run is gone or no batch has arrived yet, and ProductError when a file cannot
    be read.

    Parameters
    ----------
    settings, view
        Where the run is, as its owner sees it.
    run_id
        Which run.
    """

    def __init__(self, settings: Settings, view: RunView, run_id: str) -> None:
        self._settings, self._view, self._run_id = settings, view, run_id

    @property
    def run_id(self) -> str:
        """Which run."""
        return self._run_id

    @property
    def state(self) -> RunState:
        """The run and its batches now."""
        return self._view.state(self.run_id)

    @property
    def plan(self) -> Plan:
        """What it asks."""
        return self._view.plan(self.run_id)

    def mosaic(self, instrument: str = "", band: tuple[float, float] | None = None) -> Mosaic:
        """The mosaic of an instrument and a band (keV); neither need be given where there is one mosaic only.

        Raises
        ------
        RequestError
            When the run has several that suit, or none.
        """
        return load_mosaic(self._settings, self.state, self._mosaic_job(instrument, band))

    @property
    def sources(self) -> SourceTable:
        """The sources found and measured on the run's mosaic; of several mosaics see `sources_of`."""
        return self.sources_of()

    def sources_of(self, instrument: str = "", band: tuple[float, float] | None = None) -> SourceTable:
        """The sources of a mosaic; chosen, and raises, as `mosaic`."""
        return load_sources(self._settings, self.state, self._mosaic_job(instrument, band))

    @property
    def spectra(self) -> SpectrumSet:
        """The spectra of all instruments."""
        return SpectrumSet(tuple(chain.from_iterable(found.spectra for found in self._extracted("spectrum", load_spectra))))

    @property
    def light_curves(self) -> LightCurveSet:
        """The light curves of all instruments and bands."""
        return LightCurveSet(tuple(chain.from_iterable(found.curves for found in self._extracted("lightcurve", load_light_curves))))

    def table(self, kind: str = "sources", source: str = "", instrument: str = "", band: tuple[float, float] | None = None) -> Table:
        """A product as a table with units; what it comes from stands in its meta data.

        Parameters
        ----------
        kind
            "sources", "spectrum" or "lightcurve".
        source
            Of a spectrum or light curve: exactly this source; the target when not given.
        instrument, band
            Which, where there are several; as in `mosaic`.

        Raises
        ------
        RequestError
            When nothing of the run suits, or several products do.
        """
        if kind not in KINDS:
            raise RequestError(f"There is no table {kind[:40]!r}: ask for one of {', '.join(KINDS)}.")
        if kind == "sources":
            return _source_table(self.sources_of(instrument, band))
        name = source or self.plan.target.name
        if kind == "spectrum":
            return spectrum_table(_one(self.spectra.spectra, name, instrument, None))
        curve = _one(self.light_curves.curves, name, instrument, band)
        return light_curve_table(with_systematics(curve, Request.from_dict(self.plan.request).systematic_for(curve.instrument)))

    def _mosaic_job(self, instrument: str, band: tuple[float, float] | None) -> int:
        jobs = self.plan.jobs
        suiting = [n for n, job in enumerate(jobs) if job.product == "mosaic" and _suits(job, instrument, band)]
        if len(suiting) != 1:
            there = "; ".join(job.label for job in jobs if job.product == "mosaic") or "none"
            raise RequestError(
                f"{'Several mosaics suit' if suiting else 'No mosaic suits'}: give instrument and band of one. There are: {there}."
            )
        return suiting[0]

    def _extracted(self, product: str, load: Callable[[Settings, RunState, int], Product]) -> list[Product]:
        """Of every job of the product that has something; RunNotFound when none has."""
        state, jobs = self.state, self.plan.jobs
        numbers = [number for number, job in enumerate(jobs) if job.product == product]
        if not numbers:
            raise RequestError(f"Run {self.run_id} was not asked for any {product}: its jobs are {', '.join(job.label for job in jobs)}.")
        there = [number for number in numbers if state.sums[number]]
        return [load(self._settings, state, number) for number in there or numbers[:1]]


def _suits(product: Job | Spectrum | LightCurve, instrument: str, band: tuple[float, float] | None) -> bool:
    return instrument in ("", product.instrument) and (band is None or tuple(band) == getattr(product, "band", None))


def _one(products: tuple[Extracted, ...], source: str, instrument: str, band: tuple[float, float] | None) -> Extracted:
    """The only one of this source that suits."""
    suiting = [each for each in products if each.source == source and _suits(each, instrument, band)]
    if len(suiting) == 1:
        return suiting[0]
    if suiting:
        raise RequestError(f"There are {len(suiting)} of {source}: give instrument and band, or take one from .spectra or .light_curves.")
    names = ", ".join(dict.fromkeys(each.source for each in products))
    raise RequestError(f"There is none of {source[:60]}. There are: {names}.")


def _source_table(sources: SourceTable) -> Table:
    """As `SourceTable.to_table`, fluxes with their unit as far as astropy knows it."""
    table = Table(sources.to_table())
    unit: Any = u.Unit(sources.flux_unit.replace("counts", "count").replace("/sec", "/s"), parse_strict="silent")
    for name in FLUXES:
        table[name].unit = unit
    return table
