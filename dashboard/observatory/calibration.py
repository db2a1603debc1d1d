"""What a count of ISGRI means under different versions of OSA.

In 2016 the Crab had 136.3, 37.3 and 32.8 cts/s in 20-40, 40-60 and 60-100 keV with OSA10.2, and 209.8, 76.3 and 52.6 with OSA11
(integral-isgri-rate-meaning, 2016). Rates of OSA11 are the observatory's own; those of OSA10 follow by a smooth factor on the
effective area that has these ratios for the Crab's spectrum:

    f(E) = 0.714 - 0.2422 exp(-(ln(E / 48.18 keV) / 0.3)^2 / 2).

The width 0.3 is chosen, the other three follow from the ratios; outside 20-100 keV nothing is known and f is near 0.714. The factor
is a unit and loses no photons: noise follows it, so that significances stay.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
OSA11: Final = "OSA11.2"


def factor(energy: Array, osa_version: str) -> Array:
    """Rate in the unit of that version over the rate in OSA11's, at energies in keV."""
    if not osa_version.startswith("OSA10"):
        return np.ones_like(energy)
    return 0.714 - 0.2422 * np.exp(-0.5 * (np.log(energy / 48.18) / 0.3) ** 2)
