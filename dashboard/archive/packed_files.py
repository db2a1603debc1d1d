"""FITS files that an archive sends as they are, or packed: gzip, tar, zip, or one in the other.

Nothing is written to disk and no path of the sender is followed. What unpacks to more than is allowed is refused before it is unpacked.
"""

from __future__ import annotations

import io
import lzma
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from astropy.io import fits

MOST_BYTES: Final = 80_000_000
"""Unpacked, all files of an answer together; ISLA's mosaics take 12 MB, its spectra with responses 3 MB."""
MOST_FILES: Final = 64
DEEPEST: Final = 3
"""A gzipped FITS file in a gzipped tar."""


@dataclass(frozen=True, slots=True)
class PackedFile:
    """A FITS file of an answer: its name without folders, and its bytes."""

    name: str
    content: bytes

    def open(self) -> fits.HDUList:
        """Its HDUs, from memory alone; compressed images stay as they are.

        Raises
        ------
        ValueError
            When it is no FITS file, or not whole.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # cards deviate from the standard in many harmless ways
                hdus = fits.open(io.BytesIO(self.content), memmap=False, lazy_load_hdus=False, disable_image_compression=True)
            where = hdus[-1].fileinfo()
            if where["datLoc"] + where["datSpan"] > len(self.content):
                raise EOFError
            return hdus
        except (OSError, EOFError, TypeError, KeyError, IndexError, fits.VerifyError):
            raise ValueError(f"holds {self.name}, which cannot be read as FITS") from None


def unpacked(content: bytes, name: str = "file.fits", most: int = MOST_BYTES) -> tuple[PackedFile, ...]:
    """The FITS files of an answer, in its order; what else is packed with them is left out.

    Raises
    ------
    ValueError
        When there is none, or more than is allowed; its text completes "an answer that".
    """
    try:
        files = tuple(_Unpacking(most).files(name, content, DEEPEST))
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError, UnicodeError):
        raise ValueError("is packed and cannot be unpacked") from None
    if not files:
        raise ValueError("holds no FITS file")
    return files


class _Unpacking:
    """One answer; `left` are the bytes that may still come."""

    def __init__(self, most: int) -> None:
        self._most = self._left = most
        self._count = 0

    def files(self, name: str, content: bytes, depth: int) -> Iterator[PackedFile]:
        """FITS files in a file, by what it begins with."""
        self._count += 1
        if self._count > MOST_FILES:
            raise ValueError(f"holds more than {MOST_FILES} files")
        if content.startswith(b"SIMPLE  ="):
            yield PackedFile(name.rsplit("/", 1)[-1].rsplit("\\", 1)[-1].removesuffix(".gz"), content)
        elif depth == 0:
            return
        elif content.startswith(b"\x1f\x8b"):
            yield from self.files(name, self._inflated(content), depth - 1)
        elif content.startswith(b"PK\x03\x04"):
            with zipfile.ZipFile(io.BytesIO(content)) as packed:
                for entry in packed.infolist():
                    if not entry.is_dir():
                        with packed.open(entry) as stream:
                            yield from self.files(entry.filename, self._taken(stream.read(self._left + 1)), depth - 1)
        elif content[257:262] == b"ustar":
            with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
                for member in tar:
                    if member.isreg() and not member.issparse():
                        self._taken_bytes(member.size)
                        inside = tar.extractfile(member)
                        yield from self.files(member.name, inside.read() if inside else b"", depth - 1)

    def _inflated(self, content: bytes) -> bytes:
        inflating = zlib.decompressobj(16 + zlib.MAX_WBITS)
        whole = inflating.decompress(content, self._left + 1)
        if not inflating.eof and len(whole) <= self._left:
            raise EOFError
        return self._taken(whole)

    def _taken(self, content: bytes) -> bytes:
        self._taken_bytes(len(content))
        return content

    def _taken_bytes(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise ValueError(f"unpacks to more than {self._most / 1e6:g} MB")
