"""What of a run stands in the public gallery."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Publication:
    """A product as it was last published.

    Attributes
    ----------
    product_id
        By which the gallery knows it.
    host
        Whose gallery.
    job
        Number in the run's plan.
    source
        The one source it is of, "" for an image.
    title
        As it stands in the gallery.
    link
        Its page, "" when the gallery did not say.
    sum_version
        Version of the run's sum it was made from.
    published
        Seconds since 1970 (UTC).
    """

    product_id: str
    host: str
    job: int
    source: str
    title: str
    link: str
    sum_version: int
    published: float

    def line(self, present: int) -> str:
        """In words; `present` is the version of the sum now."""
        at = datetime.fromtimestamp(self.published, UTC).strftime("%Y-%m-%d %H:%M UTC")
        later = " (the run has changed since: publish again to update it)" if present != self.sum_version else ""
        return f"{self.title}: in the gallery of {self.host} since {at}, {self.link or 'link not told'}, id {self.product_id}{later}"
