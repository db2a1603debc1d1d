"""No text of a CSV file is a formula, numbers stay numbers, and every text can be had back."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.export.csv_cell import csv_cell
from dashboard.export.light_curve_files import FORMS
from dashboard.export.tables import csv_text
from dashboard.products.catalog import SourceTable
from dashboard.products.light_curve import TOTAL_ERROR
from tests.combine.curves import curve
from tests.published import CRAB

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝")
FORMULAS = [
    "=1+1",
    "+1",
    "-1+1|cmd",
    "@SUM(A1)",
    "\t=1",
    "a\r=1",
    "\r=1",
    "\n=1",
    "＝1",
    "  =1",
    "'=1",
    '=HYPERLINK("http://x?"&A1)',
    "=1,2",
]


@pytest.mark.parametrize("name", FORMULAS)
def test_no_cell_of_a_file_begins_like_a_formula(name: str) -> None:
    table = SourceTable((replace(CRAB, name=name, flux=-5.25, dec=-22.0, warnings=(name,)),), name)
    origin = replace(curve([1.0]).provenance, origin=name)
    columns = {TOTAL_ERROR: np.array([1.0])}
    made = curve([3000.0], name, unit=name, rate=np.array([-2.5]), columns=columns, provenance=origin)
    for text, column, value in ((csv_text(table, name), "dec_deg", -22.0), (FORMS[".csv"](made), "", -2.5)):
        head, row = list(csv.reader(io.StringIO(text, newline="")))
        numbers = [cell for cell in row if _number(cell) is not None]
        assert value in map(float, numbers)
        assert not column or row[head.index(column)] == "-22.00000"
        texts = [cell for cell in (*head, *row) if cell not in numbers]
        assert [cell for cell in texts if cell.lstrip(" ").startswith(FORMULA)] == []
        assert name.replace("\r", " ") in [cell.removeprefix("'") for cell in row]


@given(st.text())
def test_one_apostrophe_off_gives_the_text_back(text: str) -> None:
    written = csv_cell(text)
    assert written.removeprefix("'") == text.replace("\r", " ")
    assert written[:1] == text[:1] or not text[:1].isalnum()


@pytest.mark.parametrize("name", ["Crab", "4U 0614+091", "IGR J17091-3624", "3C 273", "", "NEW_01", "Sgr A*"])
def test_names_of_sources_are_written_as_they_are(name: str) -> None:
    assert csv_cell(name) == name


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None
