"""DICOM data elements, read and written (PS3.5, chapter 7), in bounded time and memory.

Written here rather than left to pydicom, which reads nested sequences without a bound and whose
warnings quote values, patients' among them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from lungline.errors import FilmRejected

LONG_VRS = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW"}) | frozenset(
    {b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
)
SHORT_VRS = frozenset(
    b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split(),
)
UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_ITEMS = 0xFFFE

MOST_ELEMENTS = 20_000
"""A film has some hundreds. Each costs about 2 microseconds, whatever its size."""
_DEEPEST = 32


Pieces = list[bytes | memoryview]
"""Bytes to be joined, so that a large value is copied once."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How elements are written.

    Attributes:
        explicit: Each names its value representation.
        big: Numbers are big endian.
    """

    explicit: bool
    big: bool = False

    @property
    def order(self) -> str:
        """The byte order as `struct` names it."""
        return ">" if self.big else "<"


@dataclass(frozen=True, slots=True)
class Element:
    """One data element.

    Attributes:
        tag: Group in the upper 16 bits.
        vr: As the file names it; empty where it does not.
        value: Raw bytes. Of undefined length: the items without the delimiter behind them.
        undefined: The length was left open.
    """

    tag: int
    vr: bytes
    value: memoryview
    undefined: bool = False


class Truncated(Exception):
    """The bytes end inside the element `tag`."""

    def __init__(self, tag: int) -> None:
        """Keep the tag."""
        super().__init__()
        self.tag = tag


class ElementReader:
    """Reads the elements of one data set; counts them, nested ones too."""

    def __init__(self, data: memoryview, encoding: Encoding) -> None:
        """Read `data`, whose first byte begins an element."""
        self._data = data
        self._encoding = encoding
        self._left = MOST_ELEMENTS

    def elements(self, at: int = 0) -> Iterator[Element]:
        """Yield the elements from `at` to the end.

        Raises:
            Truncated: The bytes end inside an element.
            FilmRejected: `undecodable` for more elements or deeper nesting than a film has.
        """
        while at + 8 <= len(self._data):
            tag, vr, start, length = self._head(at)
            if length == UNDEFINED:
                end = self._skip_items(tag, start, depth=1)
                # Behind the value stands a delimiter of 8 bytes.
                yield Element(tag, vr, self._data[start : end - 8], undefined=True)
            else:
                end = start + length
                if end > len(self._data):
                    raise Truncated(tag)
                yield Element(tag, vr, self._data[start:end])
            at = end

    def _head(self, at: int) -> tuple[int, bytes, int, int]:
        """Tag, VR, where the value begins, its length."""
        self._left -= 1
        if self._left < 0:
            raise FilmRejected("undecodable", f"The file has more than {MOST_ELEMENTS:,} elements.")
        group, number = struct.unpack_from(f"{self._encoding.order}HH", self._data, at)
        tag = group << 16 | number
        # Items have none (PS3.5, 7.5): there stands their length, which may spell one.
        named = self._encoding.explicit and group != _ITEMS
        vr = bytes(self._data[at + 4 : at + 6]) if named else b""
        if vr in SHORT_VRS:
            return tag, vr, at + 8, self._number(at + 6, "H", tag)
        if vr in LONG_VRS:
            return tag, vr, at + 12, self._number(at + 8, "I", tag)
        # Some writers leave it out in the middle of a file.
        return tag, b"", at + 8, self._number(at + 4, "I", tag)

    def _number(self, at: int, kind: str, tag: int) -> int:
        try:
            return int(struct.unpack_from(self._encoding.order + kind, self._data, at)[0])
        except struct.error:
            raise Truncated(tag) from None

    def _skip_items(self, tag: int, at: int, depth: int) -> int:
        """Find the end of a value of undefined length that begins at `at`: items, a delimiter."""
        if depth > _DEEPEST:
            raise FilmRejected("undecodable", "The file nests its sequences too deeply.")
        while at + 8 <= len(self._data):
            item, _, start, length = self._head(at)
            if item == SEQUENCE_END:
                return start
            if item != ITEM:
                raise FilmRejected("undecodable", "A sequence of the file holds no items.")
            at = self._skip_elements(tag, start, depth) if length == UNDEFINED else start + length
        raise Truncated(tag)

    def _skip_elements(self, tag: int, at: int, depth: int) -> int:
        """Find the end of an item of undefined length: elements, a delimiter."""
        while at + 8 <= len(self._data):
            inner, _, start, length = self._head(at)
            if inner == ITEM_END:
                return start
            at = self._skip_items(tag, start, depth + 1) if length == UNDEFINED else start + length
        raise Truncated(tag)

    def items(self, sequence: Element) -> Iterator[ElementReader]:
        """Yield a reader for each item of a sequence that this reader gave.

        Raises:
            Truncated: As `elements`.
            FilmRejected: As `elements`.
        """
        for value in self.item_values(sequence):
            yield ElementReader(value, self._encoding)

    def item_values(self, sequence: Element) -> Iterator[memoryview]:
        """Yield the bytes of each item of a sequence, or fragment of pixel data.

        Raises:
            Truncated: As `elements`.
            FilmRejected: As `elements`.
        """
        inner, at = ElementReader(sequence.value, self._encoding), 0
        while at + 8 <= len(sequence.value):
            tag, _, start, length = inner._head(at)
            if tag != ITEM:
                raise FilmRejected("undecodable", "A sequence of the file holds no items.")
            if length == UNDEFINED:
                at = inner._skip_elements(tag, start, depth=1)
                yield sequence.value[start : at - 8]
            else:
                at = start + length
                yield sequence.value[start:at]


def write_element(
    tag: int, vr: bytes, value: bytes | memoryview, encoding: Encoding, *, undefined: bool = False
) -> Pieces:
    """Encode an element, its value padded to an even length.

    Args:
        tag: Group in the upper 16 bits.
        vr: Two letters.
        value: Already in the encoding's byte order.
        encoding: Of the data set.
        undefined: Leave the length open and put a delimiter behind the value.
    """
    order = encoding.order
    pad = b"" if len(value) % 2 == 0 else (b"\x00" if vr in (b"OB", b"UI", b"UN") else b" ")
    length = UNDEFINED if undefined else len(value) + len(pad)
    head = struct.pack(f"{order}HH", tag >> 16, tag & 0xFFFF)
    if not encoding.explicit:
        head += struct.pack(f"{order}I", length)
    elif vr in LONG_VRS:
        head += vr + struct.pack(f"{order}HI", 0, length)
    else:
        head += vr + struct.pack(f"{order}H", length)
    delimiter = struct.pack(f"{order}HHI", 0xFFFE, 0xE0DD, 0) if undefined else b""
    return [head, value, pad, delimiter]
