"""What a deployment sets, read once from the environment.

| variable | meaning | default |
|---|---|---|
| INTEGRAL_DASHBOARD_DATA | folder of the database, products and locks | $XDG_DATA_HOME/integral-dashboard |
| INTEGRAL_DASHBOARD_DATABASE | SQLAlchemy URL of run store and workflows | sqlite file in that folder |
| INTEGRAL_DASHBOARD_STORAGE | fsspec URL of the product store | "products" in that folder |
| INTEGRAL_DASHBOARD_SIMULATED_URL | a running observatory to use instead of starting one | none: one is started |
| INTEGRAL_DASHBOARD_CATALOG_HOSTS | hosts from which isdc_cat_url may be fetched: host or host:port, comma between | none |
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

GENEVA_TIMESYSTEM = "https://www.astro.unige.ch/mmoda/dispatch-data/gw/timesystem/api/v1.0"
SIMULATED = "simulated"


@dataclass(frozen=True, slots=True)
class Host:
    """A dispatcher and the timesystem that belongs to it.

    Attributes
    ----------
    name
        The value of `host_type` that selects it.
    dispatcher_url, timesystem_url
        Without a trailing slash. Empty for the simulated host until its process has an address.
    jobs_in_flight
        Jobs asked for at once; a real dispatcher saturates at 4 and loses jobs at 8.
    poll_seconds
        Time between two polls of one job.
    request_seconds
        Deadline of one HTTP request.
    job_seconds
        Deadline of one job from submission to product; after it the job is submitted again.
    """

    name: str
    dispatcher_url: str = ""
    timesystem_url: str = ""
    jobs_in_flight: int = 4
    poll_seconds: float = 5.0
    request_seconds: float = 120.0
    job_seconds: float = 3600.0

    @property
    def simulated(self) -> bool:
        """True for the observatory that ships with this project."""
        return self.name == SIMULATED


def _known_hosts() -> dict[str, Host]:
    hosts = (
        Host(SIMULATED, poll_seconds=0.3, request_seconds=30.0, job_seconds=120.0),
        Host("production", "https://www.astro.unige.ch/mmoda/dispatch-data", GENEVA_TIMESYSTEM),
        Host("staging", "https://dispatcher-staging.obsuks1.unige.ch", GENEVA_TIMESYSTEM),
        Host("esa", "http://mmoda-dispatcher.scikubepre.ebe.lan", GENEVA_TIMESYSTEM),
    )
    return {host.name: host for host in hosts}


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a deployment decides. Build it with `Settings.from_environment`."""

    data_dir: Path
    database_url: str
    storage_url: str
    simulated_url: str = ""
    catalog_hosts: frozenset[str] = frozenset()
    hosts: Mapping[str, Host] = field(default_factory=lambda: MappingProxyType(_known_hosts()))

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the variables listed at the head of this module.

        Nothing is created here: folders appear when something is written.
        """
        env = os.environ if environ is None else environ
        share = Path(env.get("XDG_DATA_HOME") or Path(env.get("HOME", "~")).expanduser() / ".local/share")
        data_dir = Path(env.get("INTEGRAL_DASHBOARD_DATA") or share / "integral-dashboard").expanduser().absolute()
        return cls(
            data_dir=data_dir,
            database_url=env.get("INTEGRAL_DASHBOARD_DATABASE") or f"sqlite:///{data_dir / 'dashboard.sqlite'}",
            storage_url=env.get("INTEGRAL_DASHBOARD_STORAGE") or str(data_dir / "products"),
            simulated_url=env.get("INTEGRAL_DASHBOARD_SIMULATED_URL", "").rstrip("/"),
            catalog_hosts=frozenset(env.get("INTEGRAL_DASHBOARD_CATALOG_HOSTS", "").lower().replace(",", " ").split()),
        )
