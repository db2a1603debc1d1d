"""What a product was made of, as JSON: enough to ask for it again and to see what is missing."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from dashboard.products.catalog import SourceTable
from dashboard.products.mosaic import Mosaic

SOFTWARE = ("integral-dashboard", "oda-api", "astropy", "numpy", "scipy", "numba")


def provenance(
    mosaic: Mosaic,
    table: SourceTable,
    request: Mapping[str, Any],
    target: Mapping[str, Any],
    batches: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """The document that goes with an export.

    Parameters
    ----------
    request
        The request as its JSON has it.
    target
        Name, position and the resolver that gave it.
    batches
        One mapping a batch: id, state, science windows, job, reason of a failure.
    """
    origin = mosaic.provenance
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
        "product": {
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
        },
        "batches_used": origin.batches_used,
        "batches_asked": origin.batches_asked,
        "scw_used": list(origin.scw),
        "batches": [dict(batch) for batch in batches],
        "software": {"python": platform.python_version(), **{name: version(name) for name in SOFTWARE}},
    }
