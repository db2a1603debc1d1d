"""What a product was made of, as JSON: enough to ask for it again and to see what is missing."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dashboard.products.catalog import SourceTable
from dashboard.products.mosaic import Mosaic, Provenance

NAME = "provenance.json"
SOFTWARE = ("integral-dashboard", "oda-api", "astropy", "numpy", "scipy", "numba")


def provenance(
    origin: Provenance,
    product: Mapping[str, Any],
    request: Mapping[str, Any],
    target: Mapping[str, Any],
    archive: Mapping[str, str],
    batches: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """The document that goes with an export.

    Parameters
    ----------
    origin
        Of the product.
    product
        What it is and how it was made, see `mosaic_facts`.
    request
        The request as its JSON has it.
    target
        Name, position and the resolver that gave it.
    archive
        Who listed the science windows, see `Plan.archive`.
    batches
        One mapping a batch: id, state, science windows, job, reason of a failure.
    """
    return {
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "simulated": origin.simulated,
        "origin": origin.origin,
        "seed": origin.seed,
        "host": origin.host,
        "osa_version": origin.osa_version,
        "data_version": origin.data_version,
        "request": dict(request),
        "target": dict(target),
        "archive": dict(archive),
        "product": dict(product),
        "batches_used": origin.batches_used,
        "batches_asked": origin.batches_asked,
        "scw_used": list(origin.scw),
        "batches": [dict(batch) for batch in batches],
        "software": {"python": platform.python_version(), **{name: version(name) for name in SOFTWARE}},
    }


def mosaic_facts(mosaic: Mosaic, table: SourceTable) -> dict[str, Any]:
    """What a mosaic is, and how its sources were found."""
    return {
        "kind": "mosaic",
        "instrument": mosaic.instrument,
        "band_keV": list(mosaic.band) if mosaic.band else None,
        "unit": mosaic.unit,
        "ontime_s": mosaic.ontime,
        "weights": "inverse variance",
        "sky_width": table.sky_width,
        "psf_sigma_pixel": table.psf_sigma,
        "detection_threshold": table.threshold,
        "negative_peaks": table.negative_peaks,
        "notes": list(table.notes),
    }


def write_provenance(folder: Path, document: Mapping[str, Any]) -> Path:
    """Write the document as provenance.json."""
    path = folder / NAME
    path.write_text(json.dumps(_finite(document), indent=1, allow_nan=False) + "\n")
    return path


def _finite(value: Any) -> Any:
    """JSON has no NaN: null says "not known"."""
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
