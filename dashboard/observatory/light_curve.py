"""Light curves of the sources of a catalogue.

ISGRI: each science window is cut into bins from its start on, the last one shorter; a bin longer than the science window gives one
row. JEM-X: one grid of bins from the start of the query's first science window on, across all of them; a row for each bin in which
the source was seen, of full width whatever part of it was exposed.

In a piece of a science window (t effective seconds, coded fraction v, variance density V of the band) the rate is F + sum(rho F_i) + noise:
F the mean of the source's own rate, pulses and bursts included, rho F_i what leaks from sources missing from the catalogue. (Images
and spectra take the slow rate in the middle of a science window for its mean.) Its variance is
(V + v F)/(t v^2): background and the source's own counts. A row adds the counts of its pieces and divides by sum(v t).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashboard.observatory import bias, bursts, chance, jemx, spectra
from dashboard.observatory.camera import Camera, Jemx
from dashboard.observatory.extraction import Entry, Extraction
from dashboard.observatory.sources import SOURCES
from dashboard.observatory.view import View

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
_NODE = 300.0  # seconds: half the shortest time scale of the sources' flares
_SLIVER = 1e-3  # of a bin: shorter remainders are rounding
_LEAVING = 1.0  # degrees outside JEM-X's field within which a source leaves rows of zeros


@dataclass(frozen=True, eq=False)
class Pieces:
    """Overlaps of bins and science windows, p of them in time order.

    Attributes
    ----------
    window
        (p,) place of the science window in the view.
    order
        (p,) place of the piece in its science window.
    start, stop
        (p,) IJD.
    row
        (p,) which of the r rows it belongs to.
    time, width
        (r,) IJD of the middle and full width in days of the rows.
    """

    window: Integers
    order: Integers
    start: Array
    stop: Array
    row: Integers
    time: Array
    width: Array

    @classmethod
    def of(cls, view: View, time_bin: float) -> Pieces:
        """Cut a view into bins of `time_bin` seconds as its camera's software does."""
        step, merging = time_bin / 86400.0, view.camera.instrument == "jemx"
        origin = np.full(len(view), view.start[0]) if merging and len(view) else view.start
        first = np.floor((view.start - origin) / step + _SLIVER).astype(np.int64)
        last = np.maximum(np.ceil((view.stop - origin) / step - _SLIVER).astype(np.int64), first + 1)
        count = last - first
        window = np.repeat(np.arange(len(view)), count)
        order = np.arange(len(window)) - np.repeat(np.cumsum(count) - count, count)
        number = first[window] + order
        left = origin[window] + number * step
        start = np.where(order == 0, view.start[window], left)
        stop = np.where(order == count[window] - 1, view.stop[window], left + step)
        if not merging:
            return cls(window, order, start, stop, np.arange(len(window)), (start + stop) / 2, stop - start)
        bins, row = np.unique(number, return_inverse=True)
        middle = (view.start[0] if len(view) else 0.0) + (bins + 0.5) * step
        return cls(window, order, start, stop, row, middle, np.full(len(bins), step))

    def mean_rates(self, view: View, numbers: NDArray[np.intp], e1: float, e2: float) -> Array:
        """Mean rates on axis, cts/s (p, m), of sources by number, pulses and bursts included."""
        half = (self.stop - self.start) / 2
        longest = 2 * half.max() * 86400.0 if len(half) else 0.0
        nodes, weights = np.polynomial.legendre.leggauss(2 + int(np.ceil(longest / _NODE)))
        times = (self.start + half)[:, None] + half[:, None] * nodes
        rates = np.zeros((len(times), len(numbers)))
        for k, (number, level) in enumerate(zip(numbers, view.camera.levels(numbers, e1, e2), strict=True)):
            source = SOURCES[number]
            rates[:, k] = level * source.factor(times) @ weights / 2
            if source.pulse:
                rates[:, k] *= source.pulse.mean(self.start, self.stop, view.start[self.window], view.stop[self.window])
            if source.bursts:
                rates[:, k] += _burst_level(view.camera, e1, e2) * source.bursts.mean(self.start, self.stop)
        return rates


