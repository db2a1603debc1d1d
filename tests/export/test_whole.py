"""Files of an export appear together or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.errors import ProductError, StorageFull
from dashboard.export.catalogue import write_catalogue
from dashboard.export.whole import written_whole
from dashboard.products.catalog import CatalogSource, SourceCatalog
from tests.small_disk import small_disk


def test_files_move_in_when_all_are_written(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("older")
    with written_whole(tmp_path) as part:
        (part / "a").write_text("new")
        (part / "b").write_text("b")
        assert (tmp_path / "a").read_text() == "older"
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "new", "b": "b"}


def test_a_failure_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("older")

    def fails() -> None:
        with written_whole(tmp_path) as part:
            (part / "a").write_text("new")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "older"}


def test_a_catalogue_that_finds_no_space_is_said_in_a_sentence(tmp_path: Path) -> None:
    long = SourceCatalog(tuple(CatalogSource(f"source {i}", 10.0, 0.01 * i) for i in range(3000)))
    with small_disk(tmp_path / "disk", 100) as disk:
        with pytest.raises(StorageFull, match="the run itself is kept"), written_whole(disk / "out") as part:
            write_catalogue(part, long, "isgri")
        assert list((disk / "out").iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(ProductError, match="Choose another folder"), written_whole(tmp_path / "file"):
        pass
