"""The mission as it saw one position: which science windows, when, how well; selected and gathered for drawing.

Built once a target; every question afterwards is arithmetic on arrays.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from astropy.coordinates import angular_separation
from numpy.typing import NDArray

from dashboard.archive.pointings import SNAPSHOT_OF, revolution
from dashboard.archive.resolver import Target
from dashboard.archive.sightings import Sightings, usable
from dashboard.errors import RequestError
from dashboard.plan import cells
from dashboard.plan.sensitivity import coded_fraction, vignetting
from dashboard.products.instrument import instrument_of

OUTSIDE: Final = 0
PARTLY: Final = 1
FULLY: Final = 2
ISGRI_FULLY_CODED_DEG = 4.5  # half of 9 degrees (Goldwurm et al. 2003, A&A 411, L223)
JEMX_FULLY_CODED_DEG = 2.4  # half of 4.8 degrees (Lund et al. 2003, A&A 411, L231)
QUERY_DIGITS = 4  # of a position in degrees, as the timesystem is asked

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]
Rows = NDArray[np.intp]
Span = tuple[float, float]
"""Start and stop, IJD."""


@dataclass(frozen=True, slots=True, eq=False)
class Strip:
    """Entries along a time axis, ascending (equal lengths, m).

    Attributes
    ----------
    tstart, tstop
        IJD.
    n
        Science windows.
    exposure
        Elapsed seconds, summed.
    off_axis
        Smallest angle between axis and target, degrees.
    first, last
        Revolutions.
    public
        Fraction that is public, of those that the archive tells it of; NaN where it tells nothing.
    fully
        Fraction in which ISGRI codes the target fully.
    swid
        The science window of each entry; empty where entries hold several.
    """

    tstart: Floats
    tstop: Floats
    n: Integers
    exposure: Floats
    off_axis: Floats
    first: Integers
    last: Integers
    public: Floats
    fully: Floats
    swid: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.tstart)

    @classmethod
    def nothing(cls) -> Strip:
        """Without entries."""
        number, whole = np.empty(0), np.empty(0, dtype=np.int64)
        return cls(number, number, whole, number, number, whole, whole, number, number)


@dataclass(frozen=True, slots=True, eq=False)
class Coverage:
    """Science windows around a target, in time order (equal lengths, n).

    Attributes
    ----------
    target
        The position.
    swid
        12-digit ids without version.
    keys
        As `dashboard.plan.cells.keys`.
    tstart, tstop
        IJD (TT).
    telapse
        Elapsed seconds.
    revolution
        Of each.
    ra, dec
        Direction of the telescope axis, degrees.
    off_axis
        Degrees between telescope axis and target.
    isgri, jemx
        Fraction of ISGRI that the target illuminates, NaN where the roll is unknown, and of JEM-X's area on axis.
    science, public, good
        As of `Sightings`.
    observation
        As of `Pointings`.
    origin
        Who listed them.
    """

    target: Target
    swid: tuple[str, ...]
    keys: Integers
    tstart: Floats
    tstop: Floats
    telapse: Floats
    revolution: Integers
    ra: Floats
    dec: Floats
    off_axis: Floats
    isgri: Floats
    jemx: Floats
    science: Mask
    public: NDArray[np.int8]
    good: Mapping[str, Floats] = field(default_factory=dict)
    observation: tuple[str, ...] = ()
    origin: str = ""

    @classmethod
    def of(cls, sightings: Sightings, ra: float, dec: float) -> Coverage:
        """The coverage of a position (degrees) by what the archive lists around it."""
        windows, target = sightings.pointings, Target("", ra, dec, "given")
        asked = np.radians(np.round((ra, dec), QUERY_DIGITS))
        return cls(
            target=target,
            swid=windows.swid,
            keys=cells.keys(windows.swid),
            tstart=windows.tstart,
            tstop=windows.tstop,
            telapse=windows.telapse,
            revolution=np.array([revolution(swid) for swid in windows.swid], dtype=np.int64),
            ra=windows.ra_scx,
            dec=windows.dec_scx,
            off_axis=np.degrees(angular_separation(*asked, np.radians(windows.ra_scx), np.radians(windows.dec_scx))),
            isgri=coded_fraction(windows, target),
            jemx=vignetting(windows, target),
            science=sightings.science,
            public=sightings.public,
            good=sightings.good,
            observation=windows.observation,
            origin=windows.origin,
        )

    def __len__(self) -> int:
        return len(self.swid)

    @property
    def offline(self) -> bool:
        """Whether it comes from a snapshot, because no archive answered."""
        return self.origin.startswith(SNAPSHOT_OF)

    def fraction(self, instrument: str) -> Floats:
        """`isgri` or `jemx`, (n,)."""
        return self.jemx if instrument_of(instrument).round_field else self.isgri

    def seen(self, instrument: str, radius: float) -> Mask:
        """Those that the archive lists for an instrument, (n,): within `radius` (degrees), and of use for it."""
        return (self.off_axis < radius) & usable(instrument, self.telapse, self.science, self.good)

    def coding(self, instrument: str) -> NDArray[np.int8]:
        """How the target is coded, (n,): `FULLY`, `PARTLY` or `OUTSIDE`; of unknown roll, by the circle in the field of view."""
        field = instrument_of(instrument)
        if field.round_field:
            fully, at_all = self.off_axis <= JEMX_FULLY_CODED_DEG, self.off_axis < field.half_field
        else:
            unknown = np.isnan(self.isgri)
            fully = np.where(unknown, self.off_axis <= ISGRI_FULLY_CODED_DEG, self.isgri == 1)
            at_all = np.where(unknown, self.off_axis < field.half_field, self.isgri > 0)
        return np.select([fully, at_all], [np.int8(FULLY), np.int8(PARTLY)], np.int8(OUTSIDE))

    def during(self, spans: Sequence[Span]) -> Mask:
        """Those that overlap any of the intervals, (n,). An interval that does not stop after it starts holds nothing."""
        edges = np.array(sorted(span for span in spans if span[0] < span[1]), dtype=float)
        if not len(edges):
            return np.zeros(len(self), dtype=bool)
        reached = np.maximum.accumulate(edges[:, 1])
        apart = np.flatnonzero(edges[1:, 0] > reached[:-1])
        starts, stops = edges[np.append(0, apart + 1), 0], reached[np.append(apart, -1)]
        nearest = np.searchsorted(stops, self.tstart, side="right")
        return np.append(starts, np.inf)[nearest] < self.tstop

    def selected(self, instrument: str, radius: float, spans: Sequence[Span]) -> Rows:
        """Indices, ascending, of those `seen` that overlap any of the intervals."""
        return np.flatnonzero(self.seen(instrument, radius) & self.during(spans))

    def rows(self, swids: Sequence[str]) -> Rows:
        """Indices, ascending, of science windows by their ids (without version); those that it does not hold are left out."""
        return np.flatnonzero(np.isin(self.keys, cells.keys(swids)))

    def of_observations(self, wanted: Collection[str]) -> Mask:
        """Those that belong to any of these observations (ids of 11 digits), (n,).

        Raises
        ------
        RequestError
            When who listed them does not tell of observations.
        """
        if not self.observation:
            raise RequestError("Who listed this coverage tells of no observations: Plan asks the archives for them.")
        return np.array([not set(wanted).isdisjoint(ids.split()) for ids in self.observation], dtype=bool)

    def revolution_span(self, start: float, stop: float) -> tuple[int, int] | None:
        """First and last revolution of an interval (IJD); None when it holds no science window."""
        found = self.revolution[self.during([(start, stop)])]
        return (int(found.min()), int(found.max())) if len(found) else None

    def timeline(self, mask: Mask, start: float, stop: float, columns: int = 1000) -> Strip:
        """The marked science windows of an interval (IJD): one by one or, when they are more than `columns`, in equal columns of time.

        A science window belongs to the column of its middle; columns without any are left out.
        """
        rows = np.flatnonzero(mask & self.during([(start, stop)]))
        if len(rows) <= columns:
            return replace(self._gathered(rows, rows), swid=tuple(self.swid[row] for row in rows))
        middle = (self.tstart[rows] + self.tstop[rows]) / 2
        edges = np.linspace(start, stop, columns + 1)
        column = np.clip(np.searchsorted(edges, middle, side="right") - 1, 0, columns - 1)
        used = np.unique(column)
        return replace(self._gathered(rows, column), tstart=edges[used], tstop=edges[used + 1])

    def mission(self, mask: Mask) -> Strip:
        """The marked science windows by revolution."""
        rows = np.flatnonzero(mask)
        return self._gathered(rows, self.revolution[rows])

    def _gathered(self, rows: Rows, group: NDArray[Any]) -> Strip:
        """One entry for each value of `group`, which has one for each row, in its order."""
        order = np.argsort(group, kind="stable")
        rows, group = rows[order], group[order]
        first = np.flatnonzero(np.diff(group, prepend=np.nan))
        known = np.add.reduceat(self.public[rows] >= 0, first, dtype=float)
        return Strip(
            tstart=np.minimum.reduceat(self.tstart[rows], first),
            tstop=np.maximum.reduceat(self.tstop[rows], first),
            n=np.diff(first, append=len(rows)),
            exposure=np.add.reduceat(self.telapse[rows], first),
            off_axis=np.minimum.reduceat(self.off_axis[rows], first),
            first=np.minimum.reduceat(self.revolution[rows], first),
            last=np.maximum.reduceat(self.revolution[rows], first),
            fully=np.add.reduceat(self.coding("isgri")[rows] == FULLY, first, dtype=float) / np.diff(first, append=len(rows)),
            public=np.divide(np.add.reduceat(self.public[rows] > 0, first, dtype=float), known, out=known * np.nan, where=known > 0),
        )
