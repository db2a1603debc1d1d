"""A finished job's answer as products."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from astropy.io import fits

from dashboard.dispatcher.data_unit import hdu_from_unit
from dashboard.dispatcher.distinct import refuse_another
from dashboard.dispatcher.failure import plain
from dashboard.dispatcher.token import redact
from dashboard.errors import EmptyProduct, MalformedAnswer
from dashboard.hosts import Host
from dashboard.plan.batch import Batch
from dashboard.products.catalog import SourceCatalog
from dashboard.products.catalog_api import catalog_from_api
from dashboard.products.light_curve import LightCurveSet
from dashboard.products.light_curve_fits import light_curves_from_products
from dashboard.products.mosaic import Mosaic, Provenance
from dashboard.products.mosaic_fits import mosaic_from_hdulist
from dashboard.products.spectrum import SpectrumSet
from dashboard.products.spectrum_fits import spectra_from_products

CHANNEL_KEV = 0.5
"""Width of JEM-X's channels, at most, below 35 keV."""


@dataclass(frozen=True, eq=False)
class DataProduct:
    """One product of an answer.

    Attributes
    ----------
    name
        As sent, may be "".
    meta
        What the dispatcher says of it: `product`, `src_name`, `time_bin` (days), ...
    hdulist
        Its FITS form, beginning with a primary HDU.
    """

    name: str
    meta: Mapping[str, Any]
    hdulist: fits.HDUList


@dataclass(frozen=True, eq=False)
class Answer:
    """Everything a batch came back with.

    Attributes
    ----------
    products
        In the order sent.
    mosaics, spectra, light_curves
        Those of an image, spectrum or light-curve query, with provenance; else empty.
    catalog
        Sources above the detection threshold; empty when none is sent.
    job_id, session_id
        The job at the dispatcher.
    comment, warning
        Remarks of the dispatcher for the user, "" for none.
    n_bytes
        Size of the answer as received.
    """

    products: tuple[DataProduct, ...]
    mosaics: tuple[Mosaic, ...]
    catalog: SourceCatalog
    spectra: SpectrumSet = field(default_factory=SpectrumSet)
    light_curves: LightCurveSet = field(default_factory=LightCurveSet)
    job_id: str = ""
    session_id: str = ""
    comment: str = ""
    warning: str = ""
    n_bytes: int = 0


def decode_products(document: Mapping[str, Any]) -> tuple[DataProduct, ...]:
    """All products of arrays in an answer: images, spectra, responses, light curves.

    Raises
    ------
    UnsafePayload
        When a product holds anything but arrays.
    MalformedAnswer
        When a product lacks one of its parts.
    """
    try:
        return tuple(_product(entry) for entry in document["products"].get("numpy_data_product_list", ()))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        reason = type(error).__name__
    raise MalformedAnswer(f"A product in the answer of the dispatcher is incomplete ({reason}): retry the batch.")


def _product(entry: Mapping[str, Any]) -> DataProduct:
    meta = entry.get("meta_data") or {}
    hdus = [hdu_from_unit(unit) for unit in entry["data_unit_list"]]
    if not hdus or not isinstance(hdus[0], fits.PrimaryHDU):
        hdus.insert(0, fits.PrimaryHDU())
    meta = json.loads(redact(meta if isinstance(meta, str) else json.dumps(meta)))
    return DataProduct(str(entry.get("name") or "").strip(), {**meta}, fits.HDUList(hdus))


def decode_answer(document: Mapping[str, Any], batch: Batch, host: Host, *, token: str = "", n_bytes: int = 0) -> Answer:
    """Turn the document of a `done` job into products.

    Raises
    ------
    EmptyProduct
        For the dispatcher's placeholder: an all-zero image.
    JobMixedUp
        When it is the product of another job.
    UnsafePayload, MalformedAnswer, ProductError
        When there is no product, or it is not what it should be.
    """
    refuse_another(document, batch, host.name)
    products = decode_products(document)
    sent = document["products"].get("catalog")
    catalog = catalog_from_api(sent) if isinstance(sent, Mapping) else SourceCatalog()
    monitor, status = document["job_monitor"], document["exit_status"]
    job_id = str(monitor.get("job_id") or "")
    query = str(batch.parameters.get("product_type", "")).rpartition("_")[2]
    if not products and query != "image":
        raise EmptyProduct(f"Job {job_id} on {host.name} ended without a result: no source of its catalogue was in its science windows.")
    if not products:
        raise MalformedAnswer(f"Job {job_id} on {host.name} is done, but its answer holds no product: retry the batch.")
    provenance = _provenance(batch, host, job_id)
    instrument = instrument_of(batch.parameters)
    parts = [(product.meta, product.hdulist) for product in products]
    return Answer(
        products=products,
        mosaics=_mosaics(products, batch, host, job_id) if query == "image" else (),
        spectra=spectra_from_products(parts, instrument, provenance) if query == "spectrum" else SpectrumSet(),
        light_curves=light_curves_from_products(parts, instrument, _band(batch), provenance) if query == "lc" else LightCurveSet(),
        catalog=catalog,
        job_id=job_id,
        session_id=str(monitor.get("session_id") or ""),
        comment=plain(status.get("comment"), token),
        warning=plain(status.get("warning"), token),
        n_bytes=n_bytes,
    )


def instrument_of(parameters: Mapping[str, Any]) -> str:
    """The instrument of a query, "isgri", "jemx1" or "jemx2", from its parameters."""
    name = str(parameters.get("instrument", ""))
    return f"jemx{parameters.get('jemx_num', 2)}" if name == "jemx" else name


def _band(batch: Batch) -> tuple[float, float] | None:
    edges = [batch.parameters.get(name) for name in ("E1_keV", "E2_keV")]
    return None if None in edges else (float(edges[0]), float(edges[1]))  # type: ignore[arg-type]


def _mosaics(products: tuple[DataProduct, ...], batch: Batch, host: Host, job_id: str) -> tuple[Mosaic, ...]:
    images = [product for product in products if any(hdu.is_image and hdu.data is not None for hdu in product.hdulist)]
    if not any(np.any(hdu.data) for product in images for hdu in product.hdulist if hdu.is_image and hdu.data is not None):
        raise EmptyProduct(f"Job {job_id} on {host.name} ended without a result: nothing could be imaged in its science windows.")
    asked, found = _provenance(batch, host, job_id), [mosaic_from_hdulist(product.hdulist) for product in images]
    return tuple(
        dataclasses.replace(
            mosaic,
            band=_nominal(mosaic.band, _band(batch)),
            provenance=dataclasses.replace(asked, origin=asked.origin or mosaic.provenance.origin, seed=mosaic.provenance.seed),
        )
        for mosaic in found
    )


def _nominal(found: tuple[float, float] | None, asked: tuple[float, float] | None) -> tuple[float, float] | None:
    """The band asked, where a header gives the edges of the channels it fell into: those of JEM-X change with the years."""
    if found is None or asked is None or max(abs(f - a) for f, a in zip(found, asked, strict=True)) > CHANNEL_KEV:
        return found
    return asked


def _provenance(batch: Batch, host: Host, job_id: str) -> Provenance:
    """What the query says of its products; the origin is left to the products of an observatory that is none of ours."""
    return Provenance(
        origin="SIMULATED" if host.simulated else "",
        host=host.name,
        osa_version=str(batch.parameters.get("osa_version", "")),
        data_version="NRT" if any(scw.endswith(".000") for scw in batch.scw) else "CONS",
        job_ids=(job_id,),
        scw=batch.scw,
    )
