"""Reads the pictures that the service draws, without a library: the clients need no other."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST_PIXELS = 1 << 20
"""A terminal has some ten thousand; Python takes a second for a million."""
_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
Pixel = tuple[int, int, int]


class PictureUnreadable(ValueError):
    """A picture of a kind that the service does not draw."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture in colour, on black where it is transparent.

    Attributes:
        width: Pixels.
        height: Pixels.
        rows: `height` rows of `width` pixels, each red, green, blue from 0 to 255.
    """

    width: int
    height: int
    rows: list[list[Pixel]]


def read_png(data: bytes) -> Picture:
    """Read a PNG (ISO/IEC 15948) of 8 bits a channel that is neither interlaced nor indexed.

    Raises:
        PictureUnreadable: It is something else, is broken or too large.
    """
    try:
        return _read(data)
    except (zlib.error, struct.error, IndexError) as error:
        raise PictureUnreadable(f"the picture is broken ({error})") from None


def _read(data: bytes) -> Picture:
    if not data.startswith(SIGNATURE):
        raise PictureUnreadable("the picture is no PNG")
    chunks = list(_chunks(data))
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[0][1])
    if depth != 8 or colour not in _CHANNELS or interlaced or width * height > MOST_PIXELS:
        raise PictureUnreadable("the picture is of another kind than the service draws")
    channels = _CHANNELS[colour]
    packed = b"".join(content for kind, content in chunks if kind == b"IDAT")
    stride = width * channels
    raw = zlib.decompressobj().decompress(packed, height * (stride + 1))
    rows, above = [], bytes(stride)
    for start in range(0, height * (stride + 1), stride + 1):
        above = _unfiltered(raw[start], raw[start + 1 : start + 1 + stride], above, channels)
        rows.append([_pixel(above[at : at + channels]) for at in range(0, stride, channels)])
    return Picture(width, height, rows)


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    chunks, at = [], len(SIGNATURE)
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        chunks.append((kind, data[at + 8 : at + 8 + length]))
        at += 12 + length  # with the checksum behind it
    return chunks


def _unfiltered(kind: int, line: bytes, above: bytes, step: int) -> bytes:
    """Undo a line's filter (ISO/IEC 15948, clause 9)."""
    if kind > 4 or len(line) != len(above):
        raise PictureUnreadable("the picture is broken")
    out = bytearray(line)
    for at, value in enumerate(line):
        left = out[at - step] if at >= step else 0
        corner = above[at - step] if at >= step else 0
        guess = (0, left, above[at], (left + above[at]) // 2, _paeth(left, above[at], corner))
        out[at] = (value + guess[kind]) & 255
    return bytes(out)


def _paeth(left: int, above: int, corner: int) -> int:
    estimate = left + above - corner
    return min((left, above, corner), key=lambda value: abs(estimate - value))


def _pixel(channels: bytes) -> Pixel:
    alpha = channels[-1] if len(channels) in (2, 4) else 255
    colours = channels[:3] if len(channels) > 2 else channels[:1] * 3
    red, green, blue = (value * alpha // 255 for value in colours)
    return red, green, blue
