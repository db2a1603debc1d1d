"""What a VOTable says of its own size, before its reader believes it and reserves memory for a billion rows that never come."""

from __future__ import annotations

import math
import re
from typing import Final

MOST_ROWS: Final = 1_000_000
MOST_VALUES: Final = 50_000
"""In one row, all columns together; a pointing's outline has ten."""
_CLAIM: Final = re.compile(rb"""\b(nrows|arraysize)\s*=\s*["']([^"']*)["']""")


def claims_too_much(content: bytes) -> bool:
    """Whether a document speaks of more rows, or longer cells, than any answer has; or is written so that this cannot be read.

    XML may be UTF-16, in which every other byte is 0, and an attribute may be written with entities: neither is by any archive.
    """
    if b"\0" in content:
        return True
    values = 0
    for name, text in _CLAIM.findall(content):
        numbers = text.decode("latin-1").replace("*", "").strip().strip("x").split("x")
        if not all(number.isdecimal() and len(number) < 10 for number in numbers if number):
            return True
        size = math.prod(int(number) for number in numbers if number)
        values += size if name == b"arraysize" else 0
        if values > MOST_VALUES or (name == b"nrows" and size > MOST_ROWS):
            return True
    return False
