"""The batches drawer marks what stands out, offers to leave it out, and costs nothing while it is shut."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import panel as pn
import pytest

from components.batches import BatchesView
from components.words import Words
from dashboard.identity import Identity
from dashboard.quality_board import QualityAnswer, QualityBoard
from dashboard.session import Session
from dashboard.watcher import Look
from tests.runs.stored_run import StoredRun
from tests.runs.test_quality import BAD, BATCHES, run_with
from tests.waiting import wait_until

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")  # Bokeh's use of pandas


class Drawer:
    """The view of a run of which one batch stands out."""

    def __init__(self, run: StoredRun) -> None:
        self.run, self.session = run, Session(run.settings, Identity())
        self.session.watch_run(run.run_id)
        self.view = BatchesView(self.session)

    def open(self) -> None:
        self.view.toggle()
        wait_until(lambda: bool(self.beat() and self.table["width"].iloc[0]), "nothing was measured")

    def beat(self) -> bool:
        self.session.refresh()
        return True

    @property
    def table(self) -> Any:
        return vars(self.view)["_table"].value

    @property
    def offered(self) -> list[str]:
        buttons: Any = self.view.__panel__().select(pn.widgets.Button)
        return [button.label for button in buttons if button.visible and "advice" in button.css_classes]

    @property
    def words(self) -> str:
        told: Any = self.view.__panel__().select(Words)
        return " ".join(words.value for words in told)


@pytest.fixture
def drawer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Drawer:
    for name in ("session", "run_acts"):
        monkeypatch.setattr(f"dashboard.{name}.ensure_worker", lambda _: None)
    return Drawer(run_with(tmp_path, [1.0] * BAD + [1.8] + [1.0] * (BATCHES - BAD - 1)))


def test_nothing_is_measured_while_the_drawer_is_shut(drawer: Drawer, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Look] = []
    ask = QualityBoard.ask

    def heard(self: QualityBoard, look: Look) -> QualityAnswer:
        asked.append(look)
        return ask(self, look)

    monkeypatch.setattr(QualityBoard, "ask", heard)
    for _ in range(3):
        drawer.beat()
    assert asked == []
    drawer.open()
    assert len(asked) >= 1


def test_what_stands_out_is_marked_left_out_by_a_click_and_put_back(drawer: Drawer) -> None:
    assert list(drawer.table["width"]) == [""] * BATCHES
    drawer.open()
    assert drawer.table["width"].iloc[BAD].startswith("1.")
    assert drawer.table["reason"].iloc[BAD].startswith("▲ Empty sky is 1.")
    assert [text for text in drawer.table["reason"] if text] == [drawer.table["reason"].iloc[BAD]]
    assert drawer.offered == ["Leave out 1 suspect batch"]
    asyncio.run(drawer.view._leave_suspects())
    assert "1 of 1 left out of the sums; Put back undoes it." in drawer.words
    assert [batch.state for batch in drawer.run.state.batches].count("excluded") == 1
    assert drawer.run.state.batches[BAD].state == "excluded"
    wait_until(lambda: drawer.beat() and not drawer.offered, "it is still offered")
    asyncio.run(drawer.view._put_back())
    assert drawer.run.state.batches[BAD].state != "excluded"
    wait_until(lambda: drawer.beat() and drawer.offered == ["Leave out 1 suspect batch"], "it is not offered again")


def test_why_the_batches_cannot_be_compared_is_told(drawer: Drawer) -> None:
    drawer.run.lose(drawer.run.ids[2])
    drawer.view.toggle()
    wait_until(lambda: drawer.beat() and 'class="bad"' in drawer.words, "nothing is said")
    assert drawer.offered == []
