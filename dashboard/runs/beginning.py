"""What is set wrongly is said when a process of a deployment begins, not to the first visitor."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from dashboard.errors import DashboardError, SettingsError
from dashboard.notices.mail_server import mail_server
from dashboard.runs.database import make_data_folder, refuse_network_disk
from dashboard.runs.products import ProductStore
from dashboard.runs.readiness import see_folder
from dashboard.runs.secret_key import derived_key
from dashboard.settings import Settings
from dashboard.variables import PREFIX, VARIABLES, unknown

_ELSEWHERE = ("HOME", "XDG_DATA_HOME", f"{PREFIX}DATA", f"{PREFIX}DATABASE", f"{PREFIX}DATABASE_FILE", "DATABASE_URL")
"""What the others are judged by."""


def settings_to_begin_with(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of a deployment in which no mistake is found. Servers are not asked: who is away is waited for.

    Raises
    ------
    SettingsError
        With a sentence for each mistake.
    """
    env = dict(os.environ if environ is None else environ)
    if found := mistakes(env):
        raise SettingsError("\n".join(found))
    return Settings.from_environment(env)


def mistakes(environ: Mapping[str, str]) -> tuple[str, ...]:
    """A sentence for each thing that cannot be meant, or not be used."""
    told = dict.fromkeys(unknown(environ))
    for variable in VARIABLES:
        mine = {name: value for name, value in environ.items() if name in variable.names or name in _ELSEWHERE}
        told |= dict.fromkeys(_refused(lambda mine=mine: Settings.from_environment(mine)))  # type: ignore[misc]
    try:
        settings = Settings.from_environment(environ)
    except SettingsError as error:
        return tuple(told | {error.sentence: None})
    for act in (_mail, _folder, _products):
        told |= dict.fromkeys(_refused(lambda act=act: act(settings)))  # type: ignore[misc]
    return tuple(told)


def _refused(act: Callable[[], object]) -> Iterator[str]:
    try:
        act()
    except DashboardError as error:
        yield error.sentence


def _mail(settings: Settings) -> None:
    if settings.mail_url:
        mail_server(settings.mail_url)


def _folder(settings: Settings) -> None:
    """Raise where database, key, locks and logs could not be."""
    make_data_folder(settings.data_dir)
    if not os.access(settings.data_dir, os.W_OK | os.X_OK):
        raise SettingsError(f"The data folder {settings.data_dir} cannot be written: see to its rights, or set {PREFIX}DATA.")
    mounts = Path("/proc/mounts")
    if not settings.shared and mounts.exists():
        refuse_network_disk(settings.data_dir, mounts.read_text())
    derived_key(settings, "print")


def _products(settings: Settings) -> None:
    if "://" not in settings.storage_url:
        return see_folder(Path(settings.storage_url))
    try:
        ProductStore(settings.storage_url)
    except (ValueError, ImportError) as error:
        scheme = settings.storage_url.partition("://")[0]
        raise SettingsError(
            f"{PREFIX}STORAGE begins with {scheme[:20]}://, for which nothing is installed: name a folder or s3://bucket/folder."
        ) from error
    return None
