"""The Python road as documented: as the docstrings have it now, whole, and its examples run."""

from __future__ import annotations

import doctest
import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest
from astropy.io import fits

from docs.api import PAGE, entry, found, page, signature, steps
from tests.conftest import ROOT, Observatory

RUN_BY = {"api.md": "tests/docs/test_api.py", "storage.md": "tests/runs/test_run_folder.py"}
"""Pages with Python in them, and the tests that run it."""
NAMES = [name for names in steps().values() for name in names]
MODULES = sorted({name.rpartition(".")[0] for name in NAMES} | {"dashboard.products.catalog_edits"})


def examples(page_name: str) -> list[str]:
    """The Python blocks of a page."""
    return re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs" / page_name).read_text(), re.M | re.S)


def test_the_page_is_as_the_docstrings_are() -> None:
    assert PAGE.read_text() == page(), "docs/api.md is not as the docstrings are: python -m docs.api writes it anew"


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_says_what_it_is_of_every_public_method_and_error(name: str) -> None:
    thing, text = found(name), "\n".join(entry(name))
    assert f"from {name.rpartition('.')[0]} import {name.rpartition('.')[2]}`" in text
    assert " ".join(text.split()).find(" ".join((inspect.getdoc(thing) or "nothing").split("\n\n")[0].split())) > 0
    for method, value in vars(thing).items() if inspect.isclass(thing) else ():
        if not method.startswith("_") and (inspect.isroutine(value) or isinstance(value, property)):
            assert re.search(rf"^\| `{method}[(`]", text, re.M), method
    raised = re.search(r"^Raises\n-+\n((?:.+\n?)+)", inspect.getdoc(thing) or "", re.M)
    for error in re.findall(r"^\w+|(?<=, )\w+$", raised[1], re.M) if raised else ():
        assert f"`{error}`" in text, error


def test_annotations_are_told_without_quotes_and_bars_do_not_end_a_cell() -> None:
    def act(self: int, name: str | None = "a, b", *, more: dict[str, int] | None = None) -> tuple[object, ...]:
        return self, name, more

    assert signature(act) == "(self: int, name: str \\| None = 'a, b', *, more: dict[str, int] \\| None = None) -> tuple[object, ...]"


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_docstrings_are_true(module: str) -> None:
    assert doctest.testmod(import_module(module)).failed == 0


def test_python_in_the_documentation_is_run_by_a_test() -> None:
    assert {path.name for path in (ROOT / "docs").glob("*.md") if examples(path.name)} == set(RUN_BY)
    for name, test in RUN_BY.items():
        assert name in (ROOT / test).read_text()


@pytest.mark.slow
def test_the_example_runs_from_the_request_to_its_files(
    observatory: Observatory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INTEGRAL_DASHBOARD_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("INTEGRAL_DASHBOARD_SIMULATED_URL", observatory.url)
    (example,) = examples("api.md")
    exec(example, {})
    told = capsys.readouterr().out
    assert "Science windows: 42" in told
    assert "1 of 1 batches, 42 of 42 ScW" in told
    assert re.search(r"^\s*Crab\s+\d{3,}", told, re.M), "the Crab is the brightest of the table"
    with fits.open(tmp_path / "crab/mosaic.fits") as hdus:
        assert hdus[1].header["ORIGIN"] == "SIMULATED"
