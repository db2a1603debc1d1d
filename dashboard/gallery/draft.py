"""Exactly what would be published of one product of a run.

The gallery takes a form and files (`POST post_product_to_gallery`). Names of the fields are those of MMODA's client
(oda_api 1.3.5, gallery_api.py) and of MMODA's own notebooks; whatever else is sent becomes a field of the gallery's page
and is refused when that has no such field (dispatcher-app, drupal_helper.py). Hence nothing is sent but what stands here.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from astropy.time import Time

from dashboard import __version__
from dashboard.errors import ProductError, RequestError
from dashboard.plan.job import Job
from dashboard.plan.plan import Plan, exposure_text
from dashboard.products.mosaic import Provenance
from dashboard.request.coordinates import read_coordinates
from dashboard.request.times import IJD_0_MJD, TimePoint

TYPES: Final = {"mosaic": "image", "spectrum": "spectrum", "lightcurve": "lc"}
"""The gallery's word for a product of ours, after the instrument and "_"."""
WORDS: Final = {"mosaic": "image", "spectrum": "spectrum", "lightcurve": "light curve"}
_LONG: Final = frozenset({"additional_information", "detected_sources"})


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file to be published.

    Attributes
    ----------
    part
        Of the form: "img" for the picture, "fits_file_0", "fits_file_1", ... for all others.
    path
        Where it is; its name becomes the name in the gallery.
    """

    part: str
    path: Path


@dataclass(frozen=True, slots=True)
class Contents:
    """What is told of a product, whatever its kind.

    Attributes
    ----------
    sources
        Name, RA and Dec (degrees, FK5) of each source that the product is found under.
    ra, dec
        Degrees, FK5: of the product as a whole.
    band
        keV.
    tstart, tstop
        IJD (TT).
    exposure
        Effective seconds, NaN when unknown.
    origin
        Where the product comes from.
    grid
        What tells spectra of one source apart, "" otherwise.
    fields
        Further fields of the form.
    """

    sources: tuple[tuple[str, float, float], ...]
    ra: float
    dec: float
    band: tuple[float, float]
    tstart: float
    tstop: float
    exposure: float
    origin: Provenance
    grid: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Draft:
    """A product as it would be published.

    Attributes
    ----------
    run_id, job
        What it is of; `job` is the number in the plan.
    sum_version
        Version of the run's sum it was made from.
    host
        Whose gallery.
    source
        The one source it is of, "" for an image.
    fields
        The form, but for the token.
    files
        In the order in which they are sent.
    facts
        Lines for who looks at it; all they say is in the form or the files too.
    """

    run_id: str
    job: int
    sum_version: int
    host: str
    source: str
    fields: Mapping[str, str]
    files: tuple[Attachment, ...]
    facts: tuple[str, ...]

    @property
    def title(self) -> str:
        """As it will stand in the gallery."""
        return self.fields["product_title"]

    @property
    def product_id(self) -> str:
        """By which the gallery knows it: a second upload under the same id updates the first."""
        return self.fields["product_id"]

    @property
    def n_bytes(self) -> int:
        """Size of all files."""
        return sum(file.path.stat().st_size for file in self.files)

    def preview(self) -> tuple[str, ...]:
        """All that would be published, as lines of text; long fields in full, each line of theirs after a bar."""
        lines = [self.title, *(f"  {fact}" for fact in self.facts), f"  fields sent to the gallery of {self.host}:"]
        lines += [f"    {name} = {value}" for name, value in self.fields.items() if name not in _LONG]
        for name in sorted(_LONG & self.fields.keys()):
            lines += [f"    {name}:", *(f"      | {line}" for line in self.fields[name].splitlines())]
        lines.append(f"  files, {self.n_bytes / 1e6:.2f} MB:")
        lines += [f"    {file.part}: {file.path.name}, {file.path.stat().st_size / 1e3:.1f} kB" for file in self.files]
        return tuple(lines)


def product_id(run_id: str, job: Job, source: str, grid: str = "") -> str:
    """16 hex digits. They stay when the run grows, and are no other run's: nobody's product is overwritten by an equal request."""
    content = json.dumps([run_id, job.instrument, job.product, job.band, source, grid])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def refuse_simulated(plan: Plan, origin: Provenance) -> None:
    """Raise RequestError for what is no observation of the sky."""
    if plan.simulated or origin.simulated:
        raise RequestError(
            "This is simulated and never goes to the gallery: run the request on another host_type to publish its result.", "host_type"
        )


def form(plan: Plan, run_id: str, number: int, contents: Contents) -> dict[str, str]:
    """The fields of one product, in the order of the preview.

    Raises
    ------
    RequestError
        For simulated products, or a source the gallery cannot be told.
    ProductError
        When neither the product nor the plan says when it was observed.
    """
    refuse_simulated(plan, contents.origin)
    job, request = plan.jobs[number], plan.request
    if any("," in name for name, _, _ in contents.sources):
        raise RequestError("A name with a comma in it would be taken for two sources by the gallery: publish it under another name.")
    source = contents.sources[0][0] if job.product != "mosaic" else ""
    band = f" {job.band[0]:g}-{job.band[1]:g} keV" if job.band else ""
    nrt = " (NRT)" if request.get("data_version") == "NRT" else ""
    begin, end = span(plan, job, contents)
    fields = {
        "content_type": "data_product",
        "product_title": f"{source or plan.target.name} {job.instrument} {WORDS[job.product]}{band}{nrt}",
        "product_type": f"{job.instrument}_{TYPES[job.product]}",
        "instrument": job.instrument,
        "product_id": product_id(run_id, job, source, contents.grid),
    }
    if contents.sources:
        fields["src_name"] = ",".join(name for name, _, _ in contents.sources)
        fields["source_coord_list"] = json.dumps(
            [{"source_ra": round(ra, 5), "source_dec": round(dec, 5)} for _, ra, dec in contents.sources]
        )
        fields["insert_new_source"] = "True"
    fields |= {
        "RA": f"{contents.ra:.5f}",
        "DEC": f"{contents.dec:.5f}",
        "e1_kev": f"{contents.band[0]:g}",
        "e2_kev": f"{contents.band[1]:g}",
        "T1": utc(begin),
        "T2": utc(end),
        **contents.fields,
        "additional_information": _additional(plan, job, contents, (begin, end)),
    }
    return fields


def facts_of(plan: Plan, job: Job, contents: Contents) -> tuple[str, ...]:
    """What an astronomer wants to see before anything is published."""
    begin, end = span(plan, job, contents)
    origin = contents.origin
    exposure = f", {exposure_text(contents.exposure)} effective" if math.isfinite(contents.exposure) else ""
    missing = origin.batches_asked - origin.batches_used
    band = f"{contents.band[0]:g}-{contents.band[1]:g} keV"
    return (
        f"{job.instrument} {WORDS[job.product]}, {band}, {origin.osa_version}, {origin.data_version}",
        f"observed {utc(begin)} to {utc(end)} UTC (MJD {begin + IJD_0_MJD:.5f} to {end + IJD_0_MJD:.5f} TT)",
        f"{len(origin.scw)} ScW{exposure}, {origin.batches_used} of {origin.batches_asked} batches"
        + (f": {missing} {'is' if missing == 1 else 'are'} missing" if missing > 0 else ""),
    )


def span(plan: Plan, job: Job, contents: Contents) -> tuple[float, float]:
    """IJD (TT) of begin and end: the product's own, else that of its science windows.

    Raises
    ------
    ProductError
        When nothing says it.
    """
    if math.isfinite(contents.tstart) and math.isfinite(contents.tstop):
        return contents.tstart, contents.tstop
    used = {scw[:12] for scw in contents.origin.scw}
    windows = plan.pointings_of(job)
    rows = [i for i, swid in enumerate(windows.swid) if swid in used]
    begin, end = (float(min(windows.tstart[rows], default=math.nan)), float(max(windows.tstop[rows], default=math.nan)))
    if not (math.isfinite(begin) and math.isfinite(end)):
        raise ProductError(f"It is not known when the {WORDS[job.product]} was observed: export the run and see its science windows.")
    return begin, end


def utc(ijd: float) -> str:
    """The nearest second, as the gallery takes it: no fraction, no zone."""
    moment = Time(TimePoint("ijd", ijd).time.utc, precision=0)
    return str(moment.isot)


def named_target(plan: Plan) -> bool:
    """Whether the target has a name of its own, and not one made from its position."""
    written = str(plan.request.get("src_name", "")).strip()
    return bool(written) and read_coordinates(written) is None


def published_request(request: Mapping[str, Any]) -> dict[str, Any]:
    """The request without the folders of whoever asked: of files their names alone."""
    shown = dict(request)
    for name in ("api_catalog_file", "isdc_cat_url"):
        value = shown.get(name)
        if isinstance(value, str) and not value.lstrip().startswith(("{", "[", "http://", "https://")):
            shown[name] = Path(value).name
    return shown


def _additional(plan: Plan, job: Job, contents: Contents, times: Sequence[float]) -> str:
    """The parameters as MMODA's notebooks write them, then what the gallery has no field for."""
    origin = contents.origin
    product = {
        "made_with": f"integral-dashboard {__version__}",
        "osa_version": origin.osa_version,
        "data_version": origin.data_version,
        "mjd_tt": [round(time + IJD_0_MJD, 6) for time in times],
        "n_scw": len(origin.scw),
        "exposure_s": round(contents.exposure, 1) if math.isfinite(contents.exposure) else None,
        "batches_used": origin.batches_used,
        "batches_asked": origin.batches_asked,
        "science_windows": " ".join(origin.scw),
    }
    label = {"instrument": job.instrument, "product": job.product, "band_keV": list(job.band) if job.band else None}
    return f"parameters = {json.dumps(published_request(plan.request), indent=4)}\nproduct = {json.dumps(label | product, indent=4)}"
