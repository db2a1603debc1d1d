"""What a sum remembers of each batch besides its values: who computed it, from which science windows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from astropy.io import fits

from dashboard.errors import NotCombinable
from dashboard.products.light_curve import LightCurve
from dashboard.products.mosaic import Mosaic, Provenance
from dashboard.products.spectrum import Spectrum

Summand = Mosaic | Spectrum | LightCurve


@dataclass(frozen=True, slots=True)
class Kind:
    """What products must share to be added.

    Attributes
    ----------
    instrument, osa_version
        As in the product and its provenance.
    unit
        Of the flux; a spectrum is always in counts/s and has "".
    band
        (E_min, E_max) in keV to 0.01 keV, None when unknown, and for spectra.
    simulated
        True when the products are no observations.
    """

    instrument: str
    unit: str
    osa_version: str
    band: tuple[float, float] | None
    simulated: bool

    @classmethod
    def of(cls, product: Summand) -> Kind:
        """The kind of a product."""
        band, unit = (None, "") if isinstance(product, Spectrum) else (product.band, product.unit.strip())
        origin = product.provenance
        rounded = band and (round(float(band[0]), 2), round(float(band[1]), 2))
        return cls(product.instrument, unit, origin.osa_version, rounded, origin.simulated)

    def accept(self, other: Kind, batch_id: str) -> None:
        """Raise NotCombinable with the first difference, as a sentence."""
        if self.simulated != other.simulated:
            what = "simulated, the others are observed" if other.simulated else "observed, the others are simulated"
            raise NotCombinable(f"Batch {batch_id} is {what}: they are never added.")
        for name, label in (("instrument", "instrument"), ("band", "energy band"), ("unit", "unit"), ("osa_version", "OSA version")):
            mine, its = getattr(self, name), getattr(other, name)
            if mine != its:
                raise NotCombinable(
                    f"Batch {batch_id} has {label} {its or 'unknown'}, the others {mine or 'unknown'}: add only equal ones."
                )


@dataclass(frozen=True, slots=True)
class Contribution:
    """One batch in a sum.

    Attributes
    ----------
    batch_id
        Identity of the batch.
    tstart, tstop
        IJD (TT), NaN when unknown.
    ontime
        Seconds, NaN when unknown.
    provenance
        Of the batch's products.
    """

    batch_id: str
    tstart: float
    tstop: float
    ontime: float
    provenance: Provenance

    @classmethod
    def of(cls, batch_id: str, *products: Summand) -> Contribution:
        """What is remembered of a batch: its one map, or its spectra or light curves, at least one.

        The provenance is that of the first, the good time that of the source with most of it.
        """
        starts, stops, ontimes = zip(*(_span(product) for product in products), strict=True)
        return cls(batch_id, _known(min, starts), _known(max, stops), _known(max, ontimes), products[0].provenance)


def _known(choice: Callable[[Iterable[float]], float], values: Iterable[float]) -> float:
    """The least or greatest of those that are no NaN; NaN when all are."""
    known = [value for value in values if value == value]
    return choice(known) if known else math.nan


def _span(product: Summand) -> tuple[float, float, float]:
    """Start and stop, IJD, and good time, s; NaN when unknown."""
    if not isinstance(product, LightCurve):
        return float(product.tstart), float(product.tstop), float(product.ontime)
    start, stop = product.time - product.half_width, product.time + product.half_width
    return float(np.fmin.reduce(start, initial=np.nan)), float(np.fmax.reduce(stop, initial=np.nan)), float("nan")


def interval(contributions: Sequence[Contribution]) -> tuple[float, float]:
    """First start and last stop of those that are known, IJD (TT); NaN when none is."""
    return (
        float(np.fmin.reduce([c.tstart for c in contributions], initial=np.nan)),
        float(np.fmax.reduce([c.tstop for c in contributions], initial=np.nan)),
    )


def in_time_order(contributions: Iterable[Contribution]) -> list[Contribution]:
    """By start, those without one last, then by name: the same in whatever order they came."""
    return sorted(contributions, key=lambda c: (math.isnan(c.tstart), 0.0 if math.isnan(c.tstart) else c.tstart, c.batch_id))


def merged(contributions: Iterable[Contribution], batches_asked: int) -> Provenance:
    """Provenance of the sum; the same in whatever order the batches came.

    Jobs stand in the order of their batches' start, science windows in time order. Values that differ are joined by "+".
    """
    parts = [c.provenance for c in in_time_order(contributions)]

    def joined(name: str) -> str:
        return "+".join(sorted({getattr(part, name) for part in parts} - {""}))

    seeds = {part.seed for part in parts}
    used = sum(part.batches_used for part in parts)
    return Provenance(
        origin=joined("origin"),
        host=joined("host"),
        osa_version=joined("osa_version"),
        data_version=joined("data_version"),
        job_ids=tuple(dict.fromkeys(job for part in parts for job in part.job_ids)),
        scw=tuple(sorted({swid for part in parts for swid in part.scw})),
        batches_used=used,
        batches_asked=max(batches_asked, used),
        seed=seeds.pop() if len(seeds) == 1 else None,
    )


_TEXTS = {"ORIGIN": "origin", "HOST": "host", "OSAVERS": "osa_version", "DATAVERS": "data_version"}


def contributions_to_table(contributions: Sequence[Contribution]) -> fits.BinTableHDU:
    """A FITS table BATCHES, one row a batch in the order of addition; job and ScW ids are separated by blanks."""
    parts = [c.provenance for c in contributions]
    texts = {
        "BATCH_ID": [c.batch_id for c in contributions],
        **{column: [getattr(part, name) for part in parts] for column, name in _TEXTS.items()},
        "JOB_IDS": [" ".join(part.job_ids) for part in parts],
        "SCW": [" ".join(part.scw) for part in parts],
        "SEED": ["" if part.seed is None else str(part.seed) for part in parts],
    }
    columns = [
        *(fits.Column(name, f"{max([1, *map(len, values)])}A", array=np.array(values, dtype=str)) for name, values in texts.items()),
        fits.Column("TSTART", "D", unit="d", array=[c.tstart for c in contributions]),
        fits.Column("TSTOP", "D", unit="d", array=[c.tstop for c in contributions]),
        fits.Column("ONTIME", "D", unit="s", array=[c.ontime for c in contributions]),
        fits.Column("NBATUSED", "J", array=[part.batches_used for part in parts]),
        fits.Column("NBATASK", "J", array=[part.batches_asked for part in parts]),
    ]
    return fits.BinTableHDU.from_columns(columns, name="BATCHES")


def contributions_from_table(table: fits.BinTableHDU) -> list[Contribution]:
    """The rows of `contributions_to_table`."""
    return [
        Contribution(
            str(row["BATCH_ID"]),
            float(row["TSTART"]),
            float(row["TSTOP"]),
            float(row["ONTIME"]),
            Provenance(
                **{name: str(row[column]) for column, name in _TEXTS.items()},
                job_ids=tuple(str(row["JOB_IDS"]).split()),
                scw=tuple(str(row["SCW"]).split()),
                batches_used=int(row["NBATUSED"]),
                batches_asked=int(row["NBATASK"]),
                seed=int(row["SEED"]) if row["SEED"] else None,
            ),
        )
        for row in table.data
    ]
