"""Parameters of the spectrum service."""

from __future__ import annotations

from typing import Any

import param

GROUPING_RANGE = (12.5, 1030.0)  # keV, ISGRI's channels in OSA11
MOST_BINS = 256  # ISGRI's channels: more bins than these cannot be filled


class SpectrumParameters(param.Parameterized):
    """How spectra are added up and grouped. None of this changes what is asked of the dispatcher."""

    isgri_grouping_min_energy = param.Number(
        0.0,
        bounds=(0.0, GROUPING_RANGE[1]),
        metadata={"unit": "keV"},
        doc="Lower energy of ISGRI's grouping, from 12.5 on; 0, with the other two 0, for no grouping.",
    )
    isgri_grouping_max_energy = param.Number(
        0.0,
        bounds=(0.0, GROUPING_RANGE[1]),
        metadata={"unit": "keV"},
        doc="Upper energy of ISGRI's grouping, at most 1030; 0, with the other two 0, for no grouping.",
    )
    isgri_grouping_factor = param.Integer(
        0,
        bounds=(-MOST_BINS, MOST_BINS),
        metadata={"unit": "bins"},
        doc="Number of bins of ISGRI's grouping: negative for bins of equal width in the logarithm, positive for equal width, 0 for the "
        "256 channels as they are. JEM-X has 16 bins, equal in the logarithm, always.",
    )
    spectrum_weighting: Any = param.Selector(
        objects=["exposure", "inverse variance"],
        default="exposure",
        doc="Weight of a batch in a summed spectrum, one number for rates and response alike.",
    )
    systematic_fraction = param.Number(
        None,
        allow_None=True,
        bounds=(0.0, 1.0),
        doc="Systematic error as a fraction of the rate, added once to spectra and light curves: 0.05 for JEM-X, 0.0015 for ISGRI when "
        "not given. 0.0015 is 0.15 %; OSA's manual: about 1 %.",
    )
