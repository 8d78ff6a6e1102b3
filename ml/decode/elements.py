"""The elements of a DICOM data set, found by their lengths alone (PS3.5, 7.1).

A parser that builds an object of every element can be kept busy for minutes by a few megabytes of
empty ones. This one only steps over them, so that the few that make the picture can be cut out.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ml.errors import FilmError

MAX_STEPS = 200_000
"""Elements and items stepped over in one file. A radiograph has some hundreds; stepping over as
many as this takes a fifth of a second."""

_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_LONG_FORM = frozenset(
    {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
)


class Element(NamedTuple):
    """Where one element of the data set stands.

    Attributes:
        tag: Group and element number, 32 bits.
        vr: Value representation; empty where the file leaves it to the dictionary.
        start: Of its tag.
        body: Of its value.
        end: Of its value, behind which a sequence of undefined length still has its delimiter.
        next: Where the next element starts.
    """

    tag: int
    vr: bytes
    start: int
    body: int
    end: int
    next: int


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a data set spells its elements.

    Attributes:
        implicit: Value representations are left to the dictionary.
        big: Numbers are big endian.
    """

    implicit: bool
    big: bool


def walk(data: bytes, at: int, encoding: Encoding) -> Iterator[Element]:
    """Step over the top elements of a data set, from `at` to the end of the bytes.

    A value that the bytes do not hold in full ends with them.

    Raises:
        FilmError: `undecodable` after `MAX_STEPS` elements and items.
    """
    steps = _Steps(data, encoding)
    while (head := steps.head(at)) is not None:
        tag, vr, body, length = head
        if length == _UNDEFINED:
            end, after = steps.end_of_undefined(body)
        else:
            end = after = min(body + length, len(data))
        yield Element(tag, vr, at, body, end, after)
        at = after


class _Steps:
    """Reads element heads and counts them."""

    def __init__(self, data: bytes, encoding: Encoding) -> None:
        order = ">" if encoding.big else "<"
        self._data = data
        self._implicit = encoding.implicit
        self._head = struct.Struct(order + "HH2sH").unpack_from
        self._length = struct.Struct(order + "L").unpack_from
        self._left = MAX_STEPS

    def head(self, at: int) -> tuple[int, bytes, int, int] | None:
        """Tag, value representation, where the value starts, its length; None at the end."""
        if at + 8 > len(self._data):
            return None
        self._left -= 1
        if self._left < 0:
            raise FilmError("undecodable", f"The file has more than {MAX_STEPS:,} elements.")
        group, number, vr, length = self._head(self._data, at)
        tag = group << 16 | number
        if self._implicit or group == 0xFFFE or not (vr.isalpha() and vr.isupper()):
            # Some writers switch to implicit inside a sequence; items never have a VR.
            return tag, b"", at + 8, self._length(self._data, at + 4)[0]
        if vr not in _LONG_FORM:
            return tag, vr, at + 8, length
        if at + 12 > len(self._data):
            return None
        return tag, vr, at + 12, self._length(self._data, at + 8)[0]

    def end_of_undefined(self, at: int) -> tuple[int, int]:
        """Find the delimiter of a value of undefined length: where it starts and ends."""
        depth = 1
        while (head := self.head(at)) is not None:
            tag, _, body, length = head
            if tag in (_ITEM_END, _SEQUENCE_END):
                depth -= 1
                if depth == 0:
                    return at, body
                at = body
            elif length == _UNDEFINED:
                depth += 1
                at = body
            else:
                at = body + length
        return len(self._data), len(self._data)
