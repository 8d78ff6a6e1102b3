"""A decoded film, and how large one may be."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ml.errors import FilmError

FilmFormat = Literal["jpeg", "png", "dicom"]

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Film:
    """One film as every later step sees it.

    Attributes:
        pixels: (height, width), 8-bit grey: bone is bright, air is dark. VOI window applied,
            MONOCHROME1 inverted, EXIF orientation applied, colour reduced to luma.
        format: What the bytes were.
        native8: The stored bytes are a JPEG or PNG of 8 bits that a browser shows just so.
    """

    pixels: NDArray[np.uint8]
    format: FilmFormat
    native8: bool


@dataclass(frozen=True)
class DecodeLimits:
    """What a film may cost. Checked against its headers, before any pixel is decoded.

    Attributes:
        max_bytes: Stored bytes. A radiograph of 16 bits at 4,000 x 5,000 has 40 MB.
        max_pixels: Rows times columns. Decoding takes 1 to 6 bytes a pixel on top of the file's
            own, most for JPEG 2000: 300 MB for the largest film.
        max_side: Rows or columns alone.
        max_frames: More frames are a cine loop or a stack, not a film.
        max_inflated_bytes: What a deflated DICOM data set may grow to.
    """

    max_bytes: int = 64 * _MIB
    max_pixels: int = 50_000_000
    max_side: int = 20_000
    max_frames: int = 1
    max_inflated_bytes: int = 256 * _MIB

    def check_bytes(self, size: int) -> None:
        """Refuse a file by its size.

        Raises:
            FilmError: `empty_file` or `too_large`.
        """
        if size == 0:
            raise FilmError("empty_file", "The file is empty. Send the film again.")
        if size > self.max_bytes:
            raise FilmError(
                "too_large", f"The file has {size:,} bytes; at most {self.max_bytes:,} are read."
            )

    def check_shape(self, width: int, height: int) -> None:
        """Refuse a film by the geometry its header claims.

        Raises:
            FilmError: `undecodable` for no extent, `too_many_pixels` for too much.
        """
        if width < 1 or height < 1:
            raise FilmError("undecodable", f"The header claims {width} x {height} pixels.")
        if max(width, height) > self.max_side or width * height > self.max_pixels:
            raise FilmError(
                "too_many_pixels",
                f"The film is {width:,} x {height:,} pixels; at most {self.max_pixels:,} pixels "
                f"and {self.max_side:,} a side are read. Scale it down.",
            )
