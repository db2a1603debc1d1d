"""What a page process does before its first visitor."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from components import drawn_once
from components.elements.light_curve import light_curve_picture
from components.elements.spectrum import spectrum_picture
from components.warm import warm
from dashboard.__main__ import parser
from dashboard.errors import RunError
from dashboard.runs.database import open_database
from dashboard.settings import Settings
from tests.conftest import ROOT

VISIT = """
import sys
from pathlib import Path
from bokeh.document import Document
from components.warm import warm
from components.page import Page
from dashboard.identity import Identity
from dashboard.session import Session
from dashboard.settings import Settings
from dashboard.visit import Visit

settings = Settings.from_environment({"INTEGRAL_DASHBOARD_DATA": sys.argv[1]})
warm(settings)
known = set(sys.modules)
Page(Session(settings, Identity(origin="page")), Visit()).__panel__().server_doc(Document())
print(sorted(set(sys.modules) - known))
"""


def test_the_figures_of_every_page_are_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawn_once, "_drawn", type(drawn_once._drawn)())
    warm(Settings.from_environment({"INTEGRAL_DASHBOARD_DATA": str(tmp_path)}))
    kinds = {key[1] if isinstance(key, tuple) else key for key in drawn_once._drawn}
    assert kinds == {"strip", "mission", light_curve_picture, spectrum_picture}


def test_a_database_that_is_away_keeps_nobody_from_beginning(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("no folder")
    settings = Settings.from_environment({"INTEGRAL_DASHBOARD_DATA": str(tmp_path / "data")})
    with pytest.raises(RunError):
        open_database(settings)
    warm(settings)


@pytest.mark.slow
def test_the_first_visitor_waits_for_no_library(tmp_path: Path) -> None:
    found = subprocess.run([sys.executable, "-c", VISIT, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "[]"


def test_serve_warms_before_it_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[list[str]] = []

    def become(_: str, command: list[str]) -> None:
        told.append(command)

    monkeypatch.setattr("os.execv", become)
    options = parser().parse_args(["serve"])
    options.act(options)
    script = Path(told[0][told[0].index("--setup") + 1])
    assert script == ROOT / "components/warm.py"
    assert '__name__ == "panel_setup_module"' in script.read_text(), "the name that panel serve --setup gives a file"
