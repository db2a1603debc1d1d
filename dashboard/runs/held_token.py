"""The single user's token: in the memory of the page and of its worker, and nowhere else.

It reaches the worker through the pipe that ties the worker to its parent, so that it never stands in a file, in the
database, in an argument or in a log.
"""

from __future__ import annotations

import os
from collections.abc import Callable


class HeldToken:
    """What is sent with queries from now on; "" is anonymous. Its repr does not show it."""

    def __init__(self, token: str = "") -> None:
        self._token = token.strip()

    def __call__(self) -> str:
        """The token itself."""
        return self._token

    def __repr__(self) -> str:
        return "HeldToken(given)" if self._token else "HeldToken()"

    def replace(self, token: str) -> None:
        """Use another one from the next query on."""
        self._token = token.strip()


def token_of_environment() -> HeldToken:
    """The token the process was started with in ODA_TOKEN."""
    return HeldToken(os.environ.get("ODA_TOKEN", ""))


def send_line(pipe: int, token: str) -> None:
    """Write a token to the worker's pipe."""
    os.write(pipe, token.strip().encode() + b"\n")


def receive_lines(pipe: int, take: Callable[[str], None]) -> None:
    """Pass on each line that comes through the pipe; return when its other end is closed."""
    rest = b""
    while received := os.read(pipe, 4096):
        *lines, rest = (rest + received).split(b"\n")
        for line in lines:
            take(line.decode(errors="replace"))
