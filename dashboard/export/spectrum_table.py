"""A spectrum as a table: channels with their energies, rates and errors."""

from __future__ import annotations

import astropy.units as u
import numpy as np
from astropy.table import Table

from dashboard.products.origin_cards import known_cards, origin_cards
from dashboard.products.spectrum import Spectrum


def spectrum_table(spectrum: Spectrum) -> Table:
    """One row a channel, as the spectrum came: nothing is grouped, no systematic error is in `stat_err`.

    The response is not in it: it stays with the spectrum, and in the OGIP files.
    """
    grid, rate = spectrum.redistribution, u.count / u.s
    table = Table(
        {
            "channel": grid.first_channel + np.arange(grid.n_channels),
            "e_min": grid.e_min * u.keV,
            "e_max": grid.e_max * u.keV,
            "rate": spectrum.rate * rate,
            "stat_err": spectrum.stat_err * rate,
            "sys_err": spectrum.sys_err,
            "quality": spectrum.quality,
        }
    )
    table.meta |= {"source": spectrum.source, "instrument": spectrum.instrument, "ra_deg": spectrum.ra, "dec_deg": spectrum.dec}
    table.meta |= {"exposure_s": spectrum.exposure, "tstart_ijd": spectrum.tstart, "tstop_ijd": spectrum.tstop}
    table.meta |= {key.lower(): value for key, (value, _) in known_cards(origin_cards(spectrum.provenance))}
    return table
