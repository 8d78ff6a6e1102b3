"""What damage may not touch, or a wrong checksum would end most cases before anything was tried."""

from __future__ import annotations

import struct
import zlib
from random import Random

from lungline.archives import ArchiveFormat
from tests.factories.archives import packed
from tests.factories.films import PNG_MAGIC

_MENDED = 0.8
_BLOCK = 512
_CHECKSUM = slice(148, 156)  # of a tar header (POSIX.1-1988, ustar)
_KINDS = (ArchiveFormat.TAR, ArchiveFormat.TAR_GZIP, ArchiveFormat.TAR_ZSTD)


def nothing(random: Random, data: bytes) -> bytes:
    """Leave a file as damaged as it is."""
    return data


def film(random: Random, data: bytes) -> bytes:
    """Mostly write the checksums of a PNG's chunks anew; other films have none."""
    if not data.startswith(PNG_MAGIC) or random.random() > _MENDED:
        return data
    pieces, at = [PNG_MAGIC], len(PNG_MAGIC)
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        if end + 4 > len(data):
            break
        pieces.append(data[at:end] + struct.pack(">I", zlib.crc32(data[at + 4 : end])))
        at = end + 4
    return b"".join([*pieces, data[at:]])


def tar(random: Random, data: bytes) -> bytes:
    """Mostly write the checksums of a tar's headers anew; then pack it, or not."""
    mended = bytearray(data)
    if random.random() < _MENDED:
        for at in range(0, len(data) - _BLOCK + 1, _BLOCK):
            header = mended[at : at + _BLOCK]
            if header[257:262] == b"ustar":
                header[_CHECKSUM] = b" " * 8
                header[_CHECKSUM] = f"{sum(header):06o}\0 ".encode()
                mended[at : at + _BLOCK] = header
    return packed(bytes(mended), random.choice(_KINDS))
