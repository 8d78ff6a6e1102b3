"""Small archives made on the spot: honest ones, and hostile ones of every kind.

`raw_zip` and `tar_block` write whatever they are told, also what no program would.
"""

from __future__ import annotations

import gzip
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import zstandard

from lungline.archives import ArchiveFormat
from tests.factories import films

STORED, DEFLATED = 0, 8
KOREAN_NAME = "폐렴/소아 흉부_01.jpg"
UTF8_FLAG, ENCRYPTED_FLAG = 0x800, 0x1


@dataclass(frozen=True, slots=True)
class RawEntry:
    """An entry as `raw_zip` writes it; whatever is None is written as it truly is.

    Attributes:
        name: Raw bytes, any encoding.
        data: The unpacked content.
        method: 0 stored, 8 deflated; other numbers are written with stored content.
        flags: General purpose flags.
        extra: Extra fields of the central directory.
        external: External attributes (Unix mode in the upper 16 bits).
        system: On which it was packed; 3 is Unix.
        crc: Checksum claimed by both headers.
        size: Unpacked size claimed by both headers.
        packed_size: Packed size claimed by both headers.
        local_name: Name in the local header.
        local_size: Unpacked size claimed by the local header.
        offset: Where the central directory says that the local header is.
    """

    name: bytes
    data: bytes = b""
    method: int = DEFLATED
    flags: int = 0
    extra: bytes = b""
    external: int = 0o100644 << 16
    system: int = 3
    crc: int | None = None
    size: int | None = None
    packed_size: int | None = None
    local_name: bytes | None = None
    local_size: int | None = None
    offset: int | None = None


def zip_of(films_by_name: Mapping[str, bytes], *, compressed: bool = False) -> bytes:
    """An honest archive of these files."""
    stream = BytesIO()
    method = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in films_by_name.items():
            # Without the time of day, which would make each archive another one.
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return stream.getvalue()


def zip_of_films(count: int, *, first_seed: int = 0) -> bytes:
    """An honest archive of `count` JPEG films with distinct bytes."""
    return zip_of({f"films/{n:05}.jpg": films.jpeg(first_seed + n) for n in range(count)})


def packed(data: bytes, kind: ArchiveFormat) -> bytes:
    """A tar archive as it is, or packed."""
    if kind is ArchiveFormat.TAR_GZIP:
        return gzip.compress(data, 1, mtime=0)
    return zstandard.compress(data) if kind is ArchiveFormat.TAR_ZSTD else data


def tar_of(
    films_by_name: Mapping[str, bytes], kind: ArchiveFormat = ArchiveFormat.TAR, **how: Any
) -> bytes:
    """An honest tar of these files; `how` goes to `tarfile.open`."""
    stream = BytesIO()
    with tarfile.open(fileobj=stream, mode="w", **how) as archive:
        for name, data in films_by_name.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, BytesIO(data))
    return packed(stream.getvalue(), kind)


def tar_of_films(count: int, kind: ArchiveFormat = ArchiveFormat.TAR) -> bytes:
    """An honest tar of `count` JPEG films with distinct bytes."""
    return tar_of({f"films/{n:05}.jpg": films.jpeg(n) for n in range(count)}, kind)


def tar_block(
    name: bytes,
    data: bytes = b"",
    kind: bytes = b"0",
    size: bytes | None = None,
    fill: Mapping[int, bytes] | None = None,
) -> bytes:
    """One header with its data, padded.

    Args:
        name: At most 100 bytes.
        data: What follows the header.
        kind: The type flag.
        size: The size field, 12 bytes; by default the true one.
        fill: Bytes of the header by where they go.
    """
    block = bytearray(512)
    size = b"%011o\0" % len(data) if size is None else size
    fields = {0: name, 100: b"0000644\0", 124: size, 156: kind, 257: b"ustar\x0000"}
    for place, value in (fields | dict(fill or {})).items():
        block[place : place + len(value)] = value
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + data + bytes(-len(data) % 512)


def raw_tar(*blocks: bytes) -> bytes:
    """A tar of such headers, with its end."""
    return b"".join(blocks) + bytes(1024)


def raw_zip(entries: Sequence[RawEntry], *, comment: bytes = b"", prefix: bytes = b"") -> bytes:
    """An archive written field by field.

    Args:
        entries: In order.
        comment: The archive's comment.
        prefix: Bytes in front, as of a self-extracting program; offsets count from its start.
    """
    body, directory = prefix, b""
    for entry in entries:
        packed = _packed(entry)
        directory += _central(entry, packed, len(body)) + entry.name + entry.extra
        body += _local(entry, packed) + packed
    end = struct.pack(
        "<IHHHHIIH",
        0x06054B50,
        0,
        0,
        len(entries),
        len(entries),
        len(directory),
        len(body),
        len(comment),
    )
    return body + directory + end + comment


def encrypted_zip() -> bytes:
    """A good film and one that claims to be encrypted."""
    secret = RawEntry(b"secret.jpg", films.jpeg(1), flags=ENCRYPTED_FLAG)
    return raw_zip([RawEntry(b"good.jpg", films.jpeg(0)), secret])


def traversal_zip() -> bytes:
    """A good film and one whose name leads out of the folder."""
    return raw_zip(
        [RawEntry(b"good.jpg", films.jpeg(0)), RawEntry(b"../../etc/film.jpg", films.jpeg(1))]
    )


