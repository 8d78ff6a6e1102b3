"""The headers of a tar archive (POSIX.1-2001 `pax`, with GNU's extensions), field by field."""

from __future__ import annotations

from dataclasses import dataclass

from lungline.archives import is_tar_header
from workers.archive.errors import unreadable
from workers.archive.names import decode_name

BLOCK = 512
REGULAR = frozenset(b"0\x007")
WITHOUT_DATA = frozenset(b"123456")
"""Links, devices, folders and pipes: a size that they state is of something else."""
FOLDERS = frozenset(b"5D")
PAX, PAX_GLOBAL, LONG_NAME, LONG_LINK, LABEL, SPARSE = b"xgLKVS"
MOST_EXTENDED = 1 << 20
"""Largest extended header that is read: names, and attributes that nobody needs here."""
_GNU = b"ustar  \0"
_POSIX = b"ustar\0"
_SPARSE_CONTINUES, _SPARSE_CONTINUES_LATER = 482, 504


@dataclass(frozen=True, slots=True)
class Header:
    """One header block.

    Attributes:
        kind: Its type flag.
        name: As it has it.
        size: Bytes of data behind it; what has no data has 0.
        continues: A block of an old GNU sparse map follows.
    """

    kind: int
    name: bytes
    size: int
    continues: bool


@dataclass(slots=True)
class Extended:
    """What extended headers say of the entry that follows them.

    Attributes:
        name: In place of the header's own.
        size: In place of the header's own.
        sparse: The entry is a sparse file.
        problem: Why the entry cannot be trusted.
    """

    name: bytes | None = None
    size: int | None = None
    sparse: bool = False
    problem: str | None = None

    def take(self, kind: int, body: bytes) -> None:
        """Read an extended header's body; global ones, links and labels say nothing of use."""
        if kind == LONG_NAME:
            self.name = body.rstrip(b"\0")
        elif kind == PAX:
            self._take_records(body)

    def _take_records(self, body: bytes) -> None:
        """Read records, `<length> <key>=<value>` and a line feed each; length counts it all."""
        at = 0
        while at < len(body) and body[at] != 0:
            digits, blank, _ = body[at : at + 20].partition(b" ")
            length = int(digits) if digits.isdigit() else 0
            record = body[at : at + length]
            key, equals, value = record[len(digits) + 1 :].partition(b"=")
            if not (blank and equals and record.endswith(b"\n") and len(record) == length):
                self.problem = "its extended header is damaged"
                return
            self._take_record(key, value[:-1])
            at += length

    def _take_record(self, key: bytes, value: bytes) -> None:
        if key == b"path":
            self.name = value
        elif key == b"size":
            if value.isdigit() and len(value) < 20:
                self.size = int(value)
            else:
                self.problem = "its extended header states no size that can be"
        elif key.startswith(b"GNU.sparse."):
            self.sparse = True


def parse_header(block: bytes) -> Header | None:
    """Read a header block.

    Returns:
        None for a block of zeros, which ends the archive.

    Raises:
        ArchiveError: It is cut off, or its checksum is wrong: what follows cannot be found.
    """
    if len(block) < BLOCK:
        raise unreadable("it was cut off")
    if not any(block):
        return None
    if not is_tar_header(block):
        raise unreadable("a header in it is damaged, or it is no tar archive")
    kind = block[156]
    size = 0 if kind in WITHOUT_DATA else _number(block[124:136])
    return Header(kind, _name(block), size, kind == SPARSE and block[_SPARSE_CONTINUES] != 0)


def sparse_continues(block: bytes) -> bool:
    """Whether a further block of an old GNU sparse map follows this one."""
    return len(block) == BLOCK and block[_SPARSE_CONTINUES_LATER] != 0


def display_name(raw: bytes, kind: int) -> str:
    """An entry's name for people; that of a folder ends with `/`."""
    name = decode_name(raw, utf8=False, unicode_path=None)
    return name.rstrip("/") + "/" if kind in FOLDERS else name


def _name(block: bytes) -> bytes:
    name = block[:100].partition(b"\0")[0]
    prefix = block[345:500].partition(b"\0")[0]
    posix = block[257:263] == _POSIX and block[257:265] != _GNU
    return prefix + b"/" + name if posix and prefix else name


def _number(digits: bytes) -> int:
    """Read octal digits, or GNU's binary numbers: the first bit is set, the rest is the number."""
    if digits[0] & 0x80:
        value = int.from_bytes(digits, "big") & (1 << (8 * len(digits) - 1)) - 1
        negative = digits[0] & 0x40
        if negative or value >= 1 << 63:
            raise unreadable("a header in it states a size that cannot be")
        return value
    text = digits.strip(b" \0")
    if text and not set(text) <= set(b"01234567"):
        raise unreadable("a header in it states a size that cannot be")
    return int(text or b"0", 8)
