"""Text in CSV: a spreadsheet takes a cell that begins like a formula for one, whatever quotes stand around it, and runs it.

Names of sources, warnings and origins come from outside. Numbers are written as numbers; who reads ECSV, VOTable or FITS computes nothing.
"""

from __future__ import annotations

from typing import Final

MARK: Final = "'"
BEGINNINGS: Final = ("=", "+", "-", "@", "\t", "\n", "＝", "＋", "－", "＠", MARK)
"""What begins a formula in one spreadsheet or another (OWASP, CSV Injection), and the mark itself, so that it can be taken off again."""


def csv_cell(text: str) -> str:
    """The text as it is written: behind an apostrophe where it would be a formula. Who reads takes one leading apostrophe off.

    A carriage return, which `csv` leaves unquoted and readers take for the end of a line, is a blank.
    """
    text = text.replace("\r", " ")
    return MARK + text if text.lstrip(" ").startswith(BEGINNINGS) else text
