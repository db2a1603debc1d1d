"""What a VOTable says of its own size."""

from __future__ import annotations

import pytest

from dashboard.archive.votable_claims import MOST_ROWS, MOST_VALUES, claims_too_much
from tests.archive.fake_tap import votable

TABLE = votable({"scw": str, "ra": float, "outline": float}, [("006600010010", 83.6, 1.0)]).replace('"double"', '"double" arraysize="2x5*"')


@pytest.mark.parametrize("words", ["", f'nrows="{MOST_ROWS}"', "nrows = '0'", 'nrows=""'])
def test_what_archives_send_is_taken(words: str) -> None:
    assert not claims_too_much(TABLE.replace("<TABLE>", f"<TABLE {words}>").encode())


@pytest.mark.parametrize(
    "words",
    [f'nrows="{MOST_ROWS + 1}"', "nrows\n=\n'9999999999'", 'nrows="&#49;0"', 'nrows="1e9"', 'nrows="-1"', f'arraysize="{MOST_VALUES}"'],
)
def test_what_no_archive_sends_is_refused(words: str) -> None:
    assert claims_too_much(TABLE.replace("<TABLE>", f'<TABLE name=">" {words}>').encode())


def test_many_long_cells_count_together_and_utf_16_is_none_of_theirs() -> None:
    assert claims_too_much(b'<FIELD arraysize="1000"/>' * (MOST_VALUES // 1000 + 1))
    assert claims_too_much(TABLE.encode("utf-16"))
