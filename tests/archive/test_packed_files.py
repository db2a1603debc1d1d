"""What an archive sends is unpacked in memory, within bounds, whatever it claims of itself."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile

import pytest

from dashboard.archive.packed_files import MOST_FILES, unpacked
from tests.archive.fake_isla import light_curve, tarred, zipped

FITS = light_curve()


@pytest.mark.parametrize(
    "content",
    [
        FITS,
        gzip.compress(FITS),
        zipped({"a.fits": FITS}),
        tarred({"a.fits": FITS}),
        gzip.decompress(tarred({"a.fits": FITS})),
        tarred({"a.fits.gz": gzip.compress(FITS)}),
        zipped({"a.fits.gz": gzip.compress(FITS)}),
    ],
    ids=["plain", "gzip", "zip", "tar.gz", "tar", "gzip in tar.gz", "gzip in zip"],
)
def test_a_file_comes_out_as_it_was_packed(content: bytes) -> None:
    (file,) = unpacked(content, "a.fits")
    assert (file.name, file.content) == ("a.fits", FITS)


def test_names_lose_their_folders_and_other_files_are_left_out() -> None:
    files = unpacked(tarred({"../../etc/a.fits": FITS, "sources.reg": b"fk5;circle(1,2,3)", "/b.fits": FITS}))
    assert [file.name for file in files] == ["a.fits", "b.fits"]


def test_links_and_holes_in_a_tar_are_no_files() -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        link = tarfile.TarInfo("a.fits")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    with pytest.raises(ValueError, match="holds no FITS file"):
        unpacked(stream.getvalue())


@pytest.mark.parametrize("pack", [gzip.compress, lambda b: zipped({"a": b}), lambda b: tarred({"a": b})], ids=["gzip", "zip", "tar.gz"])
def test_what_unpacks_to_too_much_is_refused(pack: object) -> None:
    assert callable(pack)
    bomb = pack(b"SIMPLE  =" + bytes(3_000_000))
    assert len(bomb) < 10_000
    with pytest.raises(ValueError, match=r"unpacks to more than 1 MB"):
        unpacked(bomb, most=1_000_000)


def test_files_together_count() -> None:
    with pytest.raises(ValueError, match="unpacks to more than"):
        unpacked(zipped({str(i): FITS for i in range(4)}), most=3 * len(FITS))
    with pytest.raises(ValueError, match=f"more than {MOST_FILES} files"):
        unpacked(zipped({str(i): b"x" for i in range(MOST_FILES + 1)}))


@pytest.mark.parametrize(
    "content",
    [gzip.compress(FITS)[:-400], zipped({"a": FITS})[:-30], tarred({"a": FITS})[:-400], gzip.decompress(tarred({"a": FITS}))[:3000]],
    ids=["gzip", "zip", "tar.gz", "tar"],
)
def test_what_was_cut_short_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"cannot be unpacked|holds no FITS"):
        unpacked(content)


def damaged(method: int) -> bytes:
    """A zip whose one file does not unpack any more."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as packed:
        packed.writestr("a.fits", FITS)
    content = bytearray(stream.getvalue())
    content[60:90] = b"\xff" * 30
    return bytes(content)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA], ids=["deflate", "bzip2", "lzma"])
def test_what_was_damaged_is_refused_however_it_was_packed(method: int) -> None:
    with pytest.raises(ValueError, match="cannot be unpacked"):
        unpacked(damaged(method))


@pytest.mark.parametrize("content", [b"", b"<!doctype html><html>down</html>", b'{"error": 1}'], ids=["empty", "HTML", "JSON"])
def test_something_else_holds_no_file(content: bytes) -> None:
    with pytest.raises(ValueError, match="holds no FITS file"):
        unpacked(content)


def test_a_broken_fits_file_is_told_by_its_name() -> None:
    (file,) = unpacked(b"SIMPLE  = nonsense" + bytes(200), "a.fits")
    with pytest.raises(ValueError, match=r"a\.fits, which cannot be read as FITS"):
        file.open()
