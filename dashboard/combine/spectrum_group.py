"""The sums of one source on one grid of channels and energies.

Per channel c, over the batches i that are good there, with rate R, error s, systematic fraction f and a weight w_i that is one
number a batch:

    R_c = sum w R / sum w      s_c = sqrt(sum (w s)^2) / sum w      f_c = sum w f / sum w

and, with the areas A(E) and the redistributions D(E, c) of the same batches, the response of that very mean,

    M(E, c) = sum w A(E) D(E, c) / sum w

so that a model folded through M predicts R whatever the areas and the weights are. Weights that differ from channel to channel, as
those of an inverse-variance mean of each channel do, would give a rate that no product of an area and a redistribution predicts.
Systematics are common to all batches: the fraction is averaged, it does not shrink. Both weights are summed: the exposure, and
1 / (mean variance of the good channels).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray

from dashboard.products.spectrum import Array, Redistribution, Spectrum

WEIGHTINGS = ("exposure", "inverse variance")
_W, _WR, _W2S2, _WF = range(4)
_SAME_AREA = 1e-6
"""Areas that agree to this fraction are equal: real ones are stored in single precision."""


@njit(nogil=True, cache=True)
def _add_rates(rate, error, systematic, quality, exposure, sums, good):  # type: ignore[no-untyped-def]
    """Add one spectrum to sums (2, 4, n), mark its good channels; its two weights, and whether other channels were marked before.

    The weights are zeros when no channel is good.
    """
    number, variance, changed = 0, 0.0, False
    for c in range(len(rate)):
        counts = quality[c] == 0 and np.isfinite(rate[c]) and np.isfinite(error[c]) and error[c] > 0
        changed |= counts != good[c]
        good[c] = counts
        if counts:
            number += 1
            variance += error[c] * error[c]
    if number == 0:
        return 0.0, 0.0, changed
    weights = (exposure, number / variance)
    for k in range(2):
        for c in range(len(rate)):  # selections, not branches: the compiler vectorises them
            w = weights[k] if good[c] else 0.0
            r, s, f = (rate[c], error[c], systematic[c]) if good[c] else (0.0, 0.0, 0.0)
            sums[k, _W, c] += w
            sums[k, _WR, c] += w * r
            sums[k, _W2S2, c] += (w * s) * (w * s)
            sums[k, _WF, c] += w * f
    return weights[0], weights[1], changed


@njit(nogil=True, cache=True)
def _add_area(area, first, second, weights, areas):  # type: ignore[no-untyped-def]
    """Add both weights (2,) and one area (n,), weighted in both ways, to areas (2, n)."""
    weights[0] += first
    weights[1] += second
    for e in range(len(area)):
        areas[0, e] += first * area[e]
        areas[1, e] += second * area[e]


@dataclass(eq=False)
class Response:
    """The areas of those batches that share a redistribution and their good channels.

    Attributes
    ----------
    redistribution
        Common to them.
    good
        (n_channel,) bool.
    weights
        (2,); sum w in both weightings.
    areas
        (2, n_energy); sum w A.
    """

    redistribution: Redistribution
    good: NDArray[np.bool_]
    weights: NDArray[np.float64]
    areas: NDArray[np.float64]


@dataclass(eq=False)
class Totals:
    """What adds up, or has a first and a last: s and IJD (TT). An unknown part makes a sum unknown."""

    exposure: float = 0.0
    ontime: float = 0.0
    telapse: float = 0.0
    tstart: float = float("nan")
    tstop: float = float("nan")

    def add(self, spectrum: Spectrum) -> None:
        """Add one spectrum."""
        self.exposure += spectrum.exposure
        self.ontime += spectrum.ontime
        self.telapse += spectrum.telapse
        if not self.tstart <= spectrum.tstart and not math.isnan(spectrum.tstart):
            self.tstart = spectrum.tstart
        if not self.tstop >= spectrum.tstop and not math.isnan(spectrum.tstop):
            self.tstop = spectrum.tstop


@dataclass(eq=False)
class Group:
    """The sums of one source on one grid.

    Attributes
    ----------
    source
        Its name.
    sums
        (2, 4, n_channel); for both weightings sum w, w R, (w s)^2, w f over the good channels.
    responses
        By key of the redistribution and good channels.
    totals
        Exposure and times.
    position
        RA, Dec in degrees; those of the batch that is first in time and then in name, whatever the order of addition.
    earliest
        Start (IJD) and name of that batch.
    members
        Batches in it, in the order of addition.
    marked, last
        Good channels of the spectrum added last, and the response it went to: mostly the next one's too.
    """

    source: str
    sums: NDArray[np.float64]
    responses: dict[tuple[str, bytes], Response] = field(default_factory=dict)
    totals: Totals = field(default_factory=Totals)
    position: tuple[float, float] = (float("nan"), float("nan"))
    members: list[str] = field(default_factory=list)
    earliest: tuple[float, str] = (float("inf"), "\U0010ffff")
    marked: NDArray[np.bool_] = field(init=False)
    last: Response | None = None

    def __post_init__(self) -> None:
        self.marked = np.zeros(self.sums.shape[2], dtype=np.bool_)

    @classmethod
    def of(cls, spectrum: Spectrum) -> Group:
        """An empty one for this source and grid."""
        return cls(spectrum.source, np.zeros((2, 4, spectrum.redistribution.n_channels)))

    def add(self, spectrum: Spectrum, redistribution: Redistribution, batch_id: str) -> None:
        """Add a spectrum; one without exposure or without a good channel adds nothing and is no member.

        Parameters
        ----------
        redistribution
            Equal to the spectrum's; the object that is kept.
        """
        if not spectrum.exposure > 0:
            return
        exposure, inverse_variance, changed = _add_rates(
            spectrum.rate, spectrum.stat_err, spectrum.sys_err, spectrum.quality, float(spectrum.exposure), self.sums, self.marked
        )
        if changed:
            self.last = None
        if not exposure:
            return
        response = self.last
        if response is None or response.redistribution is not redistribution:
            response = self.last = self._response_of(spectrum, redistribution)
        _add_area(spectrum.area, exposure, inverse_variance, response.weights, response.areas)
        self.totals.add(spectrum)
        when = (spectrum.tstart if math.isfinite(spectrum.tstart) else math.inf, batch_id)
        if when < self.earliest and math.isfinite(spectrum.ra):
            self.earliest, self.position = when, (float(spectrum.ra), float(spectrum.dec))
        self.members.append(batch_id)

    def _response_of(self, spectrum: Spectrum, redistribution: Redistribution) -> Response:
        key = (redistribution.key, self.marked.tobytes())
        if key not in self.responses:
            self.responses[key] = Response(redistribution, self.marked.copy(), np.zeros(2), np.zeros((2, len(spectrum.area))))
        return self.responses[key]

    def mean(self, weighting: int) -> tuple[Array, Array, Array, NDArray[np.int16]]:
        """Rate, statistical error, systematic fraction and quality (n_channel,); NaN rates where no batch is good."""
        weight, rate, square, fraction = self.sums[weighting]
        seen = weight > 0
        with np.errstate(invalid="ignore"):
            mean, error = rate / weight, np.sqrt(square) / weight
        return mean, error, np.divide(fraction, weight, out=np.zeros_like(weight), where=seen), np.where(seen, 0, 1).astype(np.int16)

    def response(self, weighting: int) -> tuple[Array, Redistribution]:
        """Area (n_energy,) and redistribution whose product is the weighted mean of the batches' products.

        The redistribution is the batches' own when they share it and either their areas or their good channels agree; else it is
        the weighted mean, channel by channel over the batches that are good in it, and a channel that none is good in has all.
        """
        parts = [self.responses[key] for key in sorted(self.responses)]
        weights, areas = np.array([part.weights[weighting] for part in parts]), np.stack([part.areas[weighting] for part in parts])
        area = areas.sum(axis=0) / weights.sum()
        first = parts[0].redistribution
        shared = all(part.redistribution is first for part in parts)
        if shared and np.all(np.abs(areas - weights[:, None] * area) <= _SAME_AREA * weights[:, None] * np.abs(area)):
            return area, first
        good = np.stack([part.good for part in parts]).astype(np.float64)
        good[:, ~good.any(axis=0)] = 1
        product = np.zeros(first.matrix.shape)
        for redistribution in _distinct(part.redistribution for part in parts):
            its = [i for i, part in enumerate(parts) if part.redistribution is redistribution]
            product += redistribution.matrix * (areas[its].T @ good[its])
        product /= weights @ good
        matrix = np.divide(product, area[:, None], out=np.array(first.matrix, dtype=np.float64), where=area[:, None] > 0)
        mixed = Redistribution(first.energ_lo, first.energ_hi, matrix.astype(np.float32), first.e_min, first.e_max, first.first_channel)
        return area, mixed


def _distinct(redistributions: Iterable[Redistribution]) -> list[Redistribution]:
    return list({id(redistribution): redistribution for redistribution in redistributions}.values())
