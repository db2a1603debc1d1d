"""Rates in units of the Crab."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dashboard.products.crab import ACCURACY, crab_rate
from dashboard.products.mosaic import Mosaic

CRAB_VARIES = 0.05
_SOURCE = {"isgri": "rates of OSA 11 in 2016", "jemx1": "rates of JEM-X 1 in March 2008", "jemx2": "rates of JEM-X 1 in March 2008"}
_CRAB_UNITS = {"mCrab": 1000.0, "Crab": 1.0}


@dataclass(frozen=True, slots=True)
class CrabReference:
    """What a rate is compared with to be told in mCrab.

    Attributes
    ----------
    band
        keV; None when unknown.
    instrument
        "isgri", "jemx1", "jemx2"; anything else has no reference of its own.
    unit
        Of the rate.
    product
        "mosaic", "spectrum" or "lightcurve".
    osa_version
        Of the analysis. Rates of ISGRI by OSA 10 are lower, and no reference for them is at hand; "" counts as OSA 11.
    """

    band: tuple[float, float] | None = None
    instrument: str = ""
    unit: str = ""
    product: str = "mosaic"
    osa_version: str = ""

    @classmethod
    def of(cls, mosaic: Mosaic) -> CrabReference:
        """That of a mosaic's fluxes."""
        return cls(mosaic.band, mosaic.instrument, mosaic.unit, osa_version=mosaic.provenance.osa_version)

    @property
    def rate(self) -> float:
        """Rate of the Crab, in `unit`; NaN without a reference."""
        if self.unit in _CRAB_UNITS:
            return _CRAB_UNITS[self.unit]
        outdated = self.instrument == "isgri" and not (self.osa_version or "OSA11").startswith("OSA11")
        if self.band is None or self.instrument not in ACCURACY or outdated:
            return math.nan
        return crab_rate(self.band, self.instrument, self.product, self.unit)

    @property
    def sentence(self) -> str:
        """Where mCrab come from and how well they are known, or why there are none."""
        band = f"{self.band[0]:g}-{self.band[1]:g} keV" if self.band else "an unknown band"
        if self.unit in _CRAB_UNITS:
            return f"Rates are in {self.unit}, each unit's divided by the Crab's in {band}; the Crab itself varies by {CRAB_VARIES:.0%}."
        if math.isnan(self.rate):
            told = " ".join(filter(None, (self.instrument or "this instrument", self.osa_version, self.product)))
            return f"No mCrab: the Crab's rate in {band} is not known for {told} in {self.unit or 'an unknown unit'}."
        return (
            f"1 mCrab is a thousandth of the Crab's rate in {band}, {self.rate:.4g} {self.unit}: "
            f"{_SOURCE[self.instrument]}, good to {ACCURACY[self.instrument]:.0%}; the Crab itself varies by {CRAB_VARIES:.0%}."
        )


def mcrab(rate: float, seen: CrabReference | Mosaic) -> float:
    """A rate, its error or its limit in mCrab: 1000 x rate / the Crab's rate; NaN without a reference.

    An error stays that of the rate alone: what the reference is good to, its sentence tells.
    """
    reference = CrabReference.of(seen) if isinstance(seen, Mosaic) else seen
    return 1000 * rate / reference.rate
