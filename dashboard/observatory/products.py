"""What the simulated dispatcher offers: instruments, their products, their parameters.

A product that has a builder is computed; one without is known to the description of the instrument and refused with a sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from dashboard.observatory import (
    image,
    jemx_channels,
    jemx_image,
    jemx_mosaic_product,
    light_curve,
    light_curve_product,
    mosaic_product,
    response,
    spectrum_product,
)
from dashboard.observatory.camera import Camera, Isgri, Jemx
from dashboard.observatory.extraction import Extraction
from dashboard.observatory.pointings import history
from dashboard.observatory.view import View


@dataclass(frozen=True)
class Parameter:
    """A parameter of a query, as the service describes it."""

    name: str
    default: Any
    units: str | None
    owl: tuple[str, ...] = ()
    optional: bool | None = False
    allowed: tuple[str, ...] = ()

    def describe(self) -> dict[str, Any]:
        """JSON form of the instrument's description."""
        entry: dict[str, Any] = {"name": self.name, "units": self.units, "value": self.default}
        if self.optional is not None:
            entry["restrictions"] = {"is_optional": self.optional} | ({"allowed_values": list(self.allowed)} if self.allowed else {})
        return entry | ({"owl_uri": list(self.owl)} if self.owl else {})


@dataclass(frozen=True)
class Built:
    """Content of a product: HDU lists, and the catalogue of an image, both in JSON form."""

    products: list[dict[str, Any]]
    catalog: dict[str, Any] | None = None


Builder = Callable[[Mapping[str, Any], int, float, int], Built]


@dataclass(frozen=True)
class Offer:
    """A product of an instrument; `build` takes parameters, seed, coding noise and the revolution of a flare."""

    query: str
    parameters: tuple[Parameter, ...] = ()
    build: Builder | None = None


@dataclass(frozen=True)
class Instrument:
    """An instrument with the range of energies (keV) it takes."""

    name: str
    title: str
    parameters: tuple[Parameter, ...]
    band: tuple[float, float]
    offers: Mapping[str, Offer] = field(default_factory=dict)


_TEXT: Final = ("http://www.w3.org/2001/XMLSchema#str", "http://odahub.io/ontology#String")
_OBJECT: Final = (*_TEXT, "http://odahub.io/ontology#AstrophysicalObject")
_ANGLE: Final = ("http://odahub.io/ontology#Angle",)
_INSTANT: Final = ("http://odahub.io/ontology#TimeInstant",)
_FLOAT: Final = ("http://www.w3.org/2001/XMLSchema#float", "http://odahub.io/ontology#Float")
_INTEGER: Final = ("http://www.w3.org/2001/XMLSchema#int", "http://odahub.io/ontology#Integer")
_ENERGY: Final = ("http://odahub.io/ontology#Energy", "http://odahub.io/ontology#Frequency")

SOURCE: Final = (
    Parameter("src_name", "1E 1740.7-2942", "str", _OBJECT),
    Parameter("RA", 265.97845833, "deg", _ANGLE),
    Parameter("DEC", -29.74516667, "deg", _ANGLE),
    Parameter("T1", "2017-03-06T13:26:48.000", "isot", _INSTANT),
    Parameter("T_format", "isot", "str", optional=None),
    Parameter("T2", "2017-03-06T15:32:27.000", "isot", _INSTANT),
    Parameter("token", None, "str", _OBJECT, optional=True),
)
OSA_VERSIONS: Final = ("OSA10.2", "OSA11.2")
RIGHTS: Final = ("public", "all-private")


def _instrument_parameters(radius: float, e1: float, e2: float, *more: Parameter) -> tuple[Parameter, ...]:
    return (
        Parameter("user_catalog", None, None, optional=True),
        Parameter("scw_list", [], None, ("http://odahub.io/ontology#InputProdList",), optional=True),
        Parameter("selected_catalog", None, None, optional=True),
        Parameter("radius", radius, "deg", _ANGLE),
        Parameter("max_pointings", 50, None, _INTEGER),
        Parameter("osa_version", "OSA11.2", "str", _TEXT, allowed=OSA_VERSIONS),
        Parameter("integral_data_rights", "public", "str", _TEXT, allowed=RIGHTS),
        *more,
        Parameter("E1_keV", e1, "keV", _ENERGY),
        Parameter("E2_keV", e2, "keV", _ENERGY),
    )


