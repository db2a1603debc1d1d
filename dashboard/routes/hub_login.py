"""Login by the JupyterHub whose service this is, for `panel serve --auth-module`.

Who asks is found out with the hub at every request: the hub's cookie, which is for the service's path alone, is looked up by its own client
(`HubOAuth`, remembered for a minute). No cookie of ours says who it is, so that none is left after the hub's logout.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from jupyterhub.services.auth import HubOAuth, HubOAuthCallbackHandler
from jupyterhub.utils import url_path_join
from tornado.httputil import url_concat
from tornado.web import HTTPError, RequestHandler

REMEMBERED_SECONDS: Final = 60
login_url = "/oauth_callback"
"""Where Bokeh sends who is nobody yet, and the hub who has logged in."""

auth = HubOAuth.instance(cache_max_age=REMEMBERED_SECONDS)


async def get_user_async(handler: RequestHandler) -> str | None:
    """Name of the hub's user who asks, None for nobody; HTTP 403 for who may not use this service."""
    found: dict[str, Any] | None = await auth.get_user(handler, sync=False)
    if not found or found.get("kind", "user") != "user":
        return None
    if not auth.check_scopes(auth.access_scopes, found):
        raise HTTPError(403, reason="The hub does not let you use this service")
    return str(found["name"])


class LoginHandler(HubOAuthCallbackHandler):
    """Begins the login at the hub, and completes it."""

    async def get(self) -> None:
        """To the hub, or from it to the page that was asked for."""
        if self.get_argument("code", "") or self.get_argument("error", ""):
            await super().get()
            return
        wanted = urlsplit(self.get_argument("next", ""))
        inside = not wanted.scheme and not wanted.netloc and wanted.path.startswith(auth.base_url)
        back = f"{wanted.path}?{wanted.query}" if inside else url_path_join(auth.base_url, "app")
        verifier, challenge, method = auth.generate_pkce_code_challenge()
        state = auth.set_state_cookie(self, next_url=back, code_verifier=verifier)
        self.redirect(url_concat(auth.login_url, {"state": state, "code_challenge": challenge, "code_challenge_method": method}))
