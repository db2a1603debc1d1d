"""A copy of a deployment on SQLite, taken while it works, and the way back.

    backup.json        what follows: names, sizes, SHA-256; written last, so that a copy which was cut short has none
    dashboard.sqlite   the database at one moment
    secret.key         what opens the sealed tokens in it
    products/...       the product store; at least all that the database names

Products are immutable, and the database names a file after it is there: it is copied first, then what it names. What it names may be
superseded, or removed, before it is copied; then both are taken once more.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator, Set
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final

import sqlalchemy as sa

from dashboard import __version__
from dashboard.errors import ProductError, RunError, StorageFull
from dashboard.products.disk import is_full
from dashboard.runs.database import make_data_folder
from dashboard.runs.products import ProductStore, is_part, publication_of, run_file, run_of
from dashboard.runs.run_state import ACTIVE_RUN
from dashboard.runs.secret_key import FILE as KEY
from dashboard.runs.upgrade import FIRST, HEAD
from dashboard.settings import Settings

FORMAT: Final = 1
TRIES: Final = 5
DATABASE, CONTENTS, PRODUCTS = "dashboard.sqlite", "backup.json", "products"
PACKED: Final = (".tar", ".tar.gz")


@dataclass(frozen=True, slots=True)
class Backup:
    """What was copied.

    Attributes
    ----------
    at
        When the database was: seconds since 1970 (UTC).
    files
        Of the product store.
    n_bytes
        Of all.
    has_key
        Whether the tokens in it can be opened with it.
    missing
        Files that the database names and that could not be read, whenever it was copied.
    """

    at: float
    files: int
    n_bytes: int
    has_key: bool
    missing: tuple[str, ...]


def back_up(settings: Settings, out: Path, *, with_key: bool = True) -> Backup:
    """Copy database, key and products into a new folder, or into one file when its name ends as those of `PACKED`.

    Raises
    ------
    RunError
        On PostgreSQL; when there is nothing to copy, or something where the copy is to be.
    StorageAway, StorageFull
        When the product store does not answer, or the copy does not fit.
    """
    source = _database_file(settings)
    if not source.exists():
        raise RunError(f"There is no database at {source}, so that there is nothing to copy: see INTEGRAL_DASHBOARD_DATA.")
    if out.exists():
        raise RunError(f"{out} is there already, and a backup replaces nothing: name another place.")
    with _telling(out), tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as name:
        folder = Path(name)
        found = _copy(settings, source, folder, with_key=with_key)
        if out.name.endswith(PACKED):
            _pack(folder, out)
        else:
            folder.rename(out)
    return found


def restore(settings: Settings, source: Path) -> Backup:
    """Put a backup into a deployment that has no database yet; nothing is changed unless all of it is whole.

    Raises
    ------
    RunError
        When it is damaged, of a later version, or there is a database already.
    StorageAway, StorageFull, ProductError
        When it cannot be written.
    """
    target = _database_file(settings)
    if target.exists():
        raise RunError(f"{target} is there already, and restoring replaces nothing: move it away, or set INTEGRAL_DASHBOARD_DATA.")
    make_data_folder(settings.data_dir)
    with _telling(settings.data_dir), _unpacked(source, settings.data_dir) as folder:
        contents = _checked(source, folder)
        products = ProductStore(settings.storage_url)
        for name in (name for name in contents["files"] if name.startswith(f"{PRODUCTS}/")):
            products.write(name.removeprefix(f"{PRODUCTS}/"), partial(shutil.copyfile, folder / name))
        if KEY in contents["files"]:
            _own(folder / KEY, settings.data_dir / KEY)
        _own(folder / DATABASE, target)
    return _told(contents)


def _copy(settings: Settings, source: Path, folder: Path, *, with_key: bool) -> Backup:
    products = ProductStore(settings.storage_url)
    files: dict[str, list[Any]] = {}

    def take(name: str) -> None:
        copy = folder / PRODUCTS / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        files[f"{PRODUCTS}/{name}"] = products.read(name, lambda path: _with_room(path, copy))

    for number in range(1, TRIES + 1):
        at, missing = datetime.now(UTC), []
        files[DATABASE] = _copy_database(source, folder / DATABASE)
        for name in _named(folder / DATABASE, products):
            try:
                if f"{PRODUCTS}/{name}" not in files:
                    take(name)
            except ProductError:
                missing.append(name)
                if number < TRIES:
                    break
        if not missing:
            break
    for name in [file.name for file in products.files()]:
        with suppress(ProductError):  # it went meanwhile, and the database does not name it
            if not is_part(name) and f"{PRODUCTS}/{name}" not in files:
                take(name)
    if with_key and (settings.data_dir / KEY).exists():
        files[KEY] = _copy_file(settings.data_dir / KEY, folder / KEY)
        (folder / KEY).chmod(0o600)
    contents = {
        "format": FORMAT,
        "version": __version__,
        "schema": _schema(folder / DATABASE),
        "at": at.isoformat(),
        "files": files,
        "missing": missing,
    }
    (folder / CONTENTS).write_text(json.dumps(contents, indent=0))
    return _told(contents)


def _copy_database(source: Path, copy: Path) -> list[Any]:
    """By SQLite itself, so that it is that of one moment whoever writes meanwhile."""
    copy.unlink(missing_ok=True)
    with closing(sqlite3.connect(source)) as there, closing(sqlite3.connect(copy)) as here:
        there.backup(here)
        here.execute("PRAGMA journal_mode=DELETE")  # one file
    copy.chmod(0o600)
    return _hash(copy)


def _schema(database: Path) -> str:
    """It may be an older one: a copy is best taken before the first look of a new version."""
    with closing(sqlite3.connect(database)) as connection:
        noted = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]) if noted else FIRST


def _named(database: Path, products: ProductStore) -> Iterator[str]:
    """Files that the database names, those first that do not last: sums of runs that go on."""
    with closing(sqlite3.connect(database)) as connection:
        sums = connection.execute("SELECT run_id, sums_json, state FROM runs").fetchall()
        batches = connection.execute("SELECT product_file FROM batches WHERE state = 'done' AND product_file != ''").fetchall()
    for run_id, text, _ in sorted(sums, key=lambda row: row[2] not in ACTIVE_RUN):
        shown = {(int(job), version) for job, version in json.loads(text).items() if version > 0}
        yield from (run_file(run_id, "sum", job, version) for job, version in shown)
        if shown:
            yield from (file.name for file in products.files(f"runs/{run_id}") if _of_publication(file.name, shown))
    yield from (name for (name,) in batches)


def _of_publication(name: str, shown: Set[tuple[int, int]]) -> bool:
    return bool(run_of(name)) and publication_of(name) in shown


def _checked(source: Path, folder: Path) -> dict[str, Any]:
    """What a backup holds, all of it as it was written."""
    try:
        contents: dict[str, Any] = json.loads((folder / CONTENTS).read_text())
        files = {str(name): (int(size), str(digest)) for name, (size, digest) in contents["files"].items()}
        form, schema, _ = int(contents["format"]), str(contents["schema"]), datetime.fromisoformat(contents["at"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{source} is no whole backup: its {CONTENTS} is missing or cannot be read. Take an older one.") from error
    if form > FORMAT or schema > HEAD:
        raise RunError(f"{source} was made by a later version of this program ({contents.get('version')}): restore it with that one.")
    for name, about in files.items():
        inside = not PurePosixPath(name).is_absolute() and ".." not in PurePosixPath(name).parts
        if not inside or not (folder / name).is_file() or tuple(_hash(folder / name)) != about:
            raise RunError(f"{source} is damaged: {name[:200]} is missing, or not what was copied. Nothing was restored: take another one.")
    if DATABASE not in files:
        raise RunError(f"{source} holds no database: take another one.")
    return contents


def _told(contents: dict[str, Any]) -> Backup:
    files = contents["files"]
    number = sum(name.startswith(f"{PRODUCTS}/") for name in files)
    n_bytes = sum(size for size, _ in files.values())
    return Backup(datetime.fromisoformat(contents["at"]).timestamp(), number, n_bytes, KEY in files, tuple(contents["missing"]))


def _pack(folder: Path, out: Path) -> None:
    part = folder.with_suffix(".part")
    try:
        with (
            os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file,
            tarfile.open(fileobj=file, mode="w:gz" if out.name.endswith(".gz") else "w") as packed,
        ):
            packed.add(folder, arcname="")
        part.rename(out)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _unpacked(source: Path, beside: Path) -> Iterator[Path]:
    if source.is_dir():
        yield source
        return
    with tempfile.TemporaryDirectory(dir=beside, prefix=".restore.") as folder:
        try:
            with tarfile.open(source) as packed:
                packed.extractall(folder, filter="data")
        except (FileNotFoundError, PermissionError, tarfile.TarError, EOFError) as error:
            raise RunError(f"{source} cannot be read as a backup, or was cut short: {type(error).__name__}. Take another one.") from error
        yield Path(folder)


def _own(source: Path, target: Path) -> None:
    """Whole or not at all, and ours alone."""
    part = target.with_name(f".{target.name}.part")
    _copy_file(source, part)
    part.chmod(0o600)
    part.rename(target)


def _with_room(source: Path, target: Path) -> list[Any]:
    """A copy for which there is no room is no product that cannot be read."""
    try:
        return _copy_file(source, target)
    except OSError as error:
        if is_full(error):
            raise _full(target.parent) from error
        raise


def _full(place: Path) -> StorageFull:
    return StorageFull(f"No space is left for {place}: free some, or name another disk.")


def _copy_file(source: Path, target: Path) -> list[Any]:
    shutil.copyfile(source, target)
    with target.open("rb") as written:
        os.fsync(written.fileno())
    return _hash(target)


def _hash(path: Path) -> list[Any]:
    """Size in bytes and SHA-256, as `CONTENTS` has them."""
    with path.open("rb") as file:
        return [path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()]


def _database_file(settings: Settings) -> Path:
    if settings.shared:
        raise RunError(
            "The database is PostgreSQL, which has tools of its own: pg_dump first, then a copy of the product store. "
            "The documentation (docs/storage.md) has the commands."
        )
    return Path(sa.make_url(settings.database_url).database or "")


@contextmanager
def _telling(place: Path) -> Iterator[None]:
    """What the disk refuses, and what SQLite does, as a sentence."""
    try:
        yield
    except sqlite3.Error as error:
        raise RunError(f"The database cannot be copied: {error}. See that it is one of this program's, and whole.") from error
    except OSError as error:
        if is_full(error):
            raise _full(place) from error
        raise RunError(f"{place} cannot be written or read: {error.strerror or error}. See to its rights.") from error