_IMAGE: Final = (
    Parameter("detection_threshold", 7.0, "sigma", ("http://odahub.io/ontology#DetectionThreshold",)),
    Parameter("image_scale_min", None, None, _FLOAT, optional=True),
    Parameter("image_scale_max", None, None, _FLOAT, optional=True),
)
_LIGHT_CURVE: Final = (
    Parameter("time_bin", 1000.0, "sec", ("http://odahub.io/ontology#TimeDeltaIsDeprecated",)),
    Parameter("time_bin_format", "sec", "str", optional=None),
)
_FIT: Final = tuple(Parameter(name, default, "str", _OBJECT) for name, default in (("xspec_model", "powerlaw"), ("ph_file_name", "")))
_FIT_FILES: Final = tuple(Parameter(name, "", "str", _OBJECT) for name in ("arf_file_name", "rmf_file_name"))


def isgri_image(parameters: Mapping[str, Any], seed: int, coding_noise: float, flare_revolution: int) -> Built:
    """Mosaic and catalogue of an ISGRI query."""
    e1, e2, osa = parameters["E1_keV"], parameters["E2_keV"], parameters["osa_version"]
    swids = [scw[:12] for scw in parameters["scw_list"]]
    made = image.mosaic(swids, e1, e2, seed=seed, coding_noise=coding_noise, osa_version=osa, flare_revolution=flare_revolution)
    units = mosaic_product.mosaic_units(made, e1, e2, seed)
    return Built([mosaic_product.data_product(units)], mosaic_product.catalogue(made, e1, e2, parameters["detection_threshold"], seed, osa))


def jemx_mosaic(parameters: Mapping[str, Any], seed: int, coding_noise: float, flare_revolution: int) -> Built:
    """Mosaic and catalogue of a query to one unit of JEM-X; the placeholder when it was never on."""
    view = View.of(Jemx(parameters["jemx_num"]), parameters["scw_list"])
    if not len(view):
        return nothing("jemx_image", seed)
    made = jemx_image.mosaic(view, parameters["E1_keV"], parameters["E2_keV"], seed=seed, coding_noise=coding_noise)
    product = mosaic_product.data_product(jemx_mosaic_product.mosaic_units(made, seed), "jemx")
    return Built([product], jemx_mosaic_product.catalogue(made, parameters["detection_threshold"], seed))


def nothing(product: str, seed: int) -> Built:
    """What the backend sends when it found nothing: a placeholder for an image, else no products."""
    if not product.endswith("_image"):
        return Built([])
    empty = jemx_mosaic_product.empty_catalogue() if product == "jemx_image" else mosaic_product.catalogue_json([])
    return Built([mosaic_product.data_product(mosaic_product.empty_units(seed), product.split("_")[0])], empty)


def isgri_lc(parameters: Mapping[str, Any], seed: int, coding_noise: float, flare_revolution: int) -> Built:
    """Light curves of an ISGRI query."""
    return _light_curves(Isgri(parameters["osa_version"]), parameters, (parameters["E1_keV"], parameters["E2_keV"]), seed)


def jemx_lc(parameters: Mapping[str, Any], seed: int, coding_noise: float, flare_revolution: int) -> Built:
    """Light curves of a query to one unit of JEM-X, in the band of whole channels."""
    band = jemx_channels.band(parameters["E1_keV"], parameters["E2_keV"])[2:]
    return _light_curves(Jemx(parameters["jemx_num"]), parameters, band, seed)


def _light_curves(camera: Camera, parameters: Mapping[str, Any], band: tuple[float, float], seed: int) -> Built:
    view, time_bin = View.of(camera, parameters["scw_list"]), parameters["time_bin"]
    curves = light_curve.curves(view, Extraction.of(view, parameters, seed), *band, time_bin, seed)
    e1, e2 = parameters["E1_keV"], parameters["E2_keV"]
    return Built([light_curve_product.data_product(curve, view, e1, e2, time_bin, seed) for curve in curves])


