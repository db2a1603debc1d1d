"""A run whose files find no place: one sentence, no half files, nothing lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from dashboard.settings import Settings
from tests.conftest import ROOT, Observatory
from tests.small_disk import small_disk


@pytest.mark.slow
def test_run_command_on_a_full_disk(settings: Settings, observatory: Observatory, tmp_path: Path) -> None:
    request = tmp_path / "request.json"
    interval = {"T1": "2009-02-20T00:00:00", "T2": "2009-02-23T00:00:00"}
    request.write_text(json.dumps({"src_name": "Crab", **interval, "host_type": "simulated", "n_scw_image": 4}))
    env = {**os.environ, "INTEGRAL_DASHBOARD_DATA": str(settings.data_dir), "INTEGRAL_DASHBOARD_SIMULATED_URL": observatory.url}
    with small_disk(tmp_path / "disk", 500) as disk:
        command = [sys.executable, "-m", "dashboard", "run", str(request), "--out", str(disk / "out")]
        full = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        assert full.returncode == 4, full.stderr
        assert full.stderr.splitlines()[-1].startswith("No space is left in ")
        assert "Traceback" not in full.stderr
        assert [path for path in disk.rglob("*") if path.is_file()] == []
    submissions = observatory.get("/observatory/knobs")["counts"]["submissions"]
    export = [*command[:-1], str(tmp_path / "elsewhere")]
    assert subprocess.run(export, cwd=ROOT, env=env, capture_output=True, check=False).returncode == 0
    assert observatory.get("/observatory/knobs")["counts"]["submissions"] == submissions, "the batches were kept"
    with fits.open(tmp_path / "elsewhere" / "mosaic.fits") as hdus:
        assert np.isfinite(hdus[1].data).any()
