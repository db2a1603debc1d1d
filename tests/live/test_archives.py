"""The other archives list what Geneva's timesystem lists; asked by `make test-live` alone."""

from __future__ import annotations

import numpy as np
import pytest

from dashboard.archive.pointings import Pointings
from dashboard.archive.resolver import Target
from dashboard.archive.selection import find_pointings
from dashboard.hosts import known_hosts
from dashboard.request.request import Request

CRAB = Target("Crab", 83.633, 22.014, "given")
SECOND = 1 / 86400


def listed(choice: str) -> Pointings:
    request = Request(
        src_name="Crab", T1="2009-02-15T00:00:00", T2="2009-02-20T00:00:00", host_type="production", instrument="jemx1", scw_archive=choice
    )
    return find_pointings(request, CRAB, known_hosts()["production"])["jemx1"]


@pytest.mark.live
@pytest.mark.parametrize("choice", ["isla", "heasarc"])
def test_another_archive_lists_windows_of_the_timesystem_at_the_same_times(choice: str) -> None:
    own, other = listed("timesystem"), listed(choice)
    assert len(other) > 0
    assert set(other.swid) <= set(own.swid), "good time may leave some out, and adds none"
    rows = [own.swid.index(swid) for swid in other.swid]
    np.testing.assert_allclose(other.tstart, own.tstart[rows], atol=2 * SECOND)
    np.testing.assert_allclose(other.tstop, own.tstop[rows], atol=2 * SECOND)
    np.testing.assert_allclose(other.dec_scx, own.dec_scx[rows], atol=0.1)
    assert set(other.version) <= {"001"}
