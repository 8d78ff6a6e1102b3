"""The code stream of JPEG 2000 (ITU-T T.800, annex A): what it claims, and whether it is whole."""

import struct
from dataclasses import dataclass

from ml.errors import FilmError

_SOC_SIZ = b"\xff\x4f\xff\x51"
_SOT = b"\xff\x90"
_JP2_SIGNATURE = b"\0\0\0\x0cjP  "
_MAX_BOXES = 64

MAX_TILES = 4096
"""A film of the largest size in tiles of 256 x 256 has 800. OpenJPEG spends 15 KB on each."""


@dataclass(frozen=True, slots=True)
class StreamHeader:
    """What the SIZ segment says.

    Attributes:
        width: Columns.
        height: Rows.
        components: Samples a pixel.
        precision: Bits a sample, of the first component.
        signed: Samples are signed.
        complete: Every tile is there, and every tile part ends before the bytes do.
    """

    width: int
    height: int
    components: int
    precision: int
    signed: bool
    complete: bool


def read_stream_header(data: bytes) -> StreamHeader:
    """Read the header of a code stream, its pixels untouched.

    Raises:
        FilmError: `undecodable` where there is none, or one of more than `MAX_TILES` tiles.
    """
    at = _stream_start(data)
    if data[at : at + 4] != _SOC_SIZ or at + 43 > len(data):
        raise FilmError("undecodable", "The frame is no JPEG 2000 code stream.")
    siz = struct.unpack(">8I", data[at + 8 : at + 40])
    right, bottom, left, top = siz[:4]
    tiles = _check_tiles(siz)
    depth = data[at + 42]
    return StreamHeader(
        width=right - left,
        height=bottom - top,
        components=int.from_bytes(data[at + 40 : at + 42], "big"),
        precision=(depth & 0x7F) + 1,
        signed=bool(depth & 0x80),
        complete=_is_complete(data, at + 2, tiles),
    )


def _stream_start(data: bytes) -> int:
    """Skip the boxes of a JP2 file (annex I), which DICOM forbids and archives hold."""
    at = 0
    if not data.startswith(_JP2_SIGNATURE):
        return at
    for _ in range(_MAX_BOXES):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if kind == b"jp2c":
            return at + (16 if length == 1 else 8)
        if length < 8:
            break
        at += length
    return len(data)


def _check_tiles(siz: tuple[int, ...]) -> int:
    """Count the tiles that the SIZ segment lays over the picture."""
    right, bottom, _, _, width, height, left, top = siz
    if width < 1 or height < 1 or left > right or top > bottom:
        raise FilmError("undecodable", "The JPEG 2000 code stream has tiles of no extent.")
    tiles = -(-(right - left) // width) * -(-(bottom - top) // height)
    if tiles > MAX_TILES:
        raise FilmError(
            "undecodable", f"The JPEG 2000 code stream has more than {MAX_TILES} tiles."
        )
    return tiles


def _is_complete(data: bytes, at: int, tiles: int) -> bool:
    """Follow the main header's segments, then the tile parts by the length each one states."""
    while at + 4 <= len(data) and data[at] == 0xFF and data[at : at + 2] != _SOT:
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    seen = set()
    while data[at : at + 2] == _SOT and at + 12 <= len(data):
        seen.add(data[at + 4 : at + 6])
        length = int.from_bytes(data[at + 6 : at + 10], "big")
        if length < 14:
            # 0 stands for "to the end of the stream", which then has to have one.
            whole = length == 0 and data.rstrip(b"\0").endswith(b"\xff\xd9")
            return whole and len(seen) == tiles
        at += length
    return at <= len(data) and len(seen) == tiles
