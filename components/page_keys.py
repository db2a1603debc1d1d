"""The right end of a header: documentation, keys, light or dark."""

from __future__ import annotations

from components.words import Words


def page_keys(page: str) -> Words:
    """What `assets/page.js` listens to, after a link to a page of the documentation; hidden panes wait on the shelf."""
    html = (
        f'<span data-shelf></span><a href="docs/{page}" target="_blank" title="Documentation">Docs</a>'
        '<button type="button" data-act="keys" title="Keys (?)" aria-label="List of keys">?</button>'
        '<button type="button" data-act="theme" title="Light or dark (D)" aria-label="Light or dark">◐</button>'
    )
    return Words(html, "page-acts")
