"""Parameters shared by all six workflows, under the names of the service description."""

from __future__ import annotations

from typing import Any

import param

from dashboard.hosts import SIMULATED

DEFAULT_RADIUS = {"isgri": 10.5, "jemx1": 3.5, "jemx2": 3.5}
DEFAULT_BAND = {"isgri": (28.0, 40.0), "jemx1": (3.0, 20.0), "jemx2": (3.0, 20.0)}
DEFAULT_SYSTEMATIC = {"isgri": 0.0015, "jemx1": 0.05, "jemx2": 0.05}
ENERGY_RANGE = {"isgri": (15.0, 800.0), "jemx1": (3.0, 35.0), "jemx2": (3.0, 35.0)}

_ONE_OR_SEVERAL = (str, int, float, list)


class Bands(param.List):  # type: ignore[type-arg]
    """A list of [E1, E2] pairs."""

    def _validate(self, val: object) -> None:
        super()._validate(val)
        for pair in val if isinstance(val, list) else ():
            if len(pair) != 2 or any(isinstance(edge, bool) or not isinstance(edge, int | float) for edge in pair):
                raise ValueError(f"{pair} is no pair [E1, E2] of numbers.")


class GeneralParameters(param.Parameterized):
    """What to look at, when, with which instrument and calibration, and where it is computed.

    The unit of a parameter, where it has one, is `Request.param[name].metadata["unit"]`.
    """

    src_name = param.String(
        "Crab",
        doc="Name of the target. It is looked up when no position is given, and found again in the source table. Coordinates may stand "
        "for it: 05 34 31.9 +22 00 52, 83.633 22.014 (degrees), l=184.56 b=-5.78.",
    )
    T1 = param.ClassSelector(
        class_=_ONE_OR_SEVERAL,
        default="2009-02-15T00:00:00",
        metadata={"unit": "UTC"},
        doc="Start of the interval: UTC as 2009-02-15T00:00:00, a number (IJD below 10000, else MJD; both TT), or rev:1554. "
        "A list gives several intervals, with a list of equal length in T2.",
    )
    T2 = param.ClassSelector(
        class_=_ONE_OR_SEVERAL,
        default="2009-03-30T00:00:00",
        metadata={"unit": "UTC"},
        doc="End of the interval, written as T1; rev:1554 is the end of that revolution.",
    )
    RA = param.Number(
        0.0,
        bounds=(0.0, 360.0),
        metadata={"unit": "deg"},
        doc="Right ascension of the target, FK5. RA = DEC = 0 means that src_name is looked up, by the dispatcher's resolver, "
        "then by Simbad, then by Sesame.",
    )
    DEC = param.Number(0.0, bounds=(-90.0, 90.0), metadata={"unit": "deg"}, doc="Declination of the target, FK5; see RA.")
    zero_position = param.Boolean(False, doc="RA = DEC = 0 is the position meant, not the request to look src_name up.")
    radius = param.Number(
        None,
        allow_None=True,
        bounds=(0.0, 180.0),
        inclusive_bounds=(False, True),
        metadata={"unit": "deg"},
        doc="Largest angle between telescope axis and target of the science windows. 10.5 for ISGRI, 3.5 for JEM-X when not given.",
    )
    instrument = param.ClassSelector(
        class_=(str, list),
        default="isgri",
        doc='"isgri", "jemx1", "jemx2", or a list of them. "jemx" takes its units from jemx_unit.',
    )
    product = param.ClassSelector(class_=(str, list), default="mosaic", doc='"mosaic", "spectrum", "lightcurve", or a list of them.')
    jemx_unit: Any = param.Selector(objects=[None, 1, 2, "both"], default=None, doc='Unit of JEM-X for instrument "jemx": 1, 2 or "both".')
    osa_version = param.String(
        "OSA11.2",
        doc="Release of the analysis software. OSA11.2 covers the whole mission and is best left unchanged. "
        "OSA10.2 is calibrated up to revolution 1626. Results of different versions are never added.",
    )
    data_version: Any = param.Selector(
        objects=["CONS", "NRT"],
        default="CONS",
        doc="CONS: consolidated data (science windows .001). NRT: near-real-time (.000), for quick looks.",
    )
    integral_data_rights: Any = param.Selector(
        objects=["public", "all-private"],
        default="public",
        doc='"all-private" (the service description misspells it "all-provate") adds data in their proprietary period; it needs a role.',
    )
    s_max = param.Integer(
        50,
        bounds=(1, None),
        softbounds=(1, 500),
        metadata={"unit": "ScW"},
        doc="Most science windows in one job. 50 for unprivileged users; above 50 the dispatcher asks for the role unige-hpc-full, "
        "above 500 for unige-hpc-extreme.",
    )
    host_type = param.String(
        SIMULATED,
        doc="Where it is computed. simulated: the observatory that ships with the dashboard; production and staging: Geneva; "
        "esa: inside ESAC's Datalabs only; or a host that the deployment adds.",
    )
    scw_archive: Any = param.Selector(
        objects=["auto", "timesystem", "isla", "heasarc"],
        default="auto",
        doc="Who lists the science windows. auto: the timesystem of host_type, then ESA's ISLA, then HEASARC, until one answers; the "
        "plan says which one it was. The simulated observatory has a timesystem only.",
    )
    upload_to_gallery = param.Boolean(
        False,
        doc="Allow the result to be published in MMODA's gallery by one click or gallery publish --yes; needs the role gallery "
        "contributor. Nothing is sent by itself.",
    )
    E1_keV = param.Number(
        None,
        allow_None=True,
        softbounds=(3.0, 800.0),
        metadata={"unit": "keV"},
        doc="Lower energy of images and light curves, within 15-800 (ISGRI) or 3-35 (JEM-X), rounded to 0.5. 28 for ISGRI, "
        "3 for JEM-X when not given. Spectra depend on it only through the catalogue image.",
    )
    E2_keV = param.Number(
        None,
        allow_None=True,
        softbounds=(3.0, 800.0),
        metadata={"unit": "keV"},
        doc="Upper energy, as E1_keV. 40 for ISGRI, 20 for JEM-X when not given.",
    )
    bands = Bands(
        [], item_type=(list, tuple), metadata={"unit": "keV"}, doc="Several bands as [[E1, E2], ...], instead of E1_keV and E2_keV."
    )
    detection_threshold = param.Number(
        7.0,
        bounds=(3.0, 100.0),
        metadata={"unit": "sigma"},
        doc="A peak of the mosaic counts as a source above this significance, scaled by the measured width of empty sky.",
    )
    revolutions = param.List([], item_type=int, doc="Revolutions to analyse, instead of T1 and T2.")
    observations = param.List(
        [],
        item_type=str,
        doc="Observations to analyse by their ids of 11 digits, such as 02200120001 (also 0220012/0001), instead of T1 and T2. A part "
        "behind it, /0001 or _0001, is not told apart. HEASARC knows them, ISLA and a timesystem if they have the column.",
    )
    scw_list = param.List(
        [], item_type=str, doc="Science windows to analyse (RRRRPPPPSSS0, with or without version), instead of T1, T2 and radius."
    )
