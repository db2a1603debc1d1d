"""What the panes show when the watched run changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import holoviews as hv
import pytest

from components import histogram, sky, sources
from components.files import FilesView
from components.histogram import HistogramView
from components.sky import SkyView
from components.sources import SourcesView
from components.words import Words
from dashboard.identity import Identity
from dashboard.runs.store import RunStore
from dashboard.session import Session
from tests.runs.sky_dispatcher import plan_of, settings_in
from tests.test_watcher import Published

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")  # Bokeh's use of pandas
EMPTY = {sky.EMPTY, sources.EMPTY, histogram.EMPTY}


def test_another_run_without_a_batch_shows_nothing_of_the_last_one(tmp_path: Path) -> None:
    hv.extension("bokeh")
    first = Published(settings_in(tmp_path / "data"))
    first.publish()
    store = RunStore(first.settings)
    waiting = store.start(plan_of(2), Identity())
    for run_id in (first.run_id, waiting):
        store.cancel(run_id)
    session = Session(first.settings, Identity())
    map_view = SkyView(session)
    views = (map_view, SourcesView(session, map_view), HistogramView(session), FilesView(session))

    def words() -> Iterator[str]:
        for view in views:
            yield from (text.value for text in view.__panel__().select(Words) if isinstance(text, Words))

    def empty() -> set[str]:
        return {sentence for sentence in EMPTY if f"<p>{sentence}</p>" in set(words())}

    assert empty() == EMPTY
    for run_id, expected, linked in ((first.run_id, set(), True), (waiting, EMPTY, False), (first.run_id, set(), True)):
        session.watch_run(run_id)
        assert empty() == expected
        assert any("mosaic.fits" in text for text in words()) is linked
        assert any(text.startswith("empty sky: width") for text in words()) is linked
