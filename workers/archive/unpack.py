"""One entry's bytes: its headers compared, its limits counted while it is unpacked."""

from __future__ import annotations

import zlib

from lungline.archives import HEAD_BYTES, archive_format
from workers.archive.errors import EntryError, corrupt
from workers.archive.limits import ArchiveLimits
from workers.archive.names import is_unsafe
from workers.archive.records import (
    DEFLATED,
    HAS_DESCRIPTOR,
    LOCAL,
    LOCAL_SIGNATURE,
    STORED,
    UNKNOWN_32,
    Entry,
)
from workers.archive.source import Source

_LOCAL_EXTRA = 64
"""Extra fields of a local header, guessed: with this much read along, one read is mostly enough."""
_OTHER_ARCHIVES = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\xfd7zXZ\x00", b"BZh")
"""Those that are taken apart nowhere: 7z, RAR, xz, bzip2."""


def check_entry(entry: Entry, limits: ArchiveLimits) -> None:
    """Refuse an entry by what the directory says of it.

    Raises:
        EntryError: `unsafe_name`, `special_entry`, `encrypted_entry`, `unsupported_compression`,
            `too_large`, `suspicious_ratio`.
    """
    check_name(entry.name)
    check_special(entry.special)
    if entry.encrypted:
        raise EntryError(
            "encrypted_entry", "The entry is encrypted. Pack the archive without a password."
        )
    if entry.method not in (STORED, DEFLATED):
        raise EntryError(
            "unsupported_compression",
            f"The entry is packed by method {entry.method}; stored and deflated ones are read.",
        )
    check_bytes(max(entry.size, entry.packed), limits)
    if entry.size > max(limits.small_bytes, limits.max_ratio * entry.packed):
        raise EntryError(
            "suspicious_ratio",
            f"The entry unpacks to more than {limits.max_ratio} times its size, as no film does.",
        )


def unpack_entry(source: Source, base: int, entry: Entry) -> bytes:
    """Read and unpack an entry that passed `check_entry`.

    Args:
        source: The archive.
        base: Added to the entry's offset.
        entry: Which one.

    Raises:
        EntryError: `corrupt_entry`, `wrong_checksum`, `nested_archive`.
    """
    data = _inflate(_packed(source, base + entry.offset, entry), entry)
    if zlib.crc32(data) != entry.crc:
        raise EntryError(
            "wrong_checksum", "The entry does not match its own checksum. Pack the archive again."
        )
    refuse_archive(data)
    return data


def check_name(name: str) -> None:
    """Refuse a name that leads out: `unsafe_name`."""
    if is_unsafe(name):
        raise EntryError("unsafe_name", "The entry's name leads outside the archive.")


def check_special(special: bool) -> None:
    """Refuse what is no plain file: `special_entry`."""
    if special:
        raise EntryError(
            "special_entry", "The entry is a link, a device or a sparse file, not a plain one."
        )


def check_bytes(size: int, limits: ArchiveLimits) -> None:
    """Refuse what is larger than any film: `too_large`."""
    if size > limits.max_entry_bytes:
        raise EntryError(
            "too_large",
            f"The entry has {size:,} bytes; at most {limits.max_entry_bytes:,} are taken.",
        )


def refuse_archive(data: bytes) -> None:
    """Refuse an archive inside the archive, of whatever kind: `nested_archive`."""
    if data.startswith(_OTHER_ARCHIVES) or archive_format(data[:HEAD_BYTES]) is not None:
        raise EntryError(
            "nested_archive", "The entry is an archive itself. Send it by itself, or its films."
        )


def _packed(source: Source, start: int, entry: Entry) -> bytes:
    """Read the packed bytes behind the local header, once the two headers agree."""
    guess = LOCAL.size + len(entry.raw_name) + _LOCAL_EXTRA + entry.packed
    piece = source.read(start, guess)
    if len(piece) < LOCAL.size:
        raise corrupt("the archive ends in front of it")
    signature, _, flags, method, _, _, _, packed, size, name_length, extra_length = LOCAL.unpack(
        piece[: LOCAL.size]
    )
    name_end = LOCAL.size + name_length
    agree = (
        signature == LOCAL_SIGNATURE
        and method == entry.method
        and piece[LOCAL.size : name_end] == entry.raw_name
        and (flags & HAS_DESCRIPTOR or _same((packed, size), entry))
    )
    if not agree:
        raise corrupt("its two headers contradict each other")
    data_start = name_end + extra_length
    if data_start + entry.packed > len(piece):
        piece, data_start = source.read(start + data_start, entry.packed), 0
    packed_bytes = piece[data_start : data_start + entry.packed]
    if len(packed_bytes) < entry.packed:
        raise corrupt("the archive ends inside it")
    return packed_bytes


def _same(local: tuple[int, int], entry: Entry) -> bool:
    """Whether a local header states the directory's sizes, or leaves them to its zip64 field."""
    return all(
        mine in (UNKNOWN_32, true)
        for mine, true in zip(local, (entry.packed, entry.size), strict=True)
    )


def _inflate(packed: bytes, entry: Entry) -> bytes:
    """Unpack, never to more than the directory says."""
    if entry.method == STORED:
        if entry.packed != entry.size:
            raise corrupt("it is stored, but states two sizes")
        return packed
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        # One byte more than stated is enough to see that there is more. 0 would mean no limit.
        data = unpacker.decompress(packed, entry.size + 1)
    except zlib.error:
        raise corrupt("its packed data are damaged") from None
    if len(data) != entry.size or not unpacker.eof:
        raise corrupt("it unpacks to another size than it states")
    return data
