"""Exactly one catalogue is asked, or the request is refused with the parameters to change."""

from __future__ import annotations

import pytest

from dashboard.errors import RequestError
from dashboard.request.catalogue_choice import choose


def test_one_asked_is_taken() -> None:
    assert choose(True, False, "") == "default"
    assert choose(False, True, " ") == "image"
    assert choose(False, False, "mine.json") == "file"


@pytest.mark.parametrize(
    ("asked", "field", "named"),
    [
        ((False, False, ""), "use_default_catalog", ("use_default_catalog", "make_image", "api_catalog_file")),
        ((True, True, ""), "make_image", ("use_default_catalog", "make_image")),
        ((True, False, "{}"), "api_catalog_file", ("use_default_catalog",)),
        ((False, True, "{}"), "api_catalog_file", ("make_image",)),
        ((True, True, "{}"), "api_catalog_file", ("use_default_catalog and make_image",)),
    ],
)
def test_two_or_none_are_refused(asked: tuple[bool, bool, str], field: str, named: tuple[str, ...]) -> None:
    with pytest.raises(RequestError) as caught:
        choose(*asked)
    assert caught.value.field == field
    assert all(name in caught.value.sentence for name in named)
