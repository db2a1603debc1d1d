"""Whether a failed write means that the disk is full."""

from __future__ import annotations

import errno
import re

_WORDS = re.compile(r"Not enough space on disk|\d+ requested and \d+ written")


def is_full(error: BaseException) -> bool:
    """Whether no space, or no quota, was left for a write that failed.

    The number of the error is looked for in the whole chain of causes. Where it is lost the words tell: NumPy says how much
    of an array was written, astropy how much space there is.
    """
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, OSError) and (link.errno in (errno.ENOSPC, errno.EDQUOT) or (link.errno is None and _WORDS.search(str(link)))):
            return True
        link = link.__cause__ or link.__context__
    return False
