"""Content-Encoding of an answer: packed once, by deflate, at the most.

What is packed twice grows a million times: one piece of the network, 64 kB, would be 64 GB before anybody could count; packed once, 66 MB.
"""

from __future__ import annotations

from typing import Final

ONCE: Final = ("", "identity", "gzip", "x-gzip", "deflate")


def packed_once(content_encoding: str) -> bool:
    """Whether an answer with this header may be unpacked."""
    return content_encoding.strip().lower() in ONCE
