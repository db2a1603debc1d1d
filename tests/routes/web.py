"""The routes on a port of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.web import Application

from dashboard.routes.plugin import ROUTES


def fetch(path: str, headers: Mapping[str, str] | None = None, *, xheaders: bool = False) -> HTTPResponse:
    """What is answered; with `xheaders` the server believes what a proxy says of who asks."""

    async def ask() -> HTTPResponse:
        server = Application(ROUTES).listen(0, "127.0.0.1", xheaders=xheaders)
        try:
            (socket,) = server._sockets.values()
            url = f"http://127.0.0.1:{socket.getsockname()[1]}/{path}"
            return await AsyncHTTPClient().fetch(url, raise_error=False, headers=dict(headers or {}))
        finally:
            server.stop()
            await server.close_all_connections()

    return asyncio.run(ask())
