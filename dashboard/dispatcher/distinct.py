"""Jobs that a dispatcher cannot tell apart are made different, and a product that belongs to another job is refused.

The id of a job does not depend on the order of the characters in a value (`dashboard.dispatcher.job_identity`): a batch of
revolution 0665 and one of the same pointings of 0656, or the bands 35-60 and 53-60 keV of one batch, would be one job, and the
second would be answered with the product of the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any, Final

from astropy.time import Time

from dashboard.errors import JobMixedUp
from dashboard.plan.batch import Batch

MJD_OF_IJD: Final = 51544.0
COMPARED: Final = ("instrument", "product_type")
"""Besides the science windows. Numbers are not compared: a dispatcher may round them to what its instrument can do."""


def sent_parameters(batch: Batch) -> Mapping[str, Any]:
    """What is sent for a batch: its parameters, and T1, T2, which change nothing beside a list of science windows.

    They are the time of the batch to the second; the milliseconds are drawn from its identity, so that two batches whose values have the
    same characters differ. A batch that brings T1 itself, or whose time is not known, is sent as it is.
    """
    if "T1" in batch.parameters or not (isfinite(batch.tstart) and isfinite(batch.tstop)):
        return batch.parameters
    marks = (int(batch.batch_id[:6], 16) % 1000, int(batch.batch_id[6:12], 16) % 1000)
    edges = (str(Time(MJD_OF_IJD, ijd, format="mjd", scale="tt").utc.isot)[:19] for ijd in (batch.tstart, batch.tstop))
    t1, t2 = (f"{edge}.{mark:03d}" for edge, mark in zip(edges, marks, strict=True))
    return {**batch.parameters, "T1": t1, "T2": t2, "T_format": "isot"}


def refuse_another(document: Mapping[str, Any], batch: Batch, host: str) -> None:
    """Raise when the product that came is that of other parameters, as far as the answer tells.

    Raises
    ------
    JobMixedUp
        With what differs.
    """
    told = document["products"].get("analysis_parameters")
    if not isinstance(told, Mapping):
        return
    scw = told.get("scw_list")
    came = scw.replace(",", " ").split() if isinstance(scw, str) else scw
    differing = ["scw_list"] if isinstance(came, list) and came and sorted(map(str, came)) != sorted(batch.scw) else []
    differing += [name for name in COMPARED if name in told and name in batch.parameters and told[name] != batch.parameters[name]]
    if differing:
        raise JobMixedUp(
            f"{host} answered with the product of another job ({', '.join(differing)} differ): it was not used. "
            "Ask for these science windows with another s_max, and report it."
        )
