"""Parameters of the catalogue from which spectra and light curves are extracted."""

from __future__ import annotations

import param


class CatalogueParameters(param.Parameterized):
    """Where the list of sources comes from that spectra and light curves are extracted for.

    The list is the model of the sky: a bright source missing from it biases all others, and too many weak ones widen the errors.
    Which of the first, second and fourth is taken: `dashboard.request.catalogue_choice`.
    """

    use_default_catalog = param.Boolean(
        True, doc="Take MMODA's default catalogue, clipped to the field of view, and add the target to it when it is not there."
    )
    make_image = param.Boolean(
        False, doc="Make an image first and take its sources above detection_threshold; for that use_default_catalog must be off."
    )
    n_scw_image = param.Number(
        -1,
        metadata={"unit": "ScW"},
        doc="Science windows in the image: -1 or less takes all, between -1 and 0 that fraction, a whole number from 1 "
        "that many (at most all). They are picked at random, spread evenly in time. Leave it at -1 for mosaics.",
    )
    api_catalog_file = param.String(
        "",
        metadata={"unit": "JSON"},
        doc="A catalogue of your own in the API's JSON: the text itself, or, on the command line and in notebooks, the path of a "
        "file that holds it.",
    )
    review_catalog = param.Boolean(
        False, doc="Stop when the image's catalogue is there, to be looked at and edited, before spectra and light curves are asked."
    )
