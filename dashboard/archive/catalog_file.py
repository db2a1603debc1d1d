"""A user's own catalogue: JSON as it was pasted, or the file that holds it."""

from __future__ import annotations

from pathlib import Path

from dashboard.errors import RequestError
from dashboard.products.catalog import SourceCatalog
from dashboard.products.catalog_api import LARGEST_TEXT, catalog_from_text


def catalog_from_file(api_catalog_file: str, local_files: bool) -> SourceCatalog:
    """Read `api_catalog_file`: text that begins with a brace is the catalogue itself, anything else a path.

    Parameters
    ----------
    local_files
        False where the user does not own this machine's files, as on the page.

    Raises
    ------
    RequestError
        When it cannot be read, is too large or is no catalogue.
    """
    text = api_catalog_file.strip()
    if not text.startswith("{"):
        if not local_files:
            raise _refused("must be the catalogue's JSON itself here, beginning with a brace: a page may not read the server's files.")
        text = _text(Path(text).expanduser())
    return catalog_from_text(text)


def _text(path: Path) -> str:
    try:
        if not path.is_file():
            raise _refused(f"names {str(path)[:200]!r}, and there is no such file; the JSON itself would begin with a brace.")
        with path.open("rb") as file:
            content = file.read(LARGEST_TEXT + 1)
        if len(content) > LARGEST_TEXT:
            raise _refused(f"names a file larger than {LARGEST_TEXT / 1e6:g} MB: leave out what is far away.")
        return content.decode()
    except (OSError, ValueError):
        raise _refused(f"names {str(path)[:200]!r}, which cannot be read as text: check the file.") from None


def _refused(what: str) -> RequestError:
    return RequestError(f"api_catalog_file {what}", "api_catalog_file")
