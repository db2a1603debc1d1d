from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from dashboard.products.disk import is_full
from tests.conftest import ROOT
from tests.small_disk import small_disk


def chained(cause: BaseException | None, context: BaseException | None = None) -> OSError:
    error = OSError("outer")
    error.__cause__, error.__context__ = cause, context
    return error


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), True),
        (OSError("Not enough space on disk: requested 5760002, available 0. "), True),
        (OSError("360000 requested and 22840 written"), True),
        (chained(OSError(errno.ENOSPC, "full")), True),
        (chained(None, chained(None, OSError(errno.EDQUOT, "quota"))), True),
        (OSError(errno.EACCES, "Not enough space on disk, as a name of a folder"), False),
        (chained(OSError(errno.EROFS, "Read-only file system")), False),
        (ValueError("Not enough space on disk"), False),
        (OSError("it is not a FITS file"), False),
    ],
)
def test_a_full_disk_is_told_from_other_troubles(error: BaseException, full: bool) -> None:
    assert is_full(error) is full


@pytest.mark.parametrize("side", [120, 250, 300, 1000])
def test_whatever_astropy_says_on_a_full_disk_is_understood(tmp_path: Path, side: int) -> None:
    with small_disk(tmp_path / "disk", 100) as disk, pytest.raises(OSError) as caught:
        fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.ones((side, side)))]).writeto(disk / "x.fits")
    assert is_full(caught.value)


def test_a_write_that_breaks_off_is_understood_without_any_disk_being_full(tmp_path: Path) -> None:
    """As under a quota: there is space, astropy sees it, and the array is still cut short."""
    code = f"""
import json, resource, numpy as np
from astropy.io import fits
from dashboard.products.disk import is_full
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.ones((300, 300)))]).writeto({str(tmp_path / "x.fits")!r})
except OSError as error:
    print(json.dumps([str(error), is_full(error)]))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    said, full = json.loads(done.stdout)
    assert "Not enough space" not in said
    assert full
