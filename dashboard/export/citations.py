"""What a publication with these data says and cites."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

ACKNOWLEDGEMENT: Final = (
    "Based on observations with INTEGRAL, an ESA project with instruments and science data centre funded by ESA member states "
    "(especially the PI countries: Denmark, France, Germany, Italy, Switzerland, Spain), and with the participation of the Russian "
    "Federation and the USA."
)
SIMULATED: Final = "These are simulated data: they show how the dashboard works and are nothing to publish or to cite."
_ALWAYS: Final = {
    "INTEGRAL": "Winkler et al. 2003, A&A 411, L1",
    "the science data centre and OSA": "Courvoisier et al. 2003, A&A 411, L53",
    "MMODA": "Neronov et al. 2021, A&A 651, A97",
}
_INSTRUMENT: Final = {
    "isgri": {
        "IBIS": "Ubertini et al. 2003, A&A 411, L131",
        "ISGRI": "Lebrun et al. 2003, A&A 411, L141",
        "the analysis of IBIS": "Goldwurm et al. 2003, A&A 411, L223",
    },
    "jemx": {"JEM-X": "Lund et al. 2003, A&A 411, L231"},
}


def citations(instruments: Collection[str]) -> dict[str, str]:
    """What each is to be cited as, for data of these instruments ("isgri", "jemx1", "jemx2")."""
    used = {name.rstrip("12") for name in instruments}
    return {**_ALWAYS, **{what: where for name in sorted(used) for what, where in _INSTRUMENT.get(name, {}).items()}}
