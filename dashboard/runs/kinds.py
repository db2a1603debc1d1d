"""The three kinds of products: how each is taken from an answer, stored, added up and published."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from astropy.io import fits

from dashboard.analysis.sky_width import sky_width
from dashboard.combine.light_curve_sum import LightCurveSum
from dashboard.combine.mosaic_sum import MosaicSum
from dashboard.combine.spectrum_sum import SpectrumSum
from dashboard.dispatcher.answer import Answer
from dashboard.errors import EmptyProduct
from dashboard.plan.plan import Plan
from dashboard.products.light_curve import LightCurveSet
from dashboard.products.light_curve_fits import read_light_curves, write_light_curves
from dashboard.products.mosaic import Mosaic
from dashboard.products.mosaic_fits import read_mosaic, write_mosaic
from dashboard.products.spectrum import SpectrumSet
from dashboard.products.spectrum_fits import read_spectra, write_spectra
from dashboard.runs.field import run_grid
from dashboard.runs.histogram_document import scaled_histogram, write_histogram
from dashboard.runs.run_sources import run_sources
from dashboard.runs.source_document import write_sources

Writer = Callable[[Path], None]


class Kind(Protocol):
    """What runs need to know of a kind of product."""

    def of_answer(self, answer: Answer) -> Any:
        """The batch's product; EmptyProduct when there is none."""

    def read(self, path: Path) -> Any:
        """A batch's stored product."""

    def write(self, product: Any, path: Path) -> None:
        """Store a batch's product."""

    def new_sum(self, plan: Plan, job: int) -> Any:
        """An empty sum with `add`, `batch_ids` and `to_hdulist`."""

    def read_sum(self, path: Path) -> Any:
        """A stored sum."""

    def suits(self, plan: Plan, job: int, total: Any) -> bool:
        """Whether a sum can take the products of this plan: it may have been made for an earlier one."""

    def files(self, plan: Plan, job: int, total: Any) -> Mapping[str, Writer]:
        """What a sum is published as besides itself: a writer for each kind of file."""


class MosaicKind:
    """Mosaics, published with the sources found on them."""

    def of_answer(self, answer: Answer) -> Mosaic:
        """The mosaic of an image query."""
        if not answer.mosaics:
            raise EmptyProduct(f"Job {answer.job_id} came back without a mosaic.")
        return answer.mosaics[0]

    def read(self, path: Path) -> Mosaic:
        """Raises as `read_mosaic`."""
        return read_mosaic(path)

    def write(self, product: Any, path: Path) -> None:
        """Raises as `write_mosaic`."""
        write_mosaic(product, path)

    def new_sum(self, plan: Plan, job: int) -> MosaicSum:
        """On the grid that the job's pointings decide."""
        asked = plan.jobs[job]
        return MosaicSum(run_grid(plan.pointings_of(asked), asked.instrument))

    def read_sum(self, path: Path) -> MosaicSum:
        """Raises ProductError when it is damaged."""
        with fits.open(path, memmap=False) as hdus:
            return MosaicSum.from_hdulist(hdus)

    def suits(self, plan: Plan, job: int, total: Any) -> bool:
        """Whether it covers the sky of the plan's pointings."""
        asked = plan.jobs[job]
        return bool(total.grid == run_grid(plan.pointings_of(asked), asked.instrument))

    def files(self, plan: Plan, job: int, total: Any) -> Mapping[str, Writer]:
        """Mosaic, source table and the histogram of significance."""
        mosaic = total.result(batches_asked=len(plan.jobs[job].batch_ids))
        width = sky_width(mosaic)
        table = run_sources(plan, mosaic, width, total)
        return {
            "mosaic": lambda path: write_mosaic(mosaic, path),
            "sources": lambda path: write_sources(table, path),
            "histogram": lambda path: write_histogram(scaled_histogram(mosaic, width), path),
        }


class SpectrumKind:
    """Spectra of all sources with their responses."""

    def of_answer(self, answer: Answer) -> SpectrumSet:
        """The spectra of a spectrum query."""
        if not answer.spectra.spectra:
            raise EmptyProduct(f"Job {answer.job_id} came back without a spectrum: no source of the catalogue was in its science windows.")
        return answer.spectra

    def read(self, path: Path) -> SpectrumSet:
        """Raises as `read_spectra`."""
        return read_spectra(path)

    def write(self, product: Any, path: Path) -> None:
        """Raises as `write_spectra`."""
        write_spectra(product, path)

    def new_sum(self, plan: Plan, job: int) -> SpectrumSum:
        """With the request's weighting."""
        del job
        return SpectrumSum(weighting=str(plan.request.get("spectrum_weighting", "exposure")))

    def read_sum(self, path: Path) -> SpectrumSum:
        """Raises ProductError when it is damaged."""
        with fits.open(path, memmap=False) as hdus:
            return SpectrumSum.from_hdulist(hdus)

    def suits(self, plan: Plan, job: int, total: Any) -> bool:
        """Always: spectra are summed source by source."""
        del plan, job, total
        return True

    def files(self, plan: Plan, job: int, total: Any) -> Mapping[str, Writer]:
        """The summed spectra."""
        spectra = total.result(batches_asked=len(plan.jobs[job].batch_ids))
        return {"spectra": lambda path: write_spectra(spectra, path)}


class LightCurveKind:
    """Light curves of all sources."""

    def of_answer(self, answer: Answer) -> LightCurveSet:
        """The light curves of a light-curve query."""
        if not answer.light_curves.curves:
            raise EmptyProduct(
                f"Job {answer.job_id} came back without a light curve: no source of the catalogue was in its science windows."
            )
        return answer.light_curves

    def read(self, path: Path) -> LightCurveSet:
        """Raises as `read_light_curves`."""
        return read_light_curves(path)

    def write(self, product: Any, path: Path) -> None:
        """Raises as `write_light_curves`."""
        write_light_curves(product, path)

    def new_sum(self, plan: Plan, job: int) -> LightCurveSum:
        """Empty."""
        del plan, job
        return LightCurveSum()

    def read_sum(self, path: Path) -> LightCurveSum:
        """Raises ProductError when it is damaged."""
        with fits.open(path, memmap=False) as hdus:
            return LightCurveSum.from_hdulist(hdus)

    def suits(self, plan: Plan, job: int, total: Any) -> bool:
        """Always: points stand beside each other."""
        del plan, job, total
        return True

    def files(self, plan: Plan, job: int, total: Any) -> Mapping[str, Writer]:
        """The joined light curves."""
        curves = total.result(batches_asked=len(plan.jobs[job].batch_ids))
        return {"curves": lambda path: write_light_curves(curves, path)}


KINDS: Mapping[str, Kind] = {"mosaic": MosaicKind(), "spectrum": SpectrumKind(), "lightcurve": LightCurveKind()}
"""By the name of the product in a job."""

_BY_SUFFIX = {"image": "mosaic", "spectrum": "spectrum", "lc": "lightcurve"}


def kind_of(parameters: Mapping[str, Any]) -> Kind:
    """The kind of product that a batch with these parameters comes back with."""
    return KINDS[_BY_SUFFIX[str(parameters["product_type"]).rpartition("_")[2]]]
