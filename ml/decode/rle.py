"""RLE as DICOM has it (PS3.5, annex G): planes of bytes, each packed on its own."""

import struct
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from ml.errors import FilmError

_HEADER = 64
_MAX_SEGMENTS = 15
_SLACK = 1024
"""Bytes a plane may unpack to beyond its pixels: some encoders pad, bombs pad more."""


def decode_rle(data: bytes, rows: int, columns: int, samples: int, bits: int) -> NDArray[Any]:
    """Unpack a frame.

    Args:
        data: The frame: a header of offsets, then one segment for each byte of each sample, the
            most significant first.
        rows: Of the film.
        columns: Of the film.
        samples: A pixel, 1 or 3.
        bits: Allocated to a sample, 8 or 16.

    Returns:
        (rows, columns) for one sample a pixel, else (rows, columns, samples); unsigned.

    Raises:
        FilmError: `truncated` or `undecodable`.
    """
    width = bits // 8
    segments = _segments(data, samples * width)
    planes = [_unpacked(segment, rows * columns) for segment in segments]
    grid = np.stack(planes).reshape(samples, width, rows * columns)
    pixels = np.ascontiguousarray(grid[:, ::-1].transpose(2, 0, 1)).view(f"<u{width}")
    return pixels.reshape((rows, columns) if samples == 1 else (rows, columns, samples))


def _segments(data: bytes, expected: int) -> list[bytes]:
    if len(data) < _HEADER:
        raise FilmError("truncated", "The RLE frame ends before its header. Send it again.")
    count, *offsets = struct.unpack(f"<{1 + _MAX_SEGMENTS}L", data[:_HEADER])
    if count != expected:
        raise FilmError("undecodable", f"The RLE frame has {count} segments, not {expected}.")
    ends = [*offsets[1:count], len(data)]
    return [data[start:end] for start, end in zip(offsets[:count], ends, strict=True)]


def _unpacked(segment: bytes, size: int) -> NDArray[np.uint8]:
    """Unpack one plane, never into more than its size and some slack."""
    try:
        plane = imagecodecs.packbits_decode(segment, out=size + _SLACK)
    except RuntimeError:
        # Segments are of even length: the last byte may be padding that packs nothing.
        plane = imagecodecs.packbits_decode(segment[:-1], out=size + _SLACK)
    if len(plane) < size:
        raise FilmError("truncated", "An RLE segment ends too early. Send it again.")
    return np.frombuffer(plane, np.uint8, count=size)
