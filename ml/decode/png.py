"""PNG: the chunks checked here, the pixels by libpng."""

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.decode.exif import orientation_of, upright
from ml.decode.film import DecodeLimits, Film
from ml.decode.levels import stretch
from ml.decode.sniff import PNG_MAGIC
from ml.errors import FilmError

_PIXEL_CHUNKS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
"""All that decides the pixels. The others (profiles, texts, animation) never reach libpng: they
can hold compressed bombs and patients' names."""


MAX_CHUNKS = 1 << 16
"""The largest film in the chunks of 8,192 bytes that libpng writes has 8,000."""


def decode_png(data: bytes, limits: DecodeLimits) -> Film:
    """Decode a PNG of any depth to grey of 8 bits.

    16 bits are stretched from their own lowest to their own highest value. Transparency is
    ignored. Colour becomes luma.

    Raises:
        FilmError: As `ml.decode.decode`.
    """
    width, height, depth = _read_header(data)
    limits.check_shape(width, height)
    orientation, kept = 1, [memoryview(PNG_MAGIC)]
    for chunk in _chunks(data):
        if chunk.name == b"eXIf":
            orientation = orientation_of(chunk.body)
        elif chunk.name in _PIXEL_CHUNKS:
            kept.append(chunk.whole)
    pixels = _pixels(b"".join(kept), (height, width), depth)
    return Film(upright(pixels, orientation), format="png", native8=depth <= 8 and orientation == 1)


def _read_header(data: bytes) -> tuple[int, int, int]:
    """Width, height, bits a sample."""
    if len(data) < 33:
        raise FilmError("truncated", "The PNG ends before its header. Send it again.")
    if data[12:16] != b"IHDR":
        raise FilmError("undecodable", "The PNG does not begin with its header.")
    width, height, depth = struct.unpack(">IIB", data[16:25])
    return width, height, depth


class _Chunk(NamedTuple):
    """One chunk, its parts still in the file's bytes."""

    name: bytes
    body: memoryview
    whole: memoryview


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """Each chunk, its checksum verified, up to the end chunk.

    Raises:
        FilmError: `truncated` when the bytes end first, `undecodable` when a checksum is wrong.
    """
    view, at = memoryview(data), len(PNG_MAGIC)
    for _ in range(MAX_CHUNKS):
        body = at + 8
        length = int.from_bytes(view[at : at + 4], "big")
        end = body + length + 4
        if body > len(data) or end > len(data):
            raise FilmError("truncated", "The PNG has no end chunk: it was cut. Send it again.")
        if zlib.crc32(view[at + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
            raise FilmError("undecodable", "A checksum in the PNG is wrong: the file is damaged.")
        chunk = _Chunk(data[at + 4 : body], view[body : end - 4], view[at:end])
        yield chunk
        if chunk.name == b"IEND":
            return
        at = end
    raise FilmError("undecodable", f"The PNG has more than {MAX_CHUNKS:,} chunks.")


def _pixels(data: bytes, shape: tuple[int, int], depth: int) -> NDArray[np.uint8]:
    flags = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        pixels = cv2.imdecode(
            np.frombuffer(data, np.uint8), flags | (cv2.IMREAD_ANYDEPTH if depth == 16 else 0)
        )
    except cv2.error:
        pixels = None
    if pixels is None or pixels.shape != shape:
        raise FilmError("undecodable", "The PNG's picture data are damaged or too short.")
    return stretch(pixels) if pixels.dtype == np.uint16 else np.asarray(pixels, np.uint8)
