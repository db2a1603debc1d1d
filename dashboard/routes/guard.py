"""What every answer of the page's process carries and what no request may do, whether a route is ours, Panel's or Bokeh's.

Panel and Bokeh set no Content-Security-Policy, let autoload.js be read by any web page, and read bodies of 100 MB. They have no place
to say otherwise, so tornado's own `Application` is made stricter before they build one. `docs/security.md` says against whom.
"""

from __future__ import annotations

import re
import secrets
from typing import Any, Final

from tornado.httputil import HTTPHeaders, HTTPMessageDelegate, HTTPServerRequest
from tornado.web import Application, ErrorHandler, OutputTransform, RequestHandler

from dashboard.settings import Settings

LARGEST_BODY: Final = 1_000_000
"""Bytes; what is sent in a body is the form of a login. Files come through the websocket."""
HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), clipboard-write=(self)",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Addresses of the page hold links and tickets: they are told to no other site."""
_INLINE: Final = re.compile(rb"<script(?=[\s>])(?![^>]*\ssrc\s*=)")


def guard(settings: Settings, application: type[Application] = Application, handler: type[RequestHandler] = RequestHandler) -> None:
    """Make every application and handler that is built from now on, or was, answer with these headers, limits and cookies."""
    find, set_cookie = application.find_handler, handler.set_cookie
    ancestors, secure = settings.frame_ancestors, settings.address.startswith("https://")

    class Guarded(OutputTransform):
        def transform_first_chunk(
            self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
        ) -> tuple[int, HTTPHeaders, bytes]:
            for name in [name for name in headers if name.startswith("Access-Control-")]:
                del headers[name]
            for name, value in HEADERS.items():
                headers[name] = value
            own = headers.get("Content-Security-Policy")
            if own is None:
                nonce = secrets.token_urlsafe(16)
                own = policy(nonce)
                if finishing and "html" in headers.get("Content-Type", ""):
                    marked, count = _INLINE.subn(b'<script nonce="%b"' % nonce.encode(), chunk)
                    if count:
                        chunk, headers["Content-Length"] = marked, str(len(marked))
                        headers.pop("Etag", None)  # of the text before; and a copy kept would have the nonce of another answer
            headers["Content-Security-Policy"] = f"{own}; frame-ancestors {ancestors}"
            return status_code, headers, chunk

    def find_handler(self: Application, request: HTTPServerRequest, **kwargs: Any) -> HTTPMessageDelegate:
        if Guarded not in self.transforms:
            self.add_transform(Guarded)
        request.connection.set_max_body_size(LARGEST_BODY)  # type: ignore[union-attr]
        if from_another_site(request):
            return self.get_handler_delegate(request, ErrorHandler, {"status_code": 403})
        return find(self, request, **kwargs)

    def guarded_cookie(self: RequestHandler, *args: Any, **kwargs: Any) -> None:
        strict = {"httponly": True, "samesite": "Lax", "secure": secure or self.request.protocol == "https"}
        set_cookie(self, *args, **(kwargs | strict))

    application.find_handler, handler.set_cookie = find_handler, guarded_cookie  # type: ignore[assignment,method-assign]


def policy(nonce: str) -> str:
    """The Content-Security-Policy of an answer whose own inline scripts carry this nonce; no other runs, nor an `onerror` of an element.

    Bokeh makes functions of text (CustomJS, its tickers), which is 'unsafe-eval', and writes styles into its elements.
    """
    return (
        f"default-src 'none'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'self'"
    )


def from_another_site(request: HTTPServerRequest) -> bool:
    """Whether a page of another site asks for more than to be left for this one, as its browser says; websockets have their own check.

    Browsers have told it since 2023 at the latest (Fetch Metadata, W3C); who is no browser carries nobody's cookies.
    """
    told = request.headers.get("Sec-Fetch-Site", "none")
    followed = request.method in ("GET", "HEAD") and request.headers.get("Sec-Fetch-Mode") in ("navigate", "websocket")
    return told in ("cross-site", "same-site") and not followed
