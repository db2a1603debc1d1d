"""The whole request: what an astronomer asks, before anything is looked up or sent."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from dashboard.errors import RequestError
from dashboard.request import document
from dashboard.request.catalogue import CatalogueParameters
from dashboard.request.coordinates import read_coordinates
from dashboard.request.general import DEFAULT_BAND, DEFAULT_RADIUS, DEFAULT_SYSTEMATIC, GeneralParameters
from dashboard.request.lightcurve import LightCurveParameters
from dashboard.request.mosaic import MosaicParameters
from dashboard.request.spectrum import SpectrumParameters
from dashboard.request.times import TimeSpan, parse_spans

INSTRUMENTS = ("isgri", "jemx1", "jemx2")
PRODUCTS = ("mosaic", "spectrum", "lightcurve")
_UNITS: dict[int | str | None, tuple[str, ...]] = {1: ("jemx1",), 2: ("jemx2",), "both": ("jemx1", "jemx2")}

_POINTING = re.compile(r"(\d{11}0)(\.\d{3})?")
_OBSERVATION = re.compile(r"(\d{7})[/_]?(\d{4})(?:[/_]\d{1,4})?")


class Request(LightCurveParameters, SpectrumParameters, MosaicParameters, CatalogueParameters, GeneralParameters):
    """All parameters, readable from and writable to JSON.

    The defaults are an example: an ISGRI mosaic of the Crab, 28-40 keV, six weeks of 2009, simulated.

    Raises
    ------
    RequestError
        From the constructor, for an unknown parameter or a value of the wrong type or out of bounds. Setting an
        attribute later raises param's own ValueError. What no single value shows is found by `dashboard.request.checks`.
    """

    def __init__(self, **values: Any) -> None:
        super().__init__()
        given = {"RA", "DEC"} & values.keys()
        if len(given) == 1:
            absent = "DEC" if "RA" in given else "RA"
            raise RequestError(f"{given.pop()} is given without {absent}: give both, or none to look the name up.", absent)
        if given and "src_name" not in values:
            values["src_name"] = ""  # the default name belongs to the default position
        document.assign(self, values)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Request:
        """Build from parsed JSON; absent keys take their defaults, except that a position without src_name has no name."""
        return cls(**{str(key): value for key, value in values.items()})

    @classmethod
    def from_json(cls, source: str | Mapping[str, Any]) -> Request:
        """Build from the text of a JSON object, or from the object itself."""
        return cls.from_dict(document.read(source) if isinstance(source, str) else source)

    def to_dict(self) -> dict[str, Any]:
        """Every parameter with its value, JSON types only; those left to the instrument's default are absent."""
        values = {name: deepcopy(getattr(self, name)) for name in document.names(self)}
        values["bands"] = [list(band) for band in values["bands"]]
        return {name: value for name, value in values.items() if value is not None}

    def to_json(self) -> str:
        """As `to_dict`, indented."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)

    @property
    def instruments(self) -> tuple[str, ...]:
        """Names of `INSTRUMENTS`, "jemx" replaced by its unit or, for jemx_unit "both", by the two.

        Raises
        ------
        RequestError
            For an unknown or repeated name, or a jemx_unit that contradicts or is missing.
        """
        listed, units = _listed(self.instrument), _UNITS.get(self.jemx_unit, ())
        if "jemx" in listed and not units:
            raise RequestError('"jemx" needs its unit: set jemx_unit to 1, 2 or "both", or write "jemx1" or "jemx2".', "jemx_unit")
        named = [name for name in ("jemx1", "jemx2") if name in listed]
        if units and named and set(named) != set(units):
            raise RequestError(
                f"instrument names {' and '.join(named)} but jemx_unit is {document.shown(self.jemx_unit)}: drop one of the two.",
                "jemx_unit",
            )
        return _chosen([name for each in listed for name in (units if each == "jemx" else (each,))], INSTRUMENTS, "instrument")

    @property
    def products(self) -> tuple[str, ...]:
        """Names of `PRODUCTS`; RequestError for an unknown or repeated one."""
        return _chosen(_listed(self.product), PRODUCTS, "product")

    @property
    def extracted(self) -> tuple[str, ...]:
        """Those of the products that are extracted for the sources of a catalogue."""
        return tuple(name for name in self.products if name != "mosaic")

    @property
    def makes_image(self) -> bool:
        """Whether an image is made: a mosaic, or one for its sources."""
        return "mosaic" in self.products or self.make_image

    @property
    def uses_band(self) -> bool:
        """Whether any product depends on the energies: spectra do not, except through the image of their catalogue."""
        return self.makes_image or "lightcurve" in self.products

    @property
    def times(self) -> tuple[TimeSpan, ...]:
        """The intervals of T1 and T2 as written; RequestError when they are none."""
        return parse_spans(self.T1, self.T2)

    @property
    def position(self) -> tuple[float, float] | None:
        """(RA, DEC) in degrees, else what src_name says where it holds coordinates; None when the name is to be looked up.

        Raises
        ------
        RequestError
            When src_name holds coordinates that are wrong.
        """
        if self.zero_position or self.RA != 0 or self.DEC != 0:
            return float(self.RA), float(self.DEC)
        return read_coordinates(self.src_name)

    @property
    def scw_ids(self) -> tuple[str, ...]:
        """`scw_list` without versions, sorted, each once; RequestError for one that is no pointing."""
        for scw in self.scw_list:
            if not _POINTING.fullmatch(scw):
                raise RequestError(
                    f"scw_list holds {scw[:60]!r}, which is no pointing: write 12 digits ending in 0, such as 066500220010.", "scw_list"
                )
        return tuple(sorted({scw[:12] for scw in self.scw_list}))

    @property
    def observation_ids(self) -> tuple[str, ...]:
        """`observations` as 11 digits, sorted, each once; RequestError for one that is no id of ISOC's (AATPPPPOOOO)."""
        found = set()
        for written in self.observations:
            match = _OBSERVATION.fullmatch(written.strip())
            if not match:
                raise RequestError(
                    f"observations holds {written[:60]!r}, which is no observation id: write 11 digits, such as 02200120001.",
                    "observations",
                )
            found.add(match[1] + match[2])
        return tuple(sorted(found))

    @property
    def selected_by(self) -> str:
        """Which parameter selects science windows instead of T1 and T2; "" for none."""
        return next((name for name in ("scw_list", "revolutions", "observations") if getattr(self, name)), "")

    def radius_for(self, instrument: str) -> float:
        """Selection radius in degrees."""
        return DEFAULT_RADIUS[instrument] if self.radius is None else float(self.radius)

    @property
    def grouping(self) -> tuple[float, float, int]:
        """Lower and upper energy (keV) and number of bins of ISGRI's spectra; 0 bins: as they are."""
        return float(self.isgri_grouping_min_energy), float(self.isgri_grouping_max_energy), int(self.isgri_grouping_factor)

    def systematic_for(self, instrument: str) -> float:
        """Systematic error of spectra and light curves as a fraction of the rate."""
        return DEFAULT_SYSTEMATIC[instrument] if self.systematic_fraction is None else float(self.systematic_fraction)

    def bands_for(self, instrument: str) -> tuple[tuple[float, float], ...]:
        """Bands in keV, edges rounded to the 0.5 keV that the backend can take."""
        low, high = DEFAULT_BAND[instrument]
        single = [(low if self.E1_keV is None else self.E1_keV, high if self.E2_keV is None else self.E2_keV)]
        return tuple((rounded_energy(e1), rounded_energy(e2)) for e1, e2 in self.bands or single)


def rounded_energy(energy: float) -> float:
    """The nearest multiple of 0.5 keV; halves go up."""
    return float((4 * energy + 1) // 2 / 2)


def _listed(value: str | list[Any]) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


def _chosen(asked: list[Any], known: tuple[str, ...], field: str) -> tuple[str, ...]:
    if not asked:
        raise RequestError(f"{field} is an empty list: name at least one of {', '.join(known)}.", field)
    for name in asked:
        if name not in known:
            raise RequestError(f"{field} {document.shown(name)} is none of {', '.join(known)}{document.suggestion(name, known)}", field)
        if asked.count(name) > 1:
            raise RequestError(f"{field} names {name} twice: keep one.", field)
    return tuple(asked)
