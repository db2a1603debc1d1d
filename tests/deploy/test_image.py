"""The image, really built and started: that takes minutes and gigabytes, so that it has to be asked for."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ASKED = "INTEGRAL_TESTS_IMAGE"


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_image_is_built_and_works_as_its_user_with_a_root_file_system_that_is_read_only(tmp_path: Path) -> None:
    if not os.environ.get(ASKED):
        pytest.skip(f"building takes minutes: set {ASKED}=1; what buildah needs for this network goes into {ASKED}_OPTIONS")
    if shutil.which("buildah") is None or os.geteuid() != 0:
        pytest.skip("that takes buildah and root's rights")
    options = os.environ.get(f"{ASKED}_OPTIONS", "").split()
    command, environment = [str(ROOT / "deploy/build"), *options], {"STORE": str(tmp_path), **os.environ}
    built = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr[-4000:]
    assert re.search(r"built on \S+ in \d+ s, tried: \d+ MB", built.stdout)
