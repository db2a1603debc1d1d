"""The grid of a run holds the field of view of the instrument that is asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dashboard.archive.pointings import Pointings
from dashboard.errors import ProductError
from dashboard.products.instrument import ISGRI, JEMX
from dashboard.runs.field import run_grid


def pointings(ra: list[float], dec: list[float]) -> Pointings:
    """North is up in the spacecraft's frame."""
    x, y = np.array(ra), np.array(dec)
    column = np.ones(len(ra))
    return Pointings(tuple(f"{i:012d}" for i in range(len(ra))), x, y, x, y + 90, column, column, 2000 * column)


SOME = pointings([83.0, 85.2, 83.6], [21.0, 22.3, 24.0])


def test_both_units_of_jemx_have_the_same_grid() -> None:
    one, two = (run_grid(SOME, name) for name in ("jemx1", "jemx2"))
    assert one == two
    assert (one.projection, one.pixel) == ("TAN", JEMX.pixel)
    across = 2 * np.degrees(np.tan(np.radians(6.6))) + 3.0
    assert one.shape[0] == pytest.approx(across / JEMX.pixel, abs=20)


def test_jemx_needs_no_roll_and_isgri_keeps_its_own_grid() -> None:
    blind = replace(SOME, ra_scz=np.full(3, np.nan), dec_scz=np.full(3, np.nan))
    assert run_grid(blind, "jemx1").shape == pytest.approx(run_grid(SOME, "jemx1").shape, abs=2)
    assert run_grid(SOME) == run_grid(SOME, "isgri")
    assert run_grid(SOME).pixel == ISGRI.pixel
    assert min(run_grid(blind).shape) > 1.3 * min(run_grid(SOME).shape)


def test_a_field_too_wide_for_fine_pixels_is_refused_with_a_way_out() -> None:
    wide = pointings([0.0, 60.0, 120.0], [0.0, 0.0, 0.0])
    assert max(run_grid(wide).shape) < 4096
    with pytest.raises(ProductError, match="parts as runs of their own"):
        run_grid(wide, "jemx1")
    with pytest.raises(ProductError, match="'spi' is unknown"):
        run_grid(SOME, "spi")
