"""Perceptual colour maps for pictures of palette indices.

Equal steps of the index are equal steps of lightness, so that no contour is seen where the sky has none (Kovesi 2015,
arXiv:1509.03700). The diverging one goes from blue over dark to yellow: both ends stand out from the page's dark
background, and red-green blindness leaves them apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import colorcet
from bokeh.palettes import Cividis256, Greys256, Inferno256, Magma256, Viridis256

BACKGROUND = "#101318"
"""Colour of pixels without a value, and of the page around the map."""

COLOURS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        name: (BACKGROUND, *entries[1:])
        for name, entries in {
            "inferno": Inferno256,
            "viridis": Viridis256,
            "magma": Magma256,
            "cividis": Cividis256,
            "greys": Greys256,
            "diverging": colorcet.palette["bky"],
        }.items()
    }
)
"""256 colours a name: the background, and one for each palette index from 1 to 255; "diverging" is darkest at 128."""
