"""Which columns of an archive's table of science windows are which of ours, and how they are read.

HEASARC's `intscw` and `intscwpub` mirror ISDC's table (`scw_id`, `scw_ver`, `ra_x`/`ra`, `start_date`, `ps`, `obs_id`, `good_isgri`, ...;
https://heasarc.gsfc.nasa.gov/W3Browse/all/intscw.html, dates in UTC, MJD over TAP). ISLA calls times `starttime` and `endtime`,
positions `ra` and `dec` (its `ila.cons_pub_obs`, as astroquery.esa.integral asks it) and science windows `scwid`.
Names are matched without regard to case, so that a column that was renamed to another of these is still found.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from astropy.time import Time
from numpy.typing import NDArray

from dashboard.archive.pointings import observation_ids, utc_now
from dashboard.archive.sightings import rights
from dashboard.request.times import FIRST_NUMBER_READ_AS_MJD, IJD_0_MJD, TimePoint

NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "swid": ("scw_id", "scwid", "swid"),
    "ra": ("ra_x", "ra_scx", "ra"),
    "dec": ("dec_x", "dec_scx", "dec"),
    "start": ("start_date", "starttime", "start_time", "tstart"),
    "stop": ("end_date", "endtime", "end_time", "tstop"),
    "version": ("scw_ver", "swver"),
    "rights": ("ps",),
    "released": ("public_date",),
    "observation": ("obs_id", "obsid"),
    "isgri": ("good_isgri",),
    "jemx1": ("good_jemx1",),
    "jemx2": ("good_jemx2",),
}
NEEDED: Final = ("swid", "ra", "dec", "start", "stop")
INSTRUMENTS: Final = ("isgri", "jemx1", "jemx2")

Days = Literal["mjd", "ijd", "text"]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of one table.

    Attributes
    ----------
    names
        Ours to theirs, as far as the table has them.
    days
        How it writes times: MJD in UTC, IJD in TT, or ISO text in UTC.
    joint
        Between date and time of such text.
    quoted
        Whether ids are text.
    """

    names: Mapping[str, str]
    days: Days
    joint: str = " "
    quoted: bool = True

    @classmethod
    def of(cls, sample: Mapping[str, NDArray[np.object_]]) -> Layout:
        """The layout of a table by one of its rows; ValueError, with the reason, when it cannot be used."""
        names = {ours: found[0] for ours, theirs in NAMES.items() if (found := [name for name in theirs if name in sample])}
        if missing := [NAMES[ours][0] for ours in NEEDED if ours not in names]:
            raise ValueError(f"lacks the columns {', '.join(missing)}, or calls them otherwise; it has {', '.join(list(sample)[:30])}")
        if not len(sample[names["start"]]):
            raise ValueError("is an empty table")
        start, swid = sample[names["start"]][0], sample[names["swid"]][0]
        if isinstance(start, str):
            return cls(names, "text", "T" if "T" in start else " ", isinstance(swid, str))
        return cls(names, "ijd" if start is not None and start < FIRST_NUMBER_READ_AS_MJD else "mjd", quoted=isinstance(swid, str))

    def moment(self, point: TimePoint) -> str:
        """A moment as a condition on times has to name it."""
        if self.days == "text":
            return f"'{point.isot.replace('T', self.joint)}'"
        return f"{point.ijd:.8f}" if self.days == "ijd" else f"{point.time.utc.mjd:.8f}"

    def bound(self, swid: str) -> str:
        """An id as a condition on ids has to name it."""
        return f"'{swid}'" if self.quoted else str(int(swid))

    def among(self, observations: Iterable[str]) -> str:
        """The condition that a science window belongs to one of these observations: the column may list several, or a part of one."""
        name = self.names["observation"]
        return " OR ".join(f"{name} LIKE '%{observation}%'" for observation in observations)

    def observations(self, table: Mapping[str, NDArray[np.object_]]) -> tuple[str, ...]:
        """As of `Pointings.observation`, (n,), empty where the table has no such column."""
        return observation_ids(table[self.names["observation"]].tolist()) if "observation" in self.names else ()

    def ids(self, table: Mapping[str, NDArray[np.object_]]) -> list[str]:
        """Ids as text, with version where they have one, (n,)."""
        return [f"{value:012d}" if isinstance(value, int) else str(value).strip() for value in table[self.names["swid"]].tolist()]

    def versions(self, table: Mapping[str, NDArray[np.object_]]) -> list[str]:
        """Versions of three digits, (n,); "" where the table does not tell."""
        told = table[self.names["version"]].tolist() if "version" in self.names else [None] * len(table[self.names["swid"]])
        return ["" if value is None or not str(value).strip().isdigit() else f"{int(value):03d}" for value in told]

    def number(self, table: Mapping[str, NDArray[np.object_]], ours: str) -> Floats:
        """A column as numbers, (n,), NaN where there is none; ValueError or TypeError when it holds anything else."""
        return np.array(table[self.names[ours]], dtype=float)

    def ijd(self, table: Mapping[str, NDArray[np.object_]], ours: str) -> Floats:
        """A column of times as IJD in TT, (n,); ValueError or TypeError when they are no times."""
        values = table[self.names[ours]]
        if not len(values):
            return np.empty(0)
        if self.days == "ijd":
            return np.array(values, dtype=float)
        moments = _from_text(values.tolist()) if self.days == "text" else Time(np.array(values, dtype=float), format="mjd", scale="utc")
        tt = moments.tt
        return np.asarray((tt.jd1 - 2400000.5 - IJD_0_MJD) + tt.jd2, dtype=float)

    def public(self, table: Mapping[str, NDArray[np.object_]]) -> NDArray[np.int8]:
        """As of `Sightings.public`, (n,): by the word of the table, or by a day of release that has come since."""
        told = rights(table[self.names["rights"]].tolist() if "rights" in self.names else [None] * len(table[self.names["swid"]]))
        if "released" not in self.names:
            return told
        today = TimePoint("utc", utc_now())
        limit = {"mjd": today.time.utc.mjd, "ijd": today.ijd}
        for row, day in enumerate(table[self.names["released"]].tolist()):
            if isinstance(day, str) and day.strip()[:4].isdigit():
                told[row] = day.strip()[:10] <= today.isot[:10]
            elif isinstance(day, int | float) and day > 0:
                told[row] = day <= limit["ijd" if day < FIRST_NUMBER_READ_AS_MJD else "mjd"]
        return told


def _from_text(values: list[Any]) -> Time:
    """ISO text with a blank or a T, perhaps a zone that must be UTC."""
    texts = [str(value).strip().removesuffix("Z").removesuffix("+00:00").removesuffix("+00").replace(" ", "T") for value in values]
    return Time(texts, format="isot", scale="utc")
