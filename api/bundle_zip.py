"""A model bundle that somebody sends as a zip: checked whole before anything of it is kept.

Nothing is unpacked to disk and nothing is run: each file is read once to be counted and hashed, and
is then stored under its hash.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO, cast
from zipfile import BadZipFile, ZipFile, ZipInfo

from lungline.bundle_files import CARD, MOST_FILES, MOST_MANIFEST_BYTES, BundleFiles
from lungline.bundle_files import read_bundle_manifest as read_manifest
from lungline.bundles import MANIFEST
from lungline.errors import BundleRejected, TooLarge

CHUNK = 1024 * 1024
_END = struct.Struct("<4s4H2LH")
_END_MARK, _ZIP64_MARK = b"PK\x05\x06", b"PK\x06\x07"
_ZIP64_BYTES = 20
_MOST_ENTRIES = 4 * MOST_FILES
_MOST_DIRECTORY_BYTES = 1024 * 1024
_ENCRYPTED = 0x1


class BundleZip:
    """A zip of a bundle's folder.

    Attributes:
        files: What its manifest says.
        manifest: The manifest, byte by byte.
        card: The text of its model card.
        size: Bytes of its files, unpacked.
    """

    def __init__(self, file: BinaryIO, most_bytes: int) -> None:
        """Check it whole.

        Args:
            file: The zip; it can seek.
            most_bytes: That its files may have, unpacked.

        Raises:
            BundleRejected: It is no zip, or its files are not those that its manifest names.
            TooLarge: Its files are larger than may be.
        """
        _check_end(file)
        with _unreadable():
            self._archive = ZipFile(file)
            self._entries = _entries(self._archive)
            self.manifest = self._read(MANIFEST, MOST_MANIFEST_BYTES)
            self.files: BundleFiles = read_manifest(self.manifest)
            self._check_names()
            self.size = self._check_bytes(most_bytes)
            self.card = self._read(CARD, MOST_MANIFEST_BYTES).decode(errors="replace")
            self.card = self.card.replace("\0", "")

    def open(self, name: str) -> BinaryIO:
        """Open one of its files."""
        return cast(BinaryIO, self._archive.open(self._entries[name]))

    def _check_names(self) -> None:
        there, named = set(self._entries) - {MANIFEST}, set(self.files.files)
        if missing := sorted(named - there):
            raise BundleRejected(f"The zip lacks {missing[0]!r}, which its manifest names.")
        if others := sorted(there - named):
            raise BundleRejected(
                f"The zip holds {others[0][:80]!r}, which its manifest does not name."
            )

    def _check_bytes(self, most: int) -> int:
        """Hash every file, and count bytes as they are unpacked, whatever the zip says of them."""
        size = 0
        for name, digest in self.files.files.items():
            found = hashlib.sha256()
            with self.open(name) as stream:
                while piece := stream.read(CHUNK):
                    found.update(piece)
                    size += len(piece)
                    if size > most:
                        raise TooLarge(f"The bundle has more than {most:,} bytes, the limit.")
            if found.hexdigest() != digest:
                raise BundleRejected(f"{name} is not the file its manifest names.")
        return size

    def _read(self, name: str, most: int) -> bytes:
        if name not in self._entries:
            raise BundleRejected(f"The zip holds no {name}. Zip the folder that publish made.")
        with self.open(name) as stream:
            data = stream.read(most + 1)
        if len(data) > most:
            raise TooLarge(f"{name} has more than {most:,} bytes, the limit.")
        return data


def _check_end(file: BinaryIO) -> None:
    """Refuse a zip whose directory would not fit into memory, before it is read."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _END.size - _ZIP64_BYTES))
    tail = file.read()
    if len(tail) < _END.size or tail[-_END.size :][:4] != _END_MARK:
        raise BundleRejected("The body is no zip, or one with a comment or something behind it.")
    _, _, _, _, entries, directory, _, _ = _END.unpack(tail[-_END.size :])
    if tail[: -_END.size][:4] == _ZIP64_MARK or entries > _MOST_ENTRIES:
        raise BundleRejected(f"The zip has more than {_MOST_ENTRIES} entries.")
    if directory > _MOST_DIRECTORY_BYTES:
        raise BundleRejected("The zip's directory is too large.")


def _entries(archive: ZipFile) -> dict[str, ZipInfo]:
    """Give files by their path below the folder that holds the manifest."""
    infos = [info for info in archive.infolist() if not info.is_dir()]
    names = [info.filename for info in infos]
    if len(set(names)) != len(names):
        raise BundleRejected("The zip holds a file twice.")
    if any(info.flag_bits & _ENCRYPTED for info in infos):
        raise BundleRejected("The zip is encrypted.")
    folder = "" if MANIFEST in names else _only_folder(names)
    return {info.filename.removeprefix(folder): info for info in infos}


def _only_folder(names: list[str]) -> str:
    folders = {name.split("/")[0] for name in names}
    return f"{folders.pop()}/" if len(folders) == 1 else ""


@contextmanager
def _unreadable() -> Iterator[None]:
    try:
        yield
    except (BadZipFile, NotImplementedError, zlib.error, EOFError, OSError, ValueError) as error:
        raise BundleRejected("The zip is damaged, or packed in a way that is not read.") from error


def copied(stream: IO[bytes], to: IO[bytes]) -> None:
    """Copy a body into a file, a piece at a time."""
    while piece := stream.read(CHUNK):
        to.write(piece)
