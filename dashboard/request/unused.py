"""Parameters that were set and change nothing in what is asked: said, because the user meant something by them."""

from __future__ import annotations

from collections.abc import Iterator

from dashboard.request.request import Request

_GROUPING = ("isgri_grouping_min_energy", "isgri_grouping_max_energy", "isgri_grouping_factor")
_CATALOGUE = ("use_default_catalog", "make_image", "api_catalog_file", "review_catalog")
_IMAGE = ("n_scw_image", "isdc_cat_url", "include_new_sources", "detection_threshold")


def unused(request: Request) -> Iterator[str]:
    """A sentence for each group of parameters that are not at their defaults and have no effect."""
    jemx = any(name.startswith("jemx") for name in request.instruments)
    isgri_spectrum = "isgri" in request.instruments and "spectrum" in request.products
    review = request.extracted and not request.make_image
    selected = {"": "", "scw_list": "scw_list selects"}.get(request.selected_by, f"{request.selected_by} select")
    groups = (
        (("T1", "T2"), f"{selected} the science windows" if selected else ""),
        (("radius",), "scw_list selects the science windows" if request.scw_list else ""),
        (("jemx_unit",), "" if jemx else "JEM-X is not asked for"),
        (("E1_keV", "E2_keV", "bands"), "" if request.uses_band else "spectra without an image have all channels"),
        (_IMAGE, "" if request.makes_image else "no image is made"),
        (_CATALOGUE, "" if request.extracted else "mosaics are made without a catalogue of sources to extract"),
        (("review_catalog",), "no image is made for a catalogue" if review else ""),
        (_GROUPING, "" if isgri_spectrum else "no ISGRI spectrum is asked for"),
        (("spectrum_weighting",), "" if "spectrum" in request.products else "no spectrum is asked for"),
        (("systematic_fraction",), "" if request.extracted else "neither spectrum nor light curve is asked for"),
        (("lc_time_bin",), "" if "lightcurve" in request.products else "no light curve is asked for"),
    )
    for names, reason in groups:
        changed = [name for name in names if getattr(request, name) != request.param[name].default]
        if reason and changed:
            yield f"{', '.join(changed)} {'has' if len(changed) == 1 else 'have'} no effect: {reason}."
