"""Workers and watchers of one deployment, each with a data folder of its own, as on machines of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dashboard.runs.database import open_database
from dashboard.runs.presence import WORKER, Process, seen
from dashboard.settings import Settings
from tests.conftest import ROOT
from tests.waiting import wait_until

KEY = "of all machines of this deployment, the same"


@dataclass
class Deployment:
    """Machines that share a database and a product store.

    Attributes
    ----------
    folder
        Under it each machine has its data folder.
    environment
        Of all.
    """

    folder: Path
    environment: dict[str, str]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def machine(self, name: str, **more: str) -> dict[str, str]:
        """The environment of a machine."""
        return {**self.environment, "INTEGRAL_DASHBOARD_DATA": str(self.folder / name), **more}

    def settings(self, name: str = "page", **more: str) -> Settings:
        """As a process on that machine sees them; it watches alone."""
        return Settings.from_environment(self.machine(name, **{"INTEGRAL_DASHBOARD_WORKERS": "0", **more}))

    def worker(self, name: str, **more: str) -> subprocess.Popen[bytes]:
        """A worker on a machine, at work; its words are in the machine's folder."""
        (self.folder / name).mkdir(parents=True, exist_ok=True)
        before = {process.process_id for process in self.present()}
        with (self.folder / name / "worker.log").open("ab") as log:
            command = [sys.executable, "-m", "dashboard.runs.worker"]
            environment = {**os.environ, **self.machine(name, **more), "OPENBLAS_NUM_THREADS": "1"}
            worker = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        self.workers.append(worker)

        def came() -> bool:
            return worker.poll() is not None or any(process.process_id not in before for process in self.present())

        wait_until(came, f"worker {name} does not come up")
        return worker

    def present(self) -> list[Process]:
        """Workers that are on the list, dead or alive."""
        database = open_database(self.settings())
        with database.reading() as connection:
            return list(seen(database, connection, WORKER))

    def end(self) -> None:
        """End all workers."""
        for worker in self.workers:
            worker.send_signal(signal.SIGCONT)
            worker.kill()
            worker.wait(30)


@contextmanager
def deployment(folder: Path, observatory_url: str, database_url: str, **more: str) -> Iterator[Deployment]:
    """It ends with the block."""
    environment = {
        "INTEGRAL_DASHBOARD_DATABASE": database_url,
        "INTEGRAL_DASHBOARD_STORAGE": str(folder / "products"),
        "INTEGRAL_DASHBOARD_SIMULATED_URL": observatory_url,
        "INTEGRAL_DASHBOARD_KEY": KEY,
        **more,
    }
    made = Deployment(folder, environment)
    try:
        yield made
    finally:
        made.end()
