"""The deployment's secret, and the keys derived from it: one a purpose, so that one of them gives no other away."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from dashboard.errors import SettingsError, StorageFull
from dashboard.products.disk import is_full
from dashboard.runs.database import make_data_folder
from dashboard.settings import SHORTEST_KEY, Settings

FILE: Final = "secret.key"


def derived_key(settings: Settings, purpose: str) -> bytes:
    """32 bytes for one purpose (HKDF, RFC 5869), from INTEGRAL_DASHBOARD_KEY or from a file that only its owner can read.

    Raises
    ------
    SettingsError
        When others can read the file, or it is not ours to read.
    RunError, StorageFull
        When it cannot be made.
    """
    secret = settings.key.encode() or _secret_of_file(settings.data_dir)
    return HKDF(SHA256(), length=32, salt=None, info=f"integral-dashboard {purpose}".encode()).derive(secret)


def _secret_of_file(data_dir: Path) -> bytes:
    """Made by whoever comes first."""
    path = data_dir / FILE
    if not path.exists():
        make_data_folder(data_dir)
        own = path.with_name(f".{secrets.token_hex(4)}.key")
        try:
            with os.fdopen(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_bytes(SHORTEST_KEY))
            with suppress(FileExistsError):
                os.link(own, path)  # of several processes the first one's secret stays
        except OSError as error:
            kind = StorageFull if is_full(error) else SettingsError
            raise kind(
                f"{path} cannot be made ({error.strerror}): free some space, see to its rights, or set INTEGRAL_DASHBOARD_KEY."
            ) from error
        finally:
            own.unlink(missing_ok=True)
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise SettingsError(f"{path} can be read by others: make it yours alone (chmod 600), or remove it and give tokens again.")
        secret = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read ({error.strerror}): see to its rights, or set INTEGRAL_DASHBOARD_KEY.") from error
    if len(secret) < SHORTEST_KEY:
        raise SettingsError(f"{path} was cut short: remove it, and give tokens again.")
    return secret
