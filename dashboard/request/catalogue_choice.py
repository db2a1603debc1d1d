"""Which catalogue spectra and light curves are extracted with.

| use_default_catalog | make_image | api_catalog_file | taken |
|---|---|---|---|
| on | off | no | MMODA's default catalogue |
| off | on | no | the sources of an image |
| off | off | yes | the catalogue given |
| anything else | | | refused |

Other clients fall back silently where two are asked or none: the default wins over an image and over a file, an image over a
file, and an image is made when a file is missing. A wrong model of the sky shows only after hours of computing, so here the user
decides. That holds for a file beside use_default_catalog too, though the switch may be on only because it is so by default.
"""

from __future__ import annotations

from typing import Literal

from dashboard.errors import RequestError

CatalogueChoice = Literal["default", "image", "file"]


def choose(use_default_catalog: bool, make_image: bool, api_catalog_file: str) -> CatalogueChoice:
    """The row of the table above; RequestError, naming the parameters to change, unless exactly one is asked."""
    given = bool(api_catalog_file.strip())
    match (use_default_catalog, make_image, given):
        case (True, False, False):
            return "default"
        case (False, True, False):
            return "image"
        case (False, False, True):
            return "file"
        case (False, False, False):
            raise RequestError(
                "No catalogue is chosen: set use_default_catalog or make_image to true, or give one in api_catalog_file.",
                "use_default_catalog",
            )
        case (True, True, False):
            raise RequestError(
                "use_default_catalog and make_image are both on: set use_default_catalog to false to take the image's sources, "
                "or make_image to false to take the default catalogue.",
                "make_image",
            )
    others = " and ".join(name for name, on in (("use_default_catalog", use_default_catalog), ("make_image", make_image)) if on)
    raise RequestError(
        f"api_catalog_file gives a catalogue while {others} asks for another: switch {others} off to take the file, or leave it out.",
        "api_catalog_file",
    )
