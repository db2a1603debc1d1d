"""The pictures of the documentation, taken anew: the page in chromium, on runs of the simulated observatory.

    python -m docs.pictures            # all of them
    python -m docs.pictures page       # those whose names begin so

Each is the page of one request of docs/examples when its run has ended, light, 1440 x 900 pixels, in 256 colours.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import CHROMIUM, FLAGS, Served, Visitor, serving, visiting
from tests.conftest import running_observatory

DOCS: Final = Path(__file__).parent
LARGEST: Final = 250_000
"""Bytes of a picture."""
SETTLED: Final = 4000
"""Milliseconds after the last change until the picture is taken: no state of the page says that its canvases are painted."""


def _nothing(page: Page) -> None:
    """The page as it opens."""


def _enlarge(key: str) -> Callable[[Page], None]:
    """The pane that a key enlarges."""

    def act(page: Page) -> None:
        page.locator("body").press(key)

    return act


@dataclass(frozen=True, slots=True)
class Picture:
    """What is on it: the run of an example, and what was done on its page."""

    example: str
    act: Callable[[Page], None] = _nothing


PICTURES: Final = {
    "page": Picture("everything"),
    "isgri-mosaic": Picture("crab"),
    "isgri-spectrum": Picture("isgri-spectrum"),
    "isgri-lightcurve": Picture("isgri-lightcurve"),
    "jemx-mosaic": Picture("jemx-mosaic"),
    "jemx-spectrum": Picture("jemx-spectrum"),
    "jemx-lightcurve": Picture("jemx-lightcurve"),
}


def take(served: Served, visitor: Visitor, picture: Picture) -> bytes:
    """A picture as PNG."""
    request = json.loads((DOCS / "examples" / f"{picture.example}.json").read_text())
    address = f"{served.url}?run={served.start_run(**{'s_max': 50, **request})}"
    for _ in range(2):  # the plan that the second page tells is that of a run that has ended
        visitor.open(address)
        visitor.read("DONE", 300)
    picture.act(visitor.page)
    visitor.page.mouse.move(0, 0)
    visitor.page.wait_for_timeout(SETTLED)
    whole = Image.open(io.BytesIO(visitor.page.screenshot())).convert("RGB")
    few = whole.quantize(
        256, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE
    )  # rare colours are those of sources and states
    png = io.BytesIO()
    few.save(png, "PNG", optimize=True)
    return png.getvalue()


def main(beginnings: tuple[str, ...]) -> None:
    """Write the pictures whose names begin so."""
    chosen = {name: picture for name, picture in PICTURES.items() if name.startswith(beginnings or "")}
    with tempfile.TemporaryDirectory() as name, running_observatory(Path(name)) as observatory, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        with serving(Path(name) / "data", observatory.url) as served:
            for title, picture in chosen.items():
                with visiting(browser) as visitor:
                    png = take(served, visitor, picture)
                assert len(png) <= LARGEST, f"{title}.png has {len(png)} bytes: too many for the documentation"
                (DOCS / "images" / f"{title}.png").write_bytes(png)
        browser.close()


if __name__ == "__main__":
    main(tuple(sys.argv[1:]))
