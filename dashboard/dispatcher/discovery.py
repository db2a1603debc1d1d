"""Finding the token of a single user where MMODA's own client leaves it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from dashboard.dispatcher.token import inspect
from dashboard.errors import NotAuthorized


def discover(environ: Mapping[str, str] | None = None, folder: Path | None = None) -> tuple[str, str]:
    """The first token that has not expired, in oda-api's order: ODA_TOKEN, .oda-token here, .oda-token at home, .oda_api_context here.

    Parameters
    ----------
    environ
        The process's when not given.
    folder
        The present one when not given.

    Returns
    -------
    token, place
        Where it was found, in words; ("", "") when there is none.
    """
    for text, place in _candidates(os.environ if environ is None else environ, Path.cwd() if folder is None else folder):
        try:
            if text and not inspect(text).expired:
                return text, place
        except NotAuthorized:
            continue
    return "", ""


def _candidates(environ: Mapping[str, str], folder: Path) -> Iterator[tuple[str, str]]:
    yield environ.get("ODA_TOKEN", "").strip(), "ODA_TOKEN"
    yield _text(folder / ".oda-token"), ".oda-token in this folder"
    if home := environ.get("HOME"):
        yield _text(Path(home) / ".oda-token"), ".oda-token in your home"
    try:
        context = json.loads(_text(folder / ".oda_api_context") or "{}")
        yield str(context.get("token") or "").strip(), ".oda_api_context in this folder"
    except (ValueError, AttributeError):
        return


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""
