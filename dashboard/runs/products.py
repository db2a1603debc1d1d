"""The product store: immutable files under one fsspec URL, written whole or not at all. `docs/storage.md` tells how to read them.

batches/<two digits>/<batch_id>.fits       what a batch came back with; runs share it
runs/<run_id>/run.json                     the run: request, state, its batches with their files; the one file that is replaced
runs/<run_id>/sum-<job>-<version>.fits     sums, from which a run goes on
runs/<run_id>/mosaic-<job>-<version>.fits  the mosaic they make
runs/<run_id>/sources-<job>-<version>.json its sources
runs/<run_id>/histogram-<job>-<version>.json
                                           how its significance is distributed
runs/<run_id>/spectra-<job>-<version>.fits summed spectra with their responses
runs/<run_id>/curves-<job>-<version>.fits  joined light curves
<folder>/.<eight digits>.<name>            a file that is being written; left over when that was cut short
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final, TypeVar

import fsspec
from fsspec.implementations.local import LocalFileSystem

from dashboard.errors import ProductError, StorageAway, StorageFull
from dashboard.products.disk import is_full

Value = TypeVar("Value")

_OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "s3": {"config_kwargs": {"connect_timeout": 10, "read_timeout": 60, "retries": {"max_attempts": 2, "mode": "standard"}}}
}
"""Of file systems that would wait for minutes by themselves."""
_BATCH: Final = re.compile(r"batches/[0-9a-f]{2}/([0-9a-f]{24})\.fits")
_RUN: Final = re.compile(r"runs/(\d{8}-\d{6}-[0-9a-f]{4})(?:/.*)?")
_SUM: Final = re.compile(r"runs/[^/]+/[a-z]+-(\d+)-(\d+)\.(?:fits|json)")
_PART: Final = re.compile(r"(?:.*/)?\.[0-9a-f]{8}\.[^/]+")


def batch_file(batch_id: str) -> str:
    """Name of a batch's product."""
    return f"batches/{batch_id[:2]}/{batch_id}.fits"


def run_file(run_id: str, kind: str, job: int, version: int) -> str:
    """Name of a run's product; `kind` is "sum", "mosaic", "sources", "histogram", "spectra" or "curves"."""
    return f"runs/{run_id}/{kind}-{job}-{version}.{'json' if kind in {'sources', 'histogram'} else 'fits'}"


def run_document_file(run_id: str) -> str:
    """Name of the file that tells what a run is."""
    return f"runs/{run_id}/run.json"


def batch_of(name: str) -> str:
    """The batch whose product a file is, by its name; "" when it is none."""
    found = _BATCH.fullmatch(name)
    return found[1] if found else ""


def run_of(name: str) -> str:
    """The run in whose folder a file is, or whose folder it is, by its name; "" when it is neither."""
    found = _RUN.fullmatch(name)
    return found[1] if found else ""


def publication_of(name: str) -> tuple[int, int] | None:
    """Job and version of a file that belongs to a publication; None for others."""
    found = _SUM.fullmatch(name)
    return (int(found[1]), int(found[2])) if found else None


