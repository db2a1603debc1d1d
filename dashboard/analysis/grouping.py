"""Grouping channels into wider bins.

A bin holds the channels whose centres lie in it. The flags are those of OGIP/92-007: GROUPING is +1 for the first channel of a bin and
-1 for those that continue it, QUALITY is 0 for channels to use. A bad channel may not be added to good ones, for the model would be
summed over it too: it stands alone, and a bin that it interrupts is cut there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashboard.errors import ProductError, RequestError
from dashboard.products.spectrum import Array, Spectrum

OUT_OF_RANGE = 1
"""QUALITY of good channels outside the range: bad by decision of the user's software (OGIP/92-007)."""

MOST_BINS = 10_000
"""Far above the number of channels: more bins are a slip of the pen."""


@dataclass(frozen=True, eq=False)
class Grouping:
    """Which channels make a bin.

    Attributes
    ----------
    flags
        (n_channel,) int16, the column GROUPING.
    quality
        (n_channel,) int16, the column QUALITY: that of the spectrum, and `OUT_OF_RANGE`.
    asked
        Number of bins asked; that of the good channels when there is no grouping.
    dropped
        Of these, how many hold no good channel.
    cut
        How many more there are because bad channels cut them.
    """

    flags: NDArray[np.int16]
    quality: NDArray[np.int16]
    asked: int
    dropped: int = 0
    cut: int = 0

    @property
    def bins(self) -> NDArray[np.intp]:
        """(n_bin, 2); first channel of each good bin and the one after its last, counted from 0."""
        first = np.flatnonzero(self.flags == 1)
        stop = np.append(first[1:], len(self.flags))
        good = self.quality[first] == 0
        return np.stack([first[good], stop[good]], axis=1)

    @property
    def given(self) -> int:
        """Number of bins: asked - dropped + cut."""
        return len(self.bins)

    def sums(self, values: Array) -> Array:
        """Sum over the channels of each bin along the last axis (..., n_channel) -> (..., n_bin): of rates, variances, a folded model."""
        padded = np.concatenate([np.where(self.quality == 0, values, 0.0), np.zeros((*values.shape[:-1], 1))], axis=-1)
        summed: Array = np.add.reduceat(padded, self.bins.ravel(), axis=-1)[..., ::2]
        return summed


@dataclass(frozen=True, eq=False)
class GroupedSpectrum:
    """A spectrum in bins.

    Attributes
    ----------
    e_min, e_max
        (n_bin,) keV.
    rate, stat_err
        (n_bin,) counts/s: sum over the channels, root of the sum of squares.
    sys_err
        (n_bin,) systematic error as a fraction of the rate.
    """

    e_min: Array
    e_max: Array
    rate: Array
    stat_err: Array
    sys_err: Array

    @property
    def energy(self) -> Array:
        """(n_bin,) keV; centres."""
        centre: Array = (self.e_min + self.e_max) / 2
        return centre

    @property
    def total_err(self) -> Array:
        """(n_bin,) counts/s; statistical and systematic error in quadrature."""
        return np.hypot(self.stat_err, self.sys_err * self.rate)

    @property
    def density(self) -> tuple[Array, Array]:
        """(n_bin,) each, counts/s/keV: rate and total error over the width of the bin."""
        width = self.e_max - self.e_min
        return self.rate / width, self.total_err / width


def grouped_channels(spectrum: Spectrum, e_min: float, e_max: float, factor: float) -> Grouping:
    """Bins between two energies.

    Parameters
    ----------
    e_min, e_max
        keV; bounds of the first and the last bin.
    factor
        Number of bins: of equal width when positive, of equal ratio when negative. 0 leaves all channels as they are, whatever the range.

    Raises
    ------
    RequestError
        When the range is empty or the number of bins no integer.
    ProductError
        When no good channel lies in the range.
    """
    number = _checked(e_min, e_max, factor)
    if number == 0:
        flags = np.ones(len(spectrum.rate), dtype=np.int16)
        return Grouping(flags, _quality(spectrum, np.ones(len(flags), dtype=np.bool_)), int(spectrum.good.sum()))
    edges = np.geomspace(e_min, e_max, number + 1) if factor < 0 else np.linspace(e_min, e_max, number + 1)
    place = np.searchsorted(edges, spectrum.energy, side="right") - 1
    quality = _quality(spectrum, (place >= 0) & (place < number))
    if not (quality == 0).any():
        bounds = spectrum.redistribution
        raise ProductError(
            f"The spectrum of {spectrum.source} has no good channel in {e_min:g} - {e_max:g} keV: "
            f"choose a range within {bounds.e_min[0]:g} - {bounds.e_max[-1]:g} keV."
        )
    flags = _flags(place, quality)
    dropped = number - len(np.unique(place[quality == 0]))
    cut = int((flags[quality == 0] == 1).sum()) - (number - dropped)
    return Grouping(flags, quality, number, dropped, cut)


