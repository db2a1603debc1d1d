"""Parameters of the light-curve service."""

from __future__ import annotations

import param

LONGEST_BIN = 20000.0  # s, the dispatcher takes no more


class LightCurveParameters(param.Parameterized):
    """How light curves are binned."""

    lc_time_bin = param.Number(
        1000.0,
        bounds=(0.0, LONGEST_BIN),
        inclusive_bounds=(False, True),
        metadata={"unit": "s"},
        doc="Width of a time bin, at most 20000 s and best not under 20 s. Longer than a science window: ISGRI gives one point "
        "each, JEM-X merges science windows.",
    )
