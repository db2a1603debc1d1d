"""The cut partitions, fills, and stays put when the list grows at an end."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.plan.cells import BATCHES_A_CELL, average_fill, cells, cut, key

WINDOW = st.builds(
    lambda r, p, s: f"{r:04d}{p:04d}{s:03d}0",
    st.integers(30, 60) | st.integers(1, 9999),
    st.integers(1, 80) | st.integers(0, 9999),
    st.integers(0, 50) | st.integers(0, 999),
)
LISTS = st.lists(WINDOW, unique=True, max_size=250).map(sorted)
MOST = st.integers(1, 60)


def content(swids: list[str], s_max: int, whole: bool) -> list[tuple[str, ...]]:
    return [tuple(swids[i] for i in batch) for batch in cut(swids, s_max, whole)]


@given(LISTS, MOST, st.booleans())
@settings(max_examples=100, deadline=None)
def test_a_cut_is_a_partition_in_order_and_never_above_s_max(swids: list[str], s_max: int, whole: bool) -> None:
    batches = content(swids, s_max, whole)
    assert [scw for batch in batches for scw in batch] == swids
    assert all(1 <= len(batch) <= s_max for batch in batches)


@given(LISTS, MOST)
@settings(max_examples=50, deadline=None)
def test_cells_are_cut_evenly_into_as_few_batches_as_will_do(swids: list[str], s_max: int) -> None:
    batches = cut(swids, s_max)
    for cell in cells(swids, BATCHES_A_CELL * s_max):
        lengths = [len(batch) for batch in batches if batch.start in cell]
        assert sum(lengths) == len(cell) <= BATCHES_A_CELL * s_max
        assert len(lengths) == -(-len(cell) // s_max)
        assert max(lengths) - min(lengths) <= 1


@given(LISTS, MOST)
@settings(max_examples=50, deadline=None)
def test_spectra_keep_to_one_revolution(swids: list[str], s_max: int) -> None:
    assert all(len({scw[:4] for scw in batch}) == 1 for batch in content(swids, s_max, True))


@given(LISTS, st.integers(1, 12), st.booleans(), st.booleans(), st.data())
@settings(max_examples=100, deadline=None)
def test_growth_at_an_end_changes_only_the_cell_there(swids: list[str], s_max: int, whole: bool, later: bool, data: st.DataObject) -> None:
    known = data.draw(st.integers(0, len(swids)))
    old = swids[:known] if later else swids[known:]
    before, after = content(old, s_max, whole), set(content(swids, s_max, whole))
    old_cells = list(cells(old, BATCHES_A_CELL * s_max, whole))
    touched = old_cells[-1 if later else 0] if old_cells else range(0)
    spared = {old[i] for i in range(len(old)) if i not in touched}
    for batch in before:
        if spared >= set(batch):
            assert batch in after
    assert sum(batch not in after for batch in before) <= BATCHES_A_CELL


@given(LISTS, MOST)
@settings(max_examples=50, deadline=None)
def test_a_cell_without_gain_keeps_its_batches_wherever_windows_appear(swids: list[str], s_max: int) -> None:
    old = swids[::2]
    new = [(key(scw)) for scw in swids[1::2]]
    after = set(content(swids, s_max, False))
    for cell in cells(swids, BATCHES_A_CELL * s_max):
        inside = [swids[i] for i in cell]
        if not any(key(inside[0]) <= k <= key(inside[-1]) for k in new) and set(inside) <= set(old):
            assert all(batch in after for batch in content(inside, s_max, False))


@pytest.mark.parametrize("later", [True, False])
@pytest.mark.parametrize("added", [1, 7, 300])
def test_a_long_list_loses_at_most_the_batches_of_one_cell(later: bool, added: int) -> None:
    swids = [f"{revolution:04d}{pointing:04d}0010" for revolution in range(700, 740) for pointing in range(3, 43)]
    before = content(swids[:-added] if later else swids[added:], 20, False)
    lost = set(before) - set(content(swids, 20, False))
    assert len(lost) <= BATCHES_A_CELL < len(before)
    assert lost <= set(before[-BATCHES_A_CELL:] if later else before[:BATCHES_A_CELL])


def test_a_cell_holds_four_batches_and_not_one_window_more() -> None:
    swids = [f"003900{pointing:02d}0010" for pointing in range(41)]
    assert [len(cell) for cell in cells(swids[:40], 40)] == [40]
    assert [len(cell) for cell in cells(swids, 40)] == [32, 9]  # pointings 0 to 31 and 32 to 63


def test_order_of_keys_is_order_of_ids() -> None:
    ids = ["000100010010", "000100010020", "000100020010", "000200010010", "288600780010", "999999999990"]
    assert [key(scw) for scw in ids] == sorted(key(scw) for scw in ids)
    assert key("003900020010") == 39 * 2**24 + 2 * 2**10 + 1


def test_disorder_is_refused() -> None:
    for wrong in (["000200010010", "000100010010"], ["000100010010"] * 2):
        with pytest.raises(ValueError, match="sorted"):
            cut(wrong, 50)
    with pytest.raises(ValueError, match="at least one"):
        cut(["000100010010"], 0)


def test_batches_are_well_filled_on_a_long_observation() -> None:
    rng = np.random.default_rng(3)
    swids = []
    for revolution in np.flatnonzero(rng.random(1400) < 0.5) + 100:
        first, count = rng.integers(1, 50), rng.integers(5, 60)
        swids += [f"{revolution:04d}{pointing:04d}0010" for pointing in range(first, first + count)]
    assert len(swids) > 15000
    # Cells of two batches: larger ones would fill better (0.84 for four), and lose more when an interval grows.
    assert average_fill(cut(swids, 50), 50) > 0.7
    assert np.isnan(average_fill((), 50))


@pytest.mark.parametrize("later", [True, False])
@pytest.mark.parametrize("count", [120, 180, 286, 600])
def test_a_short_request_keeps_its_middle_when_it_grows_a_little(count: int, later: bool) -> None:
    """About 40 windows a revolution: a tenth more at one end leaves all but the two batches at that end as they were."""
    all_of_them = [f"{700 + i // 40:04d}{i % 40 + 1:04d}0010" for i in range(count + 24)]
    before, after = (all_of_them[:count], all_of_them) if later else (all_of_them[24:], all_of_them)
    old, new = ({tuple(swids[i] for i in rows) for rows in cut(swids, 50)} for swids in (before, after))
    assert len(old - new) <= 2
