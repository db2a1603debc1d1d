"""Which roles a query takes; the observatory, which refuses as the dispatcher does, is the other side of the comparison."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.observatory.query import read
from dashboard.plan.roles import GALLERY, HUGE, LARGE, NEAR_REAL_TIME, PRIVATE, largest_batch, rights, roles_of_batch
from tests.plan.test_making import plan


def parameters(windows: int = 1, new: int = 0, **changes: Any) -> dict[str, Any]:
    """Of a batch of so many science windows, the last `new` of them near-real-time."""
    scw = [f"0665{number:04d}0010.{'000' if number >= windows - new else '001'}" for number in range(windows)]
    asked = {"instrument": "isgri", "product_type": "isgri_image", "E1_keV": 28.0, "E2_keV": 40.0, "scw_list": scw}
    return {**asked, "integral_data_rights": "public", "osa_version": "OSA11.2", **changes}


@pytest.mark.parametrize(("windows", "roles"), [(1, ()), (50, ()), (51, (LARGE,)), (500, (LARGE,)), (501, (LARGE, HUGE))])
def test_large_queries_take_a_role_and_huge_ones_two(windows: int, roles: tuple[str, ...]) -> None:
    assert roles_of_batch(parameters(windows)) == set(roles)


@pytest.mark.parametrize("new", [1, 3])
def test_one_near_real_time_window_takes_a_role(new: int) -> None:
    assert roles_of_batch(parameters(3, new)) == {NEAR_REAL_TIME}


def test_private_data_take_a_role_that_covers_near_real_time() -> None:
    assert roles_of_batch(parameters(integral_data_rights="all-private")) == {PRIVATE}
    assert roles_of_batch(parameters(3, new=3, integral_data_rights="all-private")) == {PRIVATE}


@pytest.mark.parametrize("version", ["OSA11.2-dev1", "OSA11.2--fullbkg", "OSA10.2--rmfoffsetv1", "OSA12.0"])
def test_any_version_but_the_released_ones_takes_a_role(version: str) -> None:
    assert roles_of_batch(parameters(osa_version=version)) == {PRIVATE}
    assert roles_of_batch(parameters(3, new=1, osa_version=version)) == {PRIVATE, NEAR_REAL_TIME}


@pytest.mark.parametrize("version", ["OSA10.2", "OSA11.2"])
def test_released_versions_are_for_everybody(version: str) -> None:
    assert roles_of_batch(parameters(osa_version=version)) == set()


def test_roles_add_up() -> None:
    asked = parameters(501, new=1, osa_version="OSA11.2-dev1")
    assert roles_of_batch(asked) == {LARGE, HUGE, PRIVATE, NEAR_REAL_TIME}


@settings(max_examples=150, deadline=None)
@given(
    windows=st.one_of(st.sampled_from([1, 49, 50, 51, 499, 500, 501]), st.integers(1, 700)),
    new=st.integers(0, 3),
    private=st.booleans(),
    version=st.one_of(st.sampled_from(["OSA10.2", "OSA11.2"]), st.from_regex(r"OSA1[01]\.2-[a-z0-9.-]{1,12}", fullmatch=True)),
    jemx=st.booleans(),
)
def test_the_observatory_demands_the_same_of_an_anonymous_user(windows: int, new: int, private: bool, version: str, jemx: bool) -> None:
    kind = {"instrument": "jemx", "product_type": "jemx_image", "jemx_num": 1, "E1_keV": 3.0, "E2_keV": 20.0} if jemx else {}
    asked = parameters(windows, new, osa_version=version, integral_data_rights="all-private" if private else "public", **kind)
    fields = {name: [",".join(value) if isinstance(value, list) else str(value)] for name, value in asked.items()}
    assert roles_of_batch(asked) == set(read(fields, "SESSION000000001").missing_roles())


@pytest.mark.parametrize(
    ("roles", "largest"),
    [((), 50), (("general",), 50), ((LARGE,), 500), ((LARGE, HUGE), None), ((HUGE,), 50), ((PRIVATE, GALLERY), 50)],
)
def test_the_largest_batch_is_the_largest_that_is_not_refused(roles: tuple[str, ...], largest: int | None) -> None:
    assert largest_batch(roles) == largest
    if largest is not None:
        assert roles_of_batch(parameters(largest)) <= set(roles)
        assert not roles_of_batch(parameters(largest + 1)) <= set(roles)
    else:
        assert roles_of_batch(parameters(5000)) <= set(roles)


def test_rights_name_everything_that_takes_a_role_and_whether_it_is_held() -> None:
    assert {right.role: right.held for right in rights((LARGE, "general"))} == {
        **{LARGE: True, HUGE: False, PRIVATE: False, NEAR_REAL_TIME: False, GALLERY: False}
    }
    words = {right.role: right.what for right in rights(())}
    assert ("50 ScW" in words[LARGE], "500 ScW" in words[HUGE]) == (True, True)
    assert len(set(words.values())) == len(words)


def test_what_waits_for_a_catalogue_needs_its_roles_too() -> None:
    waiting = plan(sources=None, count=200, product="lightcurve", use_default_catalog=False, make_image=True, n_scw_image=40, s_max=100)
    assert max(len(batch.scw) for batch in waiting.batches) <= 50, "the image alone would need no role"
    assert waiting.largest > 50
    assert LARGE in waiting.roles_needed
