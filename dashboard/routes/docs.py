"""The documentation beside the page: docs/<name>.md as /docs/<name>, and all that there is as /docs/."""

from __future__ import annotations

import base64
import hashlib
import re
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token
from tornado.web import RequestHandler

from assets import asset_path

FOLDER: Final = Path(str(files("assets"))) / "docs"
KINDS: Final = {".png": "image/png", ".json": "application/json"}
_MARKDOWN: Final = MarkdownIt("commonmark", {"html": False}).enable("table")
_THEME: Final = 'const saved = localStorage.getItem("integral-theme"); if (saved) document.documentElement.dataset.theme = saved'
_POLICY: Final = (
    "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    f"script-src 'sha256-{base64.b64encode(hashlib.sha256(_THEME.encode()).digest()).decode()}'"
)


def parameter_link(name: str) -> str:
    """Where a request's parameter is explained; relative to the page's address, so that it holds under any prefix."""
    return f"docs/parameters#{name}"


class Docs(RequestHandler):
    """GET docs/<name>."""

    def get(self, name: str) -> None:
        """A page, a picture or an example; what a folder holds; 404 for what is not there. Only what is listed here is read."""
        self.set_header("Content-Security-Policy", _POLICY)
        pages = {path.stem: path for path in FOLDER.glob("*.md")}
        others = {f"{path.parent.name}/{path.name}": path for path in FOLDER.glob("*/*") if path.suffix in KINDS}
        inside = [other for other in sorted(others) if other.startswith(f"{name}/")]
        if name in others:
            self.set_header("Content-Type", KINDS[others[name].suffix])
            self.finish(others[name].read_bytes())
        elif name in pages:
            self.finish(plain_page(*rendered(pages[name].read_text())))
        elif not name:
            titles = {page: rendered(path.read_text())[0] for page, path in pages.items()}
            self.finish(plain_page(*_list("Documentation", dict(sorted(titles.items(), key=lambda item: item[1])))))
        elif inside:
            self.finish(plain_page(*_list(name, {other: other for other in inside})))
        else:
            self.set_status(404)
            up = "../" * name.count("/")
            sentence = f'There is no page of this name. <a href="{up or "./"}">All pages</a> lists what there is.'
            self.finish(plain_page("Not found", f"<h1>Not found</h1><p>{sentence}</p>", up))


def rendered(text: str) -> tuple[str, str]:
    """Title and HTML of a page in Markdown.

    Headings have the anchors that GitHub gives them, rows of parameters their names, and links to other pages lose the .md.
    """
    tokens = _MARKDOWN.parse(text)
    title = column = ""
    for at, token in enumerate(tokens):
        match token.type:
            case "heading_open":
                title = title or tokens[at + 1].content
                _anchor(token, tokens[at + 1], re.sub(r"[^\w\- ]", "", tokens[at + 1].content.lower()).replace(" ", "-"))
            case "table_open":
                column = ""
            case "th_open":
                column = column or tokens[at + 1].content
            case "tr_open" if column == "parameter":
                _anchor(token, tokens[at + 2], tokens[at + 2].content.strip("`"))
            case "inline":
                for link in (child for child in token.children or () if child.type == "link_open"):
                    link.attrSet("href", re.sub(r"^([\w-]+)\.md(?=#|$)", r"\1", str(link.attrGet("href"))))
    return title, str(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}))


def _anchor(opening: Token, inline: Token, name: str) -> None:
    """Give what a token opens a name, and its text a link to it."""
    opening.attrSet("id", name)
    link = f'<a class="anchor" href="#{escape(name)}" aria-label="Link to here">#</a>'
    (inline.children or []).append(Token("html_inline", "", 0, content=link))


def _list(title: str, links: dict[str, str]) -> tuple[str, str]:
    entries = "".join(f'<li><a href="{escape(address)}">{escape(name)}</a></li>' for address, name in links.items())
    return title, f"<h1>{escape(title)}</h1><ul>{entries}</ul>"


def plain_page(title: str, body: str, up: str = "") -> str:
    """A whole document; `up` leads from its address to that of docs/."""
    style = "\n".join(asset_path(name).read_text() for name in ("theme.css", "docs.css"))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)} · INTEGRAL dashboard</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{style}</style><script>{_THEME}</script></head>'
        f'<body><header><a href="{up}../app">INTEGRAL dashboard</a><a href="{up or "./"}">Documentation</a></header>'
        f"<main>{body}</main></body></html>"
    )
