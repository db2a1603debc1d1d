"""Questions in ADQL to a TAP service, answered at once, with a deadline and sentences for what goes wrong.

The services are asked over plain HTTP, one GET a question (IVOA TAP 1.1, `/sync`), because the usual clients log some errors
instead of raising them, set no deadline for an answer that trickles, and put the refusal of a query into the same exception as
a lost connection.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping
from html import unescape
from xml.etree.ElementTree import ParseError
from xml.parsers.expat import ExpatError

import httpx
import numpy as np
from astropy.io import votable
from astropy.io.votable.tree import VOTableFile
from numpy.typing import NDArray

from dashboard.archive.fetching import SERVICE_SECONDS, WebService
from dashboard.archive.votable_claims import claims_too_much
from dashboard.errors import ArchiveError, ArchiveUnavailable

MOST_ROWS = 500_000
_LINKED = re.compile(rb"<STREAM\b[^>]*\bhref\b", re.IGNORECASE)
_TAGS = re.compile(r"<[^>]*>")

Columns = Mapping[str, NDArray[np.object_]]
"""By name in lower case, (n,); what is absent is None."""


class TapService:
    """Client of one TAP service.

    Parameters
    ----------
    name
        How sentences call it, e.g. "HEASARC".
    url
        Address without `/sync`.
    client
        Connections to use; None opens one for each question.
    seconds
        Deadline of one answer.
    """

    def __init__(self, name: str, url: str, client: httpx.Client | None = None, seconds: float = SERVICE_SECONDS) -> None:
        self._service = WebService(name, url, client, seconds)

    @property
    def url(self) -> str:
        """Address without `/sync`."""
        return self._service.url

    def query(self, adql: str) -> Columns:
        """The whole answer to a question.

        Raises
        ------
        ArchiveError
            When the service refuses the question, in its words, or cuts the answer short.
        ArchiveUnavailable
            When it does not answer, or with something else than a table.
        """
        params = {"REQUEST": "doQuery", "LANG": "ADQL", "FORMAT": "votable", "MAXREC": str(MOST_ROWS), "QUERY": adql}
        response = self._service.get("/sync", params)
        document = self._document(response)
        if document is not None:
            self._refuse_unless_whole(document)
        if response.status_code != 200 or document is None:
            raise self._refused(_TAGS.sub(" ", response.text))
        return self._columns(document)

    def malformed(self, what: str) -> ArchiveUnavailable:
        """The error for an answer that cannot be used."""
        return self._service.malformed(what)

    def _document(self, response: httpx.Response) -> VOTableFile | None:
        """What was sent, read as VOTable; None when a refusal is none."""
        if _LINKED.search(response.content):
            raise self.malformed("keeps its rows elsewhere")
        if claims_too_much(response.content):
            raise self.malformed("speaks of more rows than it can have")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # services deviate from the standard in many harmless ways
                return votable.parse(io.BytesIO(response.content), verify="ignore", invalid="mask")
        except (ValueError, TypeError, SyntaxError, IndexError, KeyError, OSError, ExpatError, ParseError):
            if response.status_code != 200:
                return None
            raise self.malformed("is no VOTable") from None

    def _refuse_unless_whole(self, document: VOTableFile) -> None:
        for resource in document.resources:
            for info in (*resource.infos, *(info for table in resource.tables for info in table.infos)):
                if str(info.name).upper() != "QUERY_STATUS":
                    continue
                if str(info.value).upper() == "ERROR":
                    raise self._refused(str(info.content or ""))
                if str(info.value).upper() == "OVERFLOW":
                    raise ArchiveError(
                        f"{self._service.name} ({self.url}) sends only part of so many science windows: "
                        "ask for a shorter interval or a smaller radius."
                    )

    def _refused(self, reason: str, most: int = 300) -> ArchiveError:
        """The error for a question that the service does not take, in its words as far as they are readable."""
        words = unescape(" ".join(reason.split()))[:most].rstrip(".") or "it gives no reason"
        return ArchiveError(f"{self._service.name} ({self.url}) refused the question: {words}.")

    def _columns(self, document: VOTableFile) -> Columns:
        try:
            table = document.get_first_table().to_table(use_names_over_ids=True)
        except (IndexError, ValueError, TypeError):
            raise self.malformed("holds no table") from None
        return {str(name).lower(): _listed(table[name]) for name in table.colnames}


def _listed(column: NDArray[np.generic]) -> NDArray[np.object_]:
    """Values of a column as they are written; None for masked ones, for empty text and for numbers that are none."""
    masked = np.ma.asarray(column)
    if masked.ndim != 1:  # polygons and other arrays, of which none is asked for by name
        return np.full(len(masked), None, dtype=object)
    values = [value.decode() if isinstance(value, bytes) else value for value in masked.filled().tolist()]
    absent = np.ma.getmaskarray(masked)
    cleaned = [None if gone or value == "" or value != value else value for value, gone in zip(values, absent, strict=True)]
    return np.fromiter(cleaned, dtype=object, count=len(cleaned))
