"""What processes say of themselves: lines of text, or of JSON, in which no secret stands whoever wrote them.

What a message is about stands beside it under the names of `FIELDS`, given as `extra`:

    log.info("Batch %s is done.", batch_id, extra={"batch_id": batch_id, "seconds": 12.5})
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from dashboard.settings import Settings

FIELDS: Final = ("run_id", "batch_id", "attempt", "host", "state", "seconds", "bytes", "worker")
MASK: Final = "[secret]"
SHORTEST: Final = 6
"""Characters of a secret that is looked for by its value: a shorter one would be found in everything."""
_NAME: Final = r"[\w-]{0,40}(?:token|passw(?:or)?d|secret|(?:api|access)_?key|authorization)"
_PATTERNS: Final = (
    # JSON web tokens, RFC 7519: three parts in base64url, the first an object
    (re.compile(r"\bey[\w-]{6,}\.[\w-]{4,}\.[\w-]*|\b[\w-]{20,}\.[\w-]{20,}\.[\w-]{20,}"), MASK),
    (re.compile(r"(?<=[?&])(link|copy|ticket)=[^\s&#'\")]+"), rf"\1={MASK}"),  # what opens something for whoever has the address
    (re.compile(r"(?<=://)([^\s/:@'\"]*):[^\s/'\"]+@"), rf"\1:{MASK}@"),
    (re.compile(rf"(?i)\b({_NAME}(?:=|%3D))[^\s&;,'\")\]}}]+"), rf"\1{MASK}"),
    (re.compile(rf"(?i)((['\"]){_NAME}\2\s*[:,]\s*[\[(]*b?(['\"])).*?(?<!\\)\3"), rf"\1{MASK}\3"),
    (re.compile(rf"(?i)\b(authorization:\s*(?:\w+\s+)?|{_NAME}=b?['\"]|bearer\s+(?=\S{{12}}))[^\s'\",]+"), rf"\1{MASK}"),
)


class Redactor:
    """Masks whatever looks like a secret, and the deployment's own.

    Parameters
    ----------
    secrets
        Of the deployment.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = sorted((secret for secret in secrets if len(secret) >= SHORTEST), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text without them."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        for pattern, mask in _PATTERNS:
            text = pattern.sub(mask, text)
        return text


class TextForm(logging.Formatter):
    """A line of text, followed by what led to an error."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """The record as text."""
        return self._redactor(super().format(record))


class JsonForm(logging.Formatter):
    """An object a line: time (UTC), level, logger, message, process, the fields that the message has, and what led to an error."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        about: dict[str, Any] = {
            "time": f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "process": _process.name,
        }
        about |= {name: value for name in FIELDS if (value := getattr(record, name, None)) is not None}
        if record.exc_info:
            about["traceback"] = self.formatException(record.exc_info)
        if record.stack_info:
            about["stack"] = record.stack_info
        clean = {name: self._redactor(value) if isinstance(value, str) else value for name, value in about.items()}
        return json.dumps(clean, ensure_ascii=False, default=lambda value: self._redactor(str(value)))


class _Process:
    name = f"{os.uname().nodename}:{os.getpid()}"


_process = _Process()


def call_process(process_id: str) -> None:
    """Say under which id this process is known to the others."""
    _process.name = process_id


def begin_logging(settings: Settings) -> None:
    """From now on this process writes as the deployment wants it, to stderr or wherever its handlers write already.

    The program's own messages are written from INFO on, those of libraries from WARNING on unless they say otherwise.
    """
    form = (JsonForm if settings.log_form == "json" else TextForm)(Redactor(settings.secrets))
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.StreamHandler())
    for name in ("dashboard", "components"):
        logging.getLogger(name).setLevel(logging.INFO)
    dbos = logging.getLogger("dbos")
    if not dbos.handlers:  # it would bring a handler of its own
        dbos.addHandler(logging.NullHandler())
    known = [logger for logger in logging.Logger.manager.loggerDict.values() if isinstance(logger, logging.Logger)]
    for handler in (handler for logger in (root, *known) for handler in logger.handlers):
        handler.setFormatter(form)
    logging.captureWarnings(True)
    sys.excepthook = lambda kind, error, trace: root.critical("Not caught", exc_info=(kind, error, trace))
    threading.excepthook = _of_thread


def _of_thread(about: threading.ExceptHookArgs) -> None:
    if about.exc_value is not None and not issubclass(about.exc_type, SystemExit):
        name = about.thread.name if about.thread else "a thread"
        logging.getLogger().critical("Not caught in %s", name, exc_info=(about.exc_type, about.exc_value, about.exc_traceback))
