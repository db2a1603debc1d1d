"""What is installed from a wheel finds its assets, and brings no tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT, Observatory


@pytest.mark.slow
def test_the_wheel_plans_a_request_by_itself(tmp_path: Path, observatory: Observatory) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True)
    wheel = next(tmp_path.glob("*.whl"))
    with zipfile.ZipFile(wheel) as files:
        names = files.namelist()
        files.extractall(tmp_path / "site")
    assert not [name for name in names if name.startswith(("tests", "benchmarks", "docs"))]
    assert "assets/reference_catalog.json" in names
    assert {"assets/page.css", "assets/docs/parameters.md", "assets/docs/images/page.png", "assets/docs/examples/crab.json"} <= set(names)
    (tmp_path / "request.json").write_text(json.dumps({"src_name": "Crab", "T1": "2009-02-15T00:00:00", "T2": "2009-02-17T12:00:00"}))
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r});"
        "import dashboard; from dashboard.__main__ import main;"
        f"assert dashboard.__file__.startswith({str(tmp_path)!r}), dashboard.__file__;"
        f"sys.exit(main(['plan', {str(tmp_path / 'request.json')!r}]))"
    )
    env = {**os.environ, "INTEGRAL_DASHBOARD_DATA": str(tmp_path / "data"), "INTEGRAL_DASHBOARD_SIMULATED_URL": observatory.url}
    told = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    assert "42, " in told.stdout
