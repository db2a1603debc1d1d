"""The JSON of an answer, parsed once, its arrays left where they are.

Nearly all of an answer is base64 text in a few fields named "binarys". They are cut out before parsing and put back as
views of the bytes received, which saves the parser most of its work and two copies of everything.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final

# A quoted name followed by a colon is a key: inside a text the first quote would be escaped.
_ARRAY: Final = re.compile(rb'"binarys"\s*:\s*"')


def parse(content: bytes) -> Any:
    """The document; bare NaN and Infinity, which JSON does not know, are taken as NaN.

    Returns
    -------
    Any
        Texts under the key "binarys" are memoryviews of `content`, all else as from `json`.

    Raises
    ------
    ValueError, RecursionError
        When it is cut short or no JSON.
    """
    pieces: list[bytes | memoryview] = []
    arrays: list[memoryview] = []
    view, position = memoryview(content), 0
    while match := _ARRAY.search(content, position):
        end = content.index(b'"', match.end())
        if content.find(b"\\", match.end(), end) >= 0:
            raise ValueError("an escape in base64")
        pieces += [view[position : match.end()], str(len(arrays)).encode()]
        arrays.append(view[match.end() : end])
        position = end
    pieces.append(view[position:])

    def restored(item: dict[str, Any]) -> dict[str, Any]:
        if isinstance(item.get("binarys"), str):
            item["binarys"] = arrays[int(item["binarys"])]
        return item

    return json.loads(b"".join(pieces), parse_constant=lambda _: math.nan, object_hook=restored if arrays else None)
