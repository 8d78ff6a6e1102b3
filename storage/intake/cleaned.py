"""What is left of a film's file when all that does not make the picture is gone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A film's file as it is stored.

    Attributes:
        data: The bytes. Cleaning them again gives the same bytes.
        width: Columns as stored, before any EXIF orientation.
        height: Rows as stored.
    """

    data: bytes
    width: int
    height: int
