"""Parameters of the mosaic service."""

from __future__ import annotations

import param


class MosaicParameters(param.Parameterized):
    """Which catalogue names the sources of the image."""

    isdc_cat_url = param.String(
        "",
        metadata={"unit": "path or address"},
        doc="FITS file of a reference catalogue (columns NAME, RA_OBJ, DEC_OBJ): a path, on the command line and in notebooks, or an "
        "http(s) address of a host that the administrator lists. Empty: the catalogue that ships with the dashboard.",
    )
    include_new_sources = param.Boolean(
        True, doc="Show sources of the image that are not in the reference catalogue, named NEW_nn, and take them into its catalogue."
    )
