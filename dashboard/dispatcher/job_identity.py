"""The id a dispatcher gives a job, foretold from its parameters.

dispatcher-app hashes all parameters, defaults filled in, but those of the session, and the user's e-mail address; recorded
exchanges bear it out (tests/dispatcher/test_job_identity.py). Neither the order of lists nor that of the characters within
a value counts there: jobs for pointings 0012 and 0021 alone, of one revolution, share an id.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

NOT_HASHED: Final = frozenset(
    {"session_id", "job_id", "token", "dry_run", "oda_api_version", "api", "off_line", "query_status", "async_dispatcher"}
)
"""Parameters that do not make a job another one."""


def foretold_job_id(parameters: Mapping[str, Any], user: str) -> str:
    """16 hex digits.

    Parameters
    ----------
    parameters
        As the dispatcher records them, defaults filled in; the kind of a number counts (1000 is not 1000.0).
    user
        `sub` of the token, "" for an anonymous user.
    """
    hashed = {name: value for name, value in parameters.items() if name not in NOT_HASHED and value is not None}
    return _digest(hashed | ({"sub": user} if user else {}))


def _digest(value: Any) -> str:
    if isinstance(value, Mapping):
        return _digest(list(value.items()))
    if isinstance(value, list | tuple):
        return _md5(_digest(item) for item in value)
    return _md5(json.dumps(value))


def _md5(parts: Iterable[str]) -> str:
    return hashlib.md5(json.dumps(sorted(parts)).encode(), usedforsecurity=False).hexdigest()[:16]