def isgri_spectrum(parameters: Mapping[str, Any], seed: int, coding_noise: float, flare_revolution: int) -> Built:
    """Spectra, ARFs and RMFs of an ISGRI query."""
    return _spectra(Isgri(parameters["osa_version"]), parameters, seed)


def jemx_spectrum(parameters: Mapping[str, Any], seed: int, coding_noise: float, flare_revolution: int) -> Built:
    """Spectra, ARFs and RMFs of a query to one unit of JEM-X."""
    return _spectra(Jemx(parameters["jemx_num"]), parameters, seed)


def _spectra(camera: Camera, parameters: Mapping[str, Any], seed: int) -> Built:
    view = View.of(camera, parameters["scw_list"])
    return Built(spectrum_product.products(view, Extraction.of(view, parameters, seed), seed))


def obstacle(product: str, swids: list[str]) -> str:
    """What keeps the backend from a product of these science windows, in its own words; "" when nothing does."""
    mixed = product == "isgri_spectrum" and len(response.sets(swids)) > 1
    return "MultiEpochRMFNotSupported" if mixed else ""


INSTRUMENTS: Final[Mapping[str, Instrument]] = {
    "isgri": Instrument(
        *("isgri", "ISGRI", _instrument_parameters(15.0, 20.0, 40.0), (15.0, 800.0)),
        {
            "isgri_image": Offer("isgri_image_query", _IMAGE, isgri_image),
            "isgri_spectrum": Offer("isgri_spectrum_query", build=isgri_spectrum),
            "isgri_lc": Offer("isgri_lc_query", _LIGHT_CURVE, isgri_lc),
            "spectral_fit": Offer("spectral_fit_query", (*_FIT, *_FIT_FILES)),
        },
    ),
    "jemx": Instrument(
        *("jemx", "JEM-X", _instrument_parameters(4.0, 3.0, 35.0, Parameter("jemx_num", 2, None, _INTEGER)), (3.0, 35.0)),
        {
            "jemx_image": Offer("jemx_image_query", _IMAGE, jemx_mosaic),
            "jemx_spectrum": Offer("jemx_spectrum_query", build=jemx_spectrum),
            "jemx_lc": Offer("jemx_lc_query", _LIGHT_CURVE, jemx_lc),
            "spectral_fit": Offer("spectral_fit_query", (*_FIT, *_FIT_FILES)),
        },
    ),
}


def canned(instrument: Instrument) -> list[str]:
    """The science windows of the answers to Dummy queries: the first three pointings of a revolution on the Crab.

    It is 665, or for JEM-X 1019, when both its units were on.
    """
    past = history()
    first = int(past.swid.searchsorted((1019 if instrument.name == "jemx" else 665) * 10**8))
    return [f"{swid:012d}.001" for swid in past.swid[first : first + 6].tolist() if swid % 10 == 0]


def describe(instrument: Instrument, product: str = "") -> list[Any]:
    """The description of an instrument, or of it with one of its products."""
    head: list[Any] = [{"instrumet": instrument.name}, {"prod_dict": {name: offer.query for name, offer in instrument.offers.items()}}]
    head.append([{"query_name": "src_query"}, *(p.describe() for p in SOURCE)])
    head.append([{"query_name": f"{instrument.name}_parameters"}, *(p.describe() for p in instrument.parameters)])
    chosen = {product: instrument.offers[product]} if product else instrument.offers
    return head + [[{"query_name": o.query}, {"product_name": name}, *(p.describe() for p in o.parameters)] for name, o in chosen.items()]


def parameters_of(instrument: Instrument, product: str) -> tuple[Parameter, ...]:
    """Parameters a query of the product takes, in the service's order."""
    return tuple(p for p in (*SOURCE, *instrument.parameters, *instrument.offers[product].parameters) if p.name != "user_catalog")