def significant_channels(spectrum: Spectrum, e_min: float, e_max: float, significance: float) -> Grouping:
    """Bins between two energies, from below, each just wide enough for its rate to be `significance` times its statistical error.

    What remains at the upper end below that significance joins the last bin that has it.

    Raises
    ------
    RequestError, ProductError
        As `grouped_channels`; and when the whole range does not reach the significance.
    """
    _checked(e_min, e_max, 1)
    if not significance > 0:
        raise RequestError(f"A significance of {significance:g} for each bin is not possible: give a number above 0.", "grouping")
    quality = _quality(spectrum, (spectrum.energy >= e_min) & (spectrum.energy < e_max))
    place = np.zeros(len(quality), dtype=np.intp)
    number, rate, variance = 0, 0.0, 0.0
    for channel in np.flatnonzero(quality == 0):
        place[channel] = number
        rate, variance = rate + spectrum.rate[channel], variance + spectrum.stat_err[channel] ** 2
        if rate > 0 and rate**2 >= significance**2 * variance:
            number, rate, variance = number + 1, 0.0, 0.0
    if number == 0:
        raise ProductError(
            f"The spectrum of {spectrum.source} does not reach {significance:g} sigma in {e_min:g} - {e_max:g} keV: "
            "ask for less or widen the range."
        )
    place = np.minimum(place, number - 1)
    flags = _flags(place, quality)
    return Grouping(flags, quality, number, 0, int((flags[quality == 0] == 1).sum()) - number)


def regrouped(spectrum: Spectrum, grouping: Grouping, systematic_fraction: float = 0.0) -> GroupedSpectrum:
    """The spectrum in these bins.

    Parameters
    ----------
    systematic_fraction
        Added in quadrature to the spectrum's own, once, to the bin: common to its channels, it does not average down.
    """
    rate, variance = grouping.sums(spectrum.rate), grouping.sums(spectrum.stat_err**2)
    size = grouping.sums(np.abs(spectrum.rate))
    own = np.divide(grouping.sums(np.abs(spectrum.rate) * spectrum.sys_err), size, out=np.zeros_like(size), where=size > 0)
    first, stop = grouping.bins.T
    bounds = spectrum.redistribution
    return GroupedSpectrum(bounds.e_min[first], bounds.e_max[stop - 1], rate, np.sqrt(variance), np.hypot(own, systematic_fraction))


def _checked(e_min: float, e_max: float, factor: float) -> int:
    """Number of bins."""
    if not np.isfinite([e_min, e_max, factor]).all() or factor != int(factor):
        raise RequestError(
            f"The grouping {e_min:g}, {e_max:g}, {factor:g} needs two energies in keV and a whole number of bins.", "grouping"
        )
    if abs(factor) > MOST_BINS:
        raise RequestError(f"A grouping into {abs(factor):g} bins is too fine: at most {MOST_BINS} can be asked.", "grouping")
    if factor and not 0 <= e_min < e_max:
        raise RequestError(f"The grouping from {e_min:g} to {e_max:g} keV is empty: give the lower energy first.", "grouping")
    if factor < 0 and e_min == 0:
        raise RequestError(
            "Bins of equal ratio cannot begin at 0 keV: give a lower energy above 0 or a positive number of bins.", "grouping"
        )
    return abs(int(factor))


def _quality(spectrum: Spectrum, inside: NDArray[np.bool_]) -> NDArray[np.int16]:
    """That of the spectrum where it is bad; good only where the channel counts and is inside."""
    quality = np.where(spectrum.quality != 0, spectrum.quality, np.where(spectrum.good & inside, 0, OUT_OF_RANGE))
    return quality.astype(np.int16)


def _flags(place: NDArray[np.intp], quality: NDArray[np.int16]) -> NDArray[np.int16]:
    """-1 where a good channel follows a good one of the same bin, else +1."""
    good = quality == 0
    continues = good[1:] & good[:-1] & (place[1:] == place[:-1])
    return np.concatenate([[1], np.where(continues, -1, 1)]).astype(np.int16)
