"""Parameters of the mosaic service."""

from __future__ import annotations

import param


class MosaicParameters(param.Parameterized):
    """How many science windows enter the image, and which catalogue names its sources."""

    n_scw_image = param.Number(
        -1,
        metadata={"unit": "ScW"},
        doc="Science windows in the image: -1 or less takes all, between -1 and 0 that fraction, a whole number from 1 "
        "that many (at most all). They are picked at random, spread evenly in time. Leave it at -1 for mosaics.",
    )
    isdc_cat_url = param.String(
        "",
        metadata={"unit": "path"},
        doc="FITS file of a reference catalogue (columns NAME, RA_OBJ, DEC_OBJ). Empty: the catalogue that ships with the dashboard. "
        "The service description also allows a URL; here it must be a file.",
    )
    include_new_sources = param.Boolean(True, doc="Show sources of the image that are not in the reference catalogue, named NEW_nn.")
