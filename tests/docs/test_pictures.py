"""The pictures of the documentation: one for each service, of the size that its pages expect, each shown somewhere."""

from __future__ import annotations

import json
import re
import struct

import pytest

from dashboard.request.request import Request
from docs.pictures import LARGEST, PICTURES
from tests.conftest import ROOT

GUIDE = (ROOT / "docs/guide.md").read_text()


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_there_light_to_load_and_as_large_as_the_others(name: str) -> None:
    png = (ROOT / "docs/images" / f"{name}.png").read_bytes()
    assert png.startswith(b"\x89PNG")
    assert struct.unpack(">II", png[16:24]) == (1440, 900)
    assert len(png) <= LARGEST


def test_the_guide_shows_each_of_the_six_services_by_its_example() -> None:
    asked = {
        name: Request.from_dict(json.loads((ROOT / f"docs/examples/{picture.example}.json").read_text()))
        for name, picture in PICTURES.items()
    }
    shown = re.findall(r"\]\(images/([\w-]+)\.png\)", GUIDE)
    services = [(asked[name].instruments, asked[name].products) for name in shown]
    assert services == [((unit,), (product,)) for unit in ("isgri", "jemx1") for product in ("mosaic", "spectrum", "lightcurve")]
    for name in shown:
        assert f"(examples/{PICTURES[name].example}.json)" in GUIDE
        assert f"run docs/examples/{PICTURES[name].example}.json" in GUIDE


def test_every_picture_is_shown_somewhere() -> None:
    pages = "".join(path.read_text() for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")))
    assert [path.name for path in (ROOT / "docs/images").iterdir() if f"images/{path.name})" not in pages] == []
