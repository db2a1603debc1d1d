"""What MMODA's galleries have of sources: looked up in the background when somebody asks, for all sessions of a process."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from dashboard.archive.gallery_list import GalleryProduct, gallery_products
from dashboard.errors import DashboardError
from dashboard.one_each import OneEach
from dashboard.runs.publication import Publication
from dashboard.runs.run_state import RunState
from dashboard.settings import Settings

KEPT: Final = 64
"""Answers; of a much observed source one takes about 1 MB."""
FRESH_SECONDS: Final = 3600.0
"""Others publish, too: after so long the gallery is asked again by the next who asks."""

log = logging.getLogger(__name__)


class GalleryAnswer:
    """What a gallery has of a source: `products` is None until it has answered, `problem` why it never will."""

    def __init__(self, source: str, host: str) -> None:
        self.source, self.host = source, host
        self.products: tuple[GalleryProduct, ...] | None = None
        self.problem = ""
        self.asked_at = time.monotonic()

    @property
    def ready(self) -> bool:
        """Nothing more will come."""
        return self.products is not None or bool(self.problem)


class GalleryBoard:
    """Looks sources up, two at a time; what failed, or is old, is asked again by the next who asks."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._answers: OrderedDict[tuple[str, str], GalleryAnswer] = OrderedDict()
        self._threads = ThreadPoolExecutor(2, "gallery")
        self._lock = threading.Lock()

    def ask(self, host: str, source: str) -> GalleryAnswer:
        """What the gallery of a host has of a source; asking does not wait."""
        key = (host, source)
        with self._lock:
            answer = self._answers.get(key)
            if answer is None or answer.problem or time.monotonic() - answer.asked_at > FRESH_SECONDS:
                answer = self._answers[key] = GalleryAnswer(source, host)
                self._threads.submit(self._look_up, answer)
            self._answers.move_to_end(key)
            while len(self._answers) > KEPT:
                self._answers.popitem(last=False)
            return answer

    def forget(self, host: str) -> None:
        """Something was published there: what is known is old."""
        with self._lock:
            for key in [key for key in self._answers if key[0] == host]:
                del self._answers[key]

    def _look_up(self, answer: GalleryAnswer) -> None:
        try:
            answer.products = gallery_products(answer.source, self._settings.hosts[answer.host])
        except DashboardError as error:
            answer.problem = error.sentence
        except Exception as error:
            log.exception("The gallery of %s could not be looked at", answer.host)
            answer.problem = (
                f"An unexpected error ({type(error).__name__}) keeps the gallery from being shown: report it with the page's log."
            )


gallery_board: Final = OneEach(GalleryBoard)
"""The process's board of a deployment."""


def gallery_host(settings: Settings, run: RunState | None, chosen: str) -> str:
    """Whose gallery is looked at: that of the run's host, else of the chosen one; beside what is simulated, the first of the real sky.

    "" where no host of the real sky is offered.
    """
    hosts = settings.hosts
    wanted = [name for name in (run.host if run else "", chosen) if name in hosts and not hosts[name].simulated]
    real = [name for name, host in hosts.items() if not (host.simulated or host.only_inside)]
    return next(iter(wanted + real), "")


def own_publication(product: GalleryProduct, own: Sequence[Publication]) -> Publication | None:
    """Which of one's publications a product of the gallery is: by its id, or by the number at the end of the link."""
    identity, node = product.facts.get("product_id"), product.facts.get("nid")
    for publication in own:
        if identity == publication.product_id or (node and publication.link.rstrip("/").endswith(f"/{node}")):
            return publication
    return None
