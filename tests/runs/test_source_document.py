"""Source tables as files: whole, and those written before a column existed."""

from __future__ import annotations

import json
from pathlib import Path

from dashboard.products.catalog import MeasuredSource, SourceTable
from dashboard.runs.source_document import read_sources, write_sources

FULL = MeasuredSource(
    *("A", 83.0, 22.0, 1.0, 0.1, 10.0, 9.0, 0.5, 0.1, 1e5),
    kind="ambiguous",
    upper_limit=2.0,
    candidates=("A", "B"),
    near_edge=True,
    n_batches=4,
    chi2=3.5,
    dof=3,
    warnings=("edge", "or B?"),
)
TABLE = SourceTable((FULL,), "counts/sec", 7.0, 1.3, 2, 1.03, ("A note.",), "isgri", (28.0, 40.0), "OSA11.2")


def test_a_table_survives_its_file(tmp_path: Path) -> None:
    write_sources(TABLE, tmp_path / "a.json")
    assert read_sources(tmp_path / "a.json") == TABLE
    without_band = SourceTable()
    write_sources(without_band, tmp_path / "b.json")
    assert repr(read_sources(tmp_path / "b.json")) == repr(without_band)


def test_what_an_older_file_does_not_hold_is_unknown(tmp_path: Path) -> None:
    write_sources(TABLE, tmp_path / "a.json")
    document = json.loads((tmp_path / "a.json").read_text())
    for name in ("instrument", "band", "osa_version"):
        del document[name]
    for name in ("n_batches", "chi2", "dof", "warnings"):
        del document["sources"][0][name]
    (tmp_path / "a.json").write_text(json.dumps(document))
    table = read_sources(tmp_path / "a.json")
    (source,) = table.sources
    assert (source.name, source.candidates, source.flux) == ("A", ("A", "B"), 1.0)
    assert (source.n_batches, source.dof, source.warnings) == (0, 0, ())
    assert source.chi2 != source.chi2
    assert (table.notes, table.instrument, table.band) == (("A note.",), "", None)
