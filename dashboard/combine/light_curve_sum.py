"""The running sum of light curves: every batch's rows, put in order when asked for.

Adding keeps the rows of the batch as they are; `result` sorts them once by time, all columns together. A source is
found by its exact name, in whichever batch it first appears. Gaps stay gaps.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict, replace

import numpy as np
from astropy.io import fits

from dashboard.combine.contributions import Contribution, Kind, contributions_from_table, contributions_to_table, merged
from dashboard.errors import EmptyProduct, NotCombinable, ProductError
from dashboard.products.light_curve import CUT_AT_BATCH_EDGE, LightCurve, LightCurveSet
from dashboard.products.light_curve_fits import light_curves_from_hdulist, light_curves_to_hdulist
from dashboard.products.light_curve_rows import concatenated, joined
from dashboard.products.mosaic import Provenance


class LightCurveSum:
    """Light curves of the union of sources over the batches of one band.

    Not safe to change from two threads at once.

    Attributes
    ----------
    contributions
        The batches in the order of addition.
    """

    def __init__(self) -> None:
        self.contributions: list[Contribution] = []
        self._kind: Kind | None = None
        self._parts: defaultdict[str, list[LightCurve]] = defaultdict(list)
        self._added: set[str] = set()

    @property
    def batch_ids(self) -> tuple[str, ...]:
        """Batches in the order of addition."""
        return tuple(c.batch_id for c in self.contributions)

    def add(self, curves: LightCurveSet, batch_id: str) -> None:
        """Add a batch. When it is refused the sum is as before.

        Raises
        ------
        NotCombinable
            When the batch is in the sum already, or differs in instrument, band, unit, OSA version or in being simulated.
        EmptyProduct
            Without a single row.
        """
        if batch_id in self._added:
            raise NotCombinable(f"Batch {batch_id} is in the sum already; it counts once.")
        filled = [curve for curve in curves.curves if len(curve)]
        if not filled:
            raise EmptyProduct(f"Batch {batch_id} has no row in any light curve; nothing is added.")
        kinds = [Kind.of(curve) for curve in filled]
        for kind in kinds:
            (self._kind or kinds[0]).accept(kind, batch_id)
        number = len(self.contributions)
        for curve in filled:
            self._parts[curve.source].append(replace(curve, batch=np.full(len(curve), number, dtype=np.int32), batch_ids=()))
        self.contributions.append(Contribution.of(batch_id, *filled))
        self._added.add(batch_id)
        self._kind = self._kind or kinds[0]

    def result(self, batches_asked: int = 0) -> LightCurveSet:
        """The light curves of all batches so far, in the order of the sources' names.

        Parameters
        ----------
        batches_asked
            How many the run asked; at least the number in the sum is written.

        Raises
        ------
        EmptyProduct
            While no batch has been added.
        """
        if self._kind is None:
            raise EmptyProduct("No batch has been added yet: there is no light curve to show.")
        asked = max(batches_asked, sum(c.provenance.batches_used for c in self.contributions))
        order = sorted(range(len(self.contributions)), key=lambda i: (self.contributions[i].tstart, self.contributions[i].batch_id))
        rank = np.argsort(order).astype(np.int32)
        origins: dict[tuple[str, ...], Provenance] = {}
        curves = []
        for _, parts in sorted(self._parts.items()):
            parts[:] = [concatenated(sorted(parts, key=lambda part: part.time[0]))]
            curve = joined([replace(parts[0], batch=rank[parts[0].batch])])
            if curve.instrument.startswith("jemx"):
                curve = _cut_bins_flagged(curve)
            in_it = np.bincount(curve.batch, minlength=len(order)) > 0
            used = [self.contributions[order[i]] for i in np.flatnonzero(in_it)]
            ids = tuple(c.batch_id for c in used)
            if ids not in origins:
                origins[ids] = merged(used, asked)
            number = (np.cumsum(in_it) - 1).astype(np.int32)
            curves.append(replace(curve, batch=number[curve.batch], batch_ids=ids, provenance=origins[ids]))
        return LightCurveSet(tuple(curves))

    def to_hdulist(self) -> fits.HDUList:
        """The rows in the order of addition, the batches as a table, what is common as JSON in the primary header."""
        hdus = light_curves_to_hdulist(LightCurveSet(tuple(concatenated(parts) for parts in self._parts.values())))
        if self._kind is not None:
            hdus[0].header["KIND"] = json.dumps(asdict(self._kind))
            if self._kind.simulated:
                hdus[0].header["ORIGIN"] = ("SIMULATED", "no observation of the sky")
        hdus.append(contributions_to_table(self.contributions))
        return hdus

    @classmethod
    def from_hdulist(cls, hdus: fits.HDUList) -> LightCurveSum:
        """The sum that `to_hdulist` wrote.

        Raises
        ------
        ProductError
            When the file is no such sum.
        """
        if "BATCHES" not in hdus:
            raise ProductError("The file is not a running sum of light curves; build the sum again from its batches.")
        total = cls()
        total._parts.update({curve.source: [curve] for curve in light_curves_from_hdulist(hdus).curves})
        total.contributions = contributions_from_table(hdus["BATCHES"])
        total._added.update(total.batch_ids)
        if "KIND" in hdus[0].header:
            kind = json.loads(hdus[0].header["KIND"])
            total._kind = Kind(**kind | {"band": kind["band"] and tuple(kind["band"])})
        return total


def _cut_bins_flagged(curve: LightCurve) -> LightCurve:
    """Flag first and last bins of batches that are shorter than the others or overlap the neighbouring batch's.

    JEM-X bins run over several science windows: where a batch ends, one bin comes in two pieces.
    """
    change = curve.batch[1:] != curve.batch[:-1]
    edge = np.concatenate([[True], change]) | np.concatenate([change, [True]])
    short = curve.half_width < 0.999 * curve.half_width.max(initial=0)
    overlap = change & (np.diff(curve.time) < 0.999 * (curve.half_width[1:] + curve.half_width[:-1]))
    cut = (edge & short) | np.concatenate([[False], overlap]) | np.concatenate([overlap, [False]])
    return replace(curve, flags=(curve.flags | np.where(cut, CUT_AT_BATCH_EDGE, 0)).astype(np.uint8))
