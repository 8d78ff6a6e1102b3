"""How large a film may be, by its header."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from lungline.errors import FilmRejected
from lungline.settings import Settings


@dataclass(frozen=True, slots=True)
class FilmLimits:
    """What is taken of one film.

    Attributes:
        max_bytes: Of the file, and of what a deflated DICOM data set unpacks to.
        max_pixels: Width times height.
        max_side: Width or height alone.
    """

    max_bytes: int
    max_pixels: int
    max_side: int

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Take the limits from the settings."""
        return cls(settings.max_film_bytes, settings.max_film_pixels, settings.max_film_side)

    def check_bytes(self, size: int) -> None:
        """Refuse a file by its size.

        Raises:
            FilmRejected: `empty_file` or `too_large`.
        """
        if size == 0:
            raise FilmRejected("empty_file", "The file has no bytes. Send the film again.")
        if size > self.max_bytes:
            raise FilmRejected(
                "too_large", f"The file has {size:,} bytes; at most {self.max_bytes:,} are taken."
            )

    def check_shape(self, width: int, height: int) -> None:
        """Refuse a film by the geometry that its header claims.

        Raises:
            FilmRejected: `undecodable` for no extent, `too_many_pixels` for too much.
        """
        if width < 1 or height < 1:
            raise FilmRejected("undecodable", f"The header claims {width} x {height} pixels.")
        if max(width, height) > self.max_side or width * height > self.max_pixels:
            raise FilmRejected(
                "too_many_pixels",
                f"The film is {width:,} x {height:,} pixels; at most {self.max_pixels:,} pixels "
                f"and {self.max_side:,} a side are taken. Scale it down.",
            )
