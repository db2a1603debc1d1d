"""One secret for a deployment, whoever comes first, and keys that give nothing away."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from dashboard.errors import RunError, SettingsError, StorageFull
from dashboard.runs.secret_key import FILE, derived_key
from dashboard.settings import SHORTEST_KEY, Settings
from tests.conftest import ROOT
from tests.runs.sky_dispatcher import settings_in
from tests.small_disk import small_disk

AT_ONCE = """
import sys
from dashboard.runs.secret_key import derived_key
from dashboard.settings import Settings
settings = Settings.from_environment()
print("ready", flush=True)
sys.stdin.readline()
print(derived_key(settings, "token").hex(), flush=True)
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path / "data")


def test_processes_that_come_at_the_same_time_get_one_key(settings: Settings) -> None:
    environment = {**os.environ, "INTEGRAL_DASHBOARD_DATA": str(settings.data_dir), "INTEGRAL_DASHBOARD_KEY": ""}
    command = [sys.executable, "-c", AT_ONCE]
    processes = [
        subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(6)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        keys = {process.communicate(timeout=60)[0] for process in processes}
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert keys == {f"{derived_key(settings, 'token').hex()}\n"}
    assert [path.name for path in settings.data_dir.iterdir()] == [FILE]


def test_threads_that_come_at_the_same_time_get_one_key(tmp_path: Path) -> None:
    together = threading.Barrier(16)

    def ask(settings: Settings) -> bytes:
        together.wait(30)
        return derived_key(settings, "token")

    with ThreadPoolExecutor(16) as pool:
        for turn in range(20):
            settings = settings_in(tmp_path / f"data{turn}")
            assert len(set(pool.map(ask, [settings] * 16))) == 1
            assert [path.name for path in settings.data_dir.iterdir()] == [FILE]


def test_the_file_is_its_owners_alone_whatever_the_umask(settings: Settings) -> None:
    before = os.umask(0)
    try:
        derived_key(settings, "token")
    finally:
        os.umask(before)
    assert stat.S_IMODE((settings.data_dir / FILE).stat().st_mode) == 0o600
    assert (settings.data_dir / FILE).stat().st_size >= SHORTEST_KEY


@pytest.mark.parametrize("rights", [0o640, 0o604, 0o620, 0o601])
def test_a_file_that_others_can_read_is_refused(settings: Settings, rights: int) -> None:
    derived_key(settings, "token")
    (settings.data_dir / FILE).chmod(rights)
    with pytest.raises(SettingsError, match="chmod 600") as caught:
        derived_key(settings, "token")
    assert str(settings.data_dir / FILE) in caught.value.sentence


@pytest.mark.parametrize("content", [b"", b"x" * (SHORTEST_KEY - 1)])
def test_a_file_that_was_cut_short_is_refused(settings: Settings, content: bytes) -> None:
    derived_key(settings, "token")
    (settings.data_dir / FILE).write_bytes(content)
    with pytest.raises(SettingsError, match="cut short") as caught:
        derived_key(settings, "token")
    assert str(settings.data_dir / FILE) in caught.value.sentence


def test_a_folder_in_its_place_is_refused(settings: Settings) -> None:
    (settings.data_dir / FILE).mkdir(parents=True, mode=0o700)
    with pytest.raises(SettingsError, match="cannot be read"):
        derived_key(settings, "token")


def test_where_nothing_can_be_written_there_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="INTEGRAL_DASHBOARD_DATA"):
        derived_key(settings_in(tmp_path / "file" / "data"), "token")


def test_a_full_disk_leaves_no_half_a_secret(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 64) as disk:
        settings = settings_in(disk)
        with pytest.raises(OSError, match="No space left"):
            (disk / "other").write_bytes(bytes(1 << 20))
        with pytest.raises(StorageFull):
            derived_key(settings, "token")
        assert [path.name for path in disk.iterdir()] == ["other"]
        (disk / "other").unlink()
        assert derived_key(settings, "token") == derived_key(settings, "token")


def test_a_key_from_the_environment_makes_no_file(settings: Settings) -> None:
    given = replace(settings, key="a" * SHORTEST_KEY)
    assert derived_key(given, "token") != derived_key(replace(settings, key="b" * SHORTEST_KEY), "token")
    assert not settings.data_dir.exists()
    assert derived_key(settings, "token") != derived_key(given, "token")
    assert (settings.data_dir / FILE).exists()


def test_the_same_secret_gives_the_same_key_anywhere(tmp_path: Path) -> None:
    first, second = (replace(settings_in(tmp_path / name), key="a" * SHORTEST_KEY) for name in ("first", "second"))
    assert derived_key(first, "token") == derived_key(second, "token")
    one, other = settings_in(tmp_path / "one"), settings_in(tmp_path / "other")
    assert derived_key(one, "token") != derived_key(other, "token")
    (other.data_dir / FILE).write_bytes((one.data_dir / FILE).read_bytes())
    assert derived_key(one, "token") == derived_key(other, "token")


def test_each_purpose_has_a_key_of_its_own_and_none_is_the_secret(settings: Settings) -> None:
    keys = [derived_key(settings, purpose) for purpose in ("token", "ticket", "cookie", "")]
    assert len(set(keys)) == 4
    assert {len(key) for key in keys} == {32}
    assert (settings.data_dir / FILE).read_bytes() not in keys
