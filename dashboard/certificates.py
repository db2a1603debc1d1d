"""Whom HTTPS trusts, read once a process: httpx reads all certificates anew for each client, 20 ms of CPU every time."""

from __future__ import annotations

import os
import ssl
from functools import cache

import certifi


@cache
def trusted() -> ssl.SSLContext:
    """The context that httpx makes by itself: SSL_CERT_FILE or SSL_CERT_DIR of the environment, else certifi's list."""
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    return ssl.create_default_context(cafile=file or (None if folder else certifi.where()), capath=None if file else folder or None)