@dataclass(frozen=True, eq=False)
class Curve:
    """The light curve of one entry of the catalogue, r rows in time order.

    Attributes
    ----------
    time, width
        (r,) IJD of the middle, and full width in days.
    rate, error
        (r,) cts/s, corrected for coding; both 0 where JEM-X lost the source out of its field.
    fraction
        (r,) exposed fraction of the bin.
    coding
        (r,) coded fraction, mean over the exposure.
    seconds
        (r,) effective seconds.
    """

    entry: Entry
    time: Array
    width: Array
    rate: Array
    error: Array
    fraction: Array
    coding: Array
    seconds: Array


def curves(view: View, extraction: Extraction, e1: float, e2: float, time_bin: float, seed: int) -> list[Curve]:
    """Light curves of the entries that get products, in a band (keV) and bins of `time_bin` seconds."""
    pieces = Pieces.of(view, time_bin)
    coding = view.coding(extraction.directions)
    numbers, instrument = extraction.numbers, view.camera.instrument
    absent, rho = bias.leak(view.swids, view.axes, view.middle, numbers.tolist(), extraction.directions, seed=seed, instrument=instrument)
    leaking = pieces.mean_rates(view, absent, e1, e2)
    noise_of = np.array([int(swid) for swid in view.swids], np.int64)[pieces.window] * 100_000 + pieces.order
    made = []
    for j in extraction.extracted:
        entry, number = extraction.entries[j], numbers[j]
        own = pieces.mean_rates(view, numbers[j : j + 1], e1, e2)[:, 0] if number >= 0 else np.zeros(len(noise_of))
        name = SOURCES[number].name if number >= 0 else f"{entry.ra:.4f} {entry.dec:.4f}"
        normals = chance.normal(noise_of, "light curve", view.camera.name, name, float(e1), float(e2), float(time_bin), seed)
        expected = own + np.einsum("pk,pk->p", rho[pieces.window, :, j], leaking)
        v = coding[pieces.window, j]
        lost = _leaving(view, extraction.directions[j])[pieces.window] & (v == 0)
        made.append(_curve(entry, view, pieces, v, own, expected, normals, view.camera.variance_density(e1, e2), lost))
    return made


def _burst_level(camera: Camera, e1: float, e2: float) -> float:
    """Rate on axis, cts/s, of a burst at a height of 1 Crab."""
    if isinstance(camera, Jemx):
        return bursts.PHOTONS * jemx.counts(bursts.SPECTRUM, e1, e2, camera.unit)
    return bursts.PHOTONS * spectra.counts(bursts.SPECTRUM, e1, e2, camera.osa_version)


def _curve(
    entry: Entry, view: View, pieces: Pieces, v: Array, own: Array, expected: Array, normals: Array, density: float, lost: NDArray[np.bool_]
) -> Curve:
    rows, row = len(pieces.time), pieces.row
    elapsed = (pieces.stop - pieces.start) * 86400.0 * (v > 0)
    t = view.camera.live * elapsed
    deviation = np.sqrt((density + v * own) * t)

    def total(values: Array) -> Array:
        return np.asarray(np.bincount(row, values, rows), float)

    seconds, coded = total(t), total(v * t)
    seen = coded > 0
    kept = seen | (total(lost.astype(float)) > 0)
    safe = np.where(seen, coded, 1.0)
    rate = total(v * t * expected + deviation * normals) / safe
    error = np.sqrt(total(deviation**2)) / safe
    live = view.camera.live if view.camera.instrument == "jemx" else 1.0
    fraction = live * total(elapsed) / (pieces.width * 86400.0)
    mean_coding = coded / np.where(seen, seconds, 1.0)
    columns = (pieces.time, pieces.width, rate, error, fraction, mean_coding, seconds)
    return Curve(entry, *(column[kept] for column in columns))


def _leaving(view: View, direction: Array) -> NDArray[np.bool_]:
    """(n,) whether a science window of JEM-X has a direction just outside its field."""
    if view.camera.instrument != "jemx":
        return np.zeros(len(view), bool)
    return np.asarray(view.axes[:, 0] @ direction > np.cos(np.deg2rad(jemx.EDGE + _LEAVING)))
