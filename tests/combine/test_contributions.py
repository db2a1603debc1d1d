"""Products of different OSA versions are never added: not of another base, sub-version or modifier, whatever is summed."""

from __future__ import annotations

from itertools import permutations

import pytest

from dashboard.combine.contributions import Kind
from dashboard.errors import NotCombinable

VERSIONS = ("OSA10.2", "OSA11.2", "OSA11.2-dev1", "OSA11.2-dev2", "OSA11.2--fullbkg", "OSA11.2-dev1--fullbkg", "")


@pytest.mark.parametrize(("one", "other"), list(permutations(VERSIONS, 2)))
def test_no_two_versions_are_added(one: str, other: str) -> None:
    def kind(version: str) -> Kind:
        return Kind("isgri", "counts/s", version, (28.0, 40.0), simulated=False)

    kind(one).accept(kind(one), "b")
    with pytest.raises(NotCombinable, match=f"OSA version {other or 'unknown'}, the others {one or 'unknown'}: add only equal ones"):
        kind(one).accept(kind(other), "b")
