"""Which encoding a manifest has: UTF-8, or what a Korean Excel saves unless told otherwise."""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Literal, TypeAlias

Encoding: TypeAlias = Literal["utf-8", "cp949"]
ReadRange = Callable[[int, int], bytes]
"""Takes start and length; gives fewer bytes where the text ends first."""

UTF_8: Encoding = "utf-8"
CP949: Encoding = "cp949"
BOM = b"\xef\xbb\xbf"
_KS_X_1001 = 0xA1
"""Both bytes of its letters are so large, or larger; of the rest of cp949 not both are."""
_CHUNK = 256 * 1024


def encoding_of(read_range: ReadRange, size: int) -> Encoding:
    """Tell the encoding of a text by all of it, for a single line of cp949 may look like UTF-8.

    It is cp949 only where the whole cannot be UTF-8, can be cp949, and most of its letters are of
    KS X 1001: accented letters of other encodings that pass for cp949 are of its rare rest. What
    is neither counts as UTF-8, so that each line that is wrong is told by its number.

    Args:
        read_range: Reads the text, all of it where it is not UTF-8.
        size: Its bytes.
    """
    marked = read_range(0, min(len(BOM), size)) == BOM
    if marked or _letters(read_range, size, UTF_8) is not None:
        return UTF_8
    letters = _letters(read_range, size, CP949)
    if letters is None:
        return UTF_8
    common, rare = letters
    return CP949 if common > rare else UTF_8


def _letters(read_range: ReadRange, size: int, encoding: Encoding) -> tuple[int, int] | None:
    """Count letters beyond ASCII that are of KS X 1001, and those that are not.

    Returns:
        Zeros for UTF-8, of which nobody asks; None where the text has another encoding.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    common = rare = 0
    try:
        for chunk in _chunks(read_range, size):
            text = decoder.decode(chunk)  # a letter that the end cuts off does not matter
            if encoding == CP949:
                for letter, count in Counter(text).items():
                    if letter > "\x7f" and min(letter.encode(CP949)) >= _KS_X_1001:
                        common += count
                    elif letter > "\x7f":
                        rare += count
    except UnicodeDecodeError:
        return None
    return common, rare


def _chunks(read_range: ReadRange, size: int) -> Iterator[bytes]:
    start = 0
    while start < size and (chunk := read_range(start, min(_CHUNK, size - start))):
        yield chunk
        start += len(chunk)