def is_part(name: str) -> bool:
    """Whether it is a file that is being written, or was when its writer died."""
    return _PART.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of the store.

    Attributes
    ----------
    name
        As everywhere, relative to the store.
    n_bytes
        Its size.
    changed
        Seconds since 1970 (UTC) when it was written.
    """

    name: str
    n_bytes: int
    changed: float


class ProductStore:
    """Files by name. Readers and writers get a path on the local disk, wherever the store is.

    Every method raises StorageAway when a store that is not a folder does not answer.

    Parameters
    ----------
    url
        A folder, or a URL that fsspec knows.
    """

    def __init__(self, url: str) -> None:
        # Listings are not remembered: other processes write, too.
        self._files, root = fsspec.url_to_fs(url, use_listings_cache=False, **_OPTIONS.get(url.partition("://")[0], {}))
        self._root = PurePosixPath(root)
        self._local = isinstance(self._files, LocalFileSystem)

    def exists(self, name: str) -> bool:
        """Whether the file is there, whole."""
        with self._asking():
            return bool(self._files.exists(str(self._root / name)))

    def write(self, name: str, writer: Callable[[Path], None]) -> None:
        """Let `writer` fill a file that then takes its name in one act, replacing an older one.

        Raises
        ------
        StorageFull
            When no space is left.
        ProductError
            When the store cannot be written for another reason.
        """
        target = str(self._root / name)
        try:
            if not self._local:
                with tempfile.TemporaryDirectory() as folder:
                    path = Path(folder) / PurePosixPath(name).name
                    writer(path)
                    with self._asking():
                        self._files.put_file(str(path), target)
                return
            path = Path(target).with_name(f".{secrets.token_hex(4)}.{Path(target).name}")
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                writer(path)
                with path.open("rb") as written:
                    os.fsync(written.fileno())
                path.replace(target)
            finally:
                path.unlink(missing_ok=True)
        except OSError as error:
            if is_full(error):
                raise StorageFull(f"No space is left for {name} in the product store: free some; it is tried again by itself.") from error
            raise ProductError(f"{name} cannot be written to the product store: {error.strerror or error}. See to its rights.") from error

    def read(self, name: str, reader: Callable[[Path], Value]) -> Value:
        """What `reader` makes of the file.

        Raises
        ------
        ProductError
            When the file is not there, or cannot be read.
        """
        source = str(self._root / name)
        try:
            if self._local:
                if not Path(source).is_file():
                    raise FileNotFoundError(errno.ENOENT, "no such file")
                return reader(Path(source))
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / PurePosixPath(name).name
                with self._asking():
                    self._files.get_file(source, str(path))
                return reader(path)
        except OSError as error:
            raise ProductError(
                f"{name} cannot be read from the product store: {error.strerror or error}. Ask its batches again."
            ) from error

    def remove(self, name: str) -> int:
        """Remove the file if it is there; its bytes.

        Raises
        ------
        ProductError
            When it cannot be removed.
        """
        if not self.exists(name):
            return 0
        size = self.size(name)
        with _removing(name), self._asking():
            self._files.rm_file(str(self._root / name))
        return size

    def remove_folder(self, name: str) -> int:
        """Remove a folder with all that is in it; the bytes of its files. Raises as `remove`."""
        folder = str(self._root / name)
        if not self.exists(name):
            return 0
        size = self.size(name)
        with _removing(name), self._asking():
            self._files.rm(folder, recursive=True)
        return size

    def size(self, name: str) -> int:
        """Bytes of a file or of all files in a folder; 0 when it is not there."""
        return sum(file.n_bytes for file in self.files(name))

    def files(self, name: str = "") -> Iterator[StoredFile]:
        """All files of a folder, hidden ones too, or a file; what goes while one looks is left out."""
        path = str(self._root / name)
        try:
            with self._asking():
                found: dict[str, dict[str, Any]] = self._files.find(path, detail=True)
                found = found if list(found) != [path] else {path: self._files.info(path)}
        except FileNotFoundError:
            return
        for full, about in found.items():
            yield StoredFile(str(PurePosixPath(full).relative_to(self._root)), int(about["size"] or 0), _changed(about))

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """What a store that is no folder answers: that a file is missing or locked away is an answer, all else is none."""
        try:
            yield
        except (FileNotFoundError, PermissionError):
            raise
        except Exception as error:
            if self._local:
                raise
            what = f"{type(error).__name__}: {error}" if isinstance(error, OSError) else type(error).__name__
            raise StorageAway(f"The product store does not answer ({what[:200]}): it is asked again by itself.") from error


def _changed(about: dict[str, Any]) -> float:
    """When a file was written, as its file system tells it."""
    moment = next((about[key] for key in ("mtime", "LastModified", "last_modified", "updated", "created") if about.get(key)), 0.0)
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return moment.timestamp() if isinstance(moment, datetime) else float(moment)


@contextmanager
def _removing(name: str) -> Iterator[None]:
    """What is gone already need not be removed."""
    try:
        yield
    except FileNotFoundError:
        return
    except OSError as error:
        raise ProductError(f"{name} cannot be removed from the product store: {error.strerror or error}. See to its rights.") from error