def wrong_crc_zip() -> bytes:
    """A good film and one whose checksum is wrong."""
    return raw_zip(
        [RawEntry(b"good.jpg", films.jpeg(0)), RawEntry(b"bad.jpg", films.jpeg(1), crc=0xDEADBEEF)]
    )


def nested_zip() -> bytes:
    """A good film and an archive inside the archive."""
    inner = zip_of({"inner.jpg": films.jpeg(1)})
    return raw_zip([RawEntry(b"good.jpg", films.jpeg(0)), RawEntry(b"inner.zip", inner)])


def bomb_zip(megabytes: int = 32) -> bytes:
    """A good film and an entry that unpacks to about a thousand times its size."""
    bomb = RawEntry(b"bomb.png", films.PNG_MAGIC + b"\x00" * (megabytes << 20))
    return raw_zip([RawEntry(b"good.jpg", films.jpeg(0)), bomb])


def cp949_zip(name: str = KOREAN_NAME) -> bytes:
    """A film whose name is in the legacy Korean code page, as Windows writes it."""
    return raw_zip([RawEntry(name.encode("cp949"), films.jpeg(0), external=0)])


def tiny_entries_zip(count: int, suffix: bytes = b".csv") -> bytes:
    """An archive of very many stored entries of one byte, as `zipfile` would take long to write."""
    body, directory = bytearray(), bytearray()
    crc = zlib.crc32(b"x")
    for number in range(count):
        name = b"%07d%b" % (number, suffix)
        head = (20, 0, STORED, 0, 33, crc, 1, 1, len(name), 0)
        directory += struct.pack("<IHH", 0x02014B50, 0x314, 20)
        directory += struct.pack("<HHHHIIIHH", *head[1:])
        directory += struct.pack("<HHHII", 0, 0, 0, 0o100644 << 16, len(body)) + name
        body += struct.pack("<IHHHHHIIIHH", 0x04034B50, *head) + name + b"x"
    most = min(count, 0xFFFF)
    end = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, count, count, 0, 0)
    end = end[:40] + struct.pack("<QQ", len(directory), len(body))
    locator = struct.pack("<IIQI", 0x07064B50, 0, len(body) + len(directory), 1)
    last = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, most, most, len(directory), len(body), 0)
    return bytes(body + directory) + end + locator + last


def hostile_tar() -> bytes:
    """One good film (`good.jpg`) among one entry of each bad kind, each called `.jpg`."""
    return raw_tar(
        tar_block(b"good.jpg", films.jpeg(0)),
        tar_block(b"link.jpg", kind=b"2"),
        tar_block(b"hard.jpg", kind=b"1"),
        tar_block(b"device.jpg", kind=b"3"),
        tar_block(b"sparse.jpg", b"x", kind=b"S"),
        tar_block(b"../../etc/film.jpg", films.jpeg(1)),
        tar_block(b"/film.jpg", films.jpeg(2)),
        tar_block(b"inner.jpg", tar_of_films(1)),
        tar_block(b"text.jpg", films.text_named_jpg()),
        tar_block(b"huge.jpg", films.huge_png()),
        tar_block(b"good.jpg", films.jpeg(3)),
    )


def hostile_zip() -> bytes:
    """One good film (`good.jpg`) among one entry of each bad kind."""
    return raw_zip(
        [
            RawEntry(b"good.jpg", films.jpeg(0)),
            RawEntry(b"secret.jpg", films.jpeg(1), flags=ENCRYPTED_FLAG),
            RawEntry(b"../../etc/film.jpg", films.jpeg(2)),
            RawEntry(b"bad.jpg", films.jpeg(3), crc=0xDEADBEEF),
            RawEntry(b"inner.zip", zip_of({"inner.jpg": films.jpeg(4)})),
            RawEntry(b"bomb.png", films.PNG_MAGIC + b"\x00" * (8 << 20)),
            RawEntry(b"text.jpg", films.text_named_jpg()),
            RawEntry(b"cut.jpg", films.truncated_jpeg(5)),
            RawEntry(b"huge.png", films.huge_png()),
            RawEntry(b"link.jpg", b"/etc/passwd", STORED, external=0o120777 << 16),
        ]
    )


def _packed(entry: RawEntry) -> bytes:
    if entry.method != DEFLATED:
        return entry.data
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(entry.data) + packer.flush()


def _sizes(entry: RawEntry, packed: bytes) -> tuple[int, int, int]:
    crc = zlib.crc32(entry.data) if entry.crc is None else entry.crc
    packed_size = len(packed) if entry.packed_size is None else entry.packed_size
    size = len(entry.data) if entry.size is None else entry.size
    return crc, packed_size, size


def _local(entry: RawEntry, packed: bytes) -> bytes:
    crc, packed_size, size = _sizes(entry, packed)
    size = size if entry.local_size is None else entry.local_size
    name = entry.name if entry.local_name is None else entry.local_name
    fields = (20, entry.flags, entry.method, 0, 33, crc, packed_size, size, len(name), 0)
    return struct.pack("<IHHHHHIIIHH", 0x04034B50, *fields) + name


def _central(entry: RawEntry, packed: bytes, offset: int) -> bytes:
    offset = offset if entry.offset is None else entry.offset
    crc, packed_size, size = _sizes(entry, packed)
    fields = (entry.system << 8 | 20, 20, entry.flags, entry.method, 0, 33, crc, packed_size, size)
    tail = (len(entry.name), len(entry.extra), 0, 0, 0, entry.external, offset)
    return struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, *fields, *tail)
