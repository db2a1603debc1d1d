"""A finished job's answer as products."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.io import fits

from dashboard.dispatcher.data_unit import hdu_from_unit
from dashboard.dispatcher.failure import plain
from dashboard.dispatcher.token import redact
from dashboard.errors import EmptyProduct, MalformedAnswer
from dashboard.plan.batch import Batch
from dashboard.products.catalog import SourceCatalog
from dashboard.products.catalog_api import catalog_from_api
from dashboard.products.mosaic import Mosaic
from dashboard.products.mosaic_fits import mosaic_from_hdulist
from dashboard.settings import Host


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
    mosaics
        Those of an image query, with provenance; else empty.
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
    UnsafePayload, MalformedAnswer, ProductError
        When there is no product, or it is not what it should be.
    """
    products = decode_products(document)
    sent = document["products"].get("catalog")
    catalog = catalog_from_api(sent) if isinstance(sent, Mapping) else SourceCatalog()
    monitor, status = document["job_monitor"], document["exit_status"]
    job_id = str(monitor.get("job_id") or "")
    if not products:
        raise MalformedAnswer(f"Job {job_id} on {host.name} is done, but its answer holds no product: retry the batch.")
    mosaics = _mosaics(products, batch, host, job_id) if str(batch.parameters.get("product_type", "")).endswith("_image") else ()
    return Answer(
        products=products,
        mosaics=mosaics,
        catalog=catalog,
        job_id=job_id,
        session_id=str(monitor.get("session_id") or ""),
        comment=plain(status.get("comment"), token),
        warning=plain(status.get("warning"), token),
        n_bytes=n_bytes,
    )


def _mosaics(products: tuple[DataProduct, ...], batch: Batch, host: Host, job_id: str) -> tuple[Mosaic, ...]:
    images = [product for product in products if any(hdu.is_image and hdu.data is not None for hdu in product.hdulist)]
    if not any(np.any(hdu.data) for product in images for hdu in product.hdulist if hdu.is_image and hdu.data is not None):
        raise EmptyProduct(f"Job {job_id} on {host.name} ended without a result: nothing could be imaged in its science windows.")
    return tuple(_with_provenance(mosaic_from_hdulist(product.hdulist), batch, host, job_id) for product in images)


def _with_provenance(mosaic: Mosaic, batch: Batch, host: Host, job_id: str) -> Mosaic:
    provenance = dataclasses.replace(
        mosaic.provenance,
        origin="SIMULATED" if host.simulated else mosaic.provenance.origin,
        host=host.name,
        osa_version=str(batch.parameters.get("osa_version", "")),
        data_version="NRT" if any(scw.endswith(".000") for scw in batch.scw) else "CONS",
        job_ids=(job_id,),
        scw=batch.scw,
        batches_used=1,
        batches_asked=1,
    )
    return dataclasses.replace(mosaic, provenance=provenance)
