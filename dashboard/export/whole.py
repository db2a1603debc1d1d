"""Files that appear in a folder together, or not at all."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dashboard.errors import ProductError, StorageFull
from dashboard.products.disk import is_full


@contextmanager
def written_whole(folder: Path) -> Iterator[Path]:
    """A place for new files; when all are written they move into the folder, each replacing an older one.

    Raises
    ------
    StorageFull
        When no space is left.
    ProductError
        When the folder cannot be written for another reason.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".export-", dir=folder) as name_of_part:
            part = Path(name_of_part)
            yield part
            for path in sorted(part.iterdir()):
                path.replace(folder / path.name)
    except OSError as error:
        if is_full(error):
            raise StorageFull(f"No space is left in {folder}: free some and export again; the run itself is kept.") from error
        raise ProductError(f"{folder} cannot be written: {error.strerror or error}. Choose another folder.") from error
