"""What is left of a film's file when all that does not make the picture is gone."""

from __future__ import annotations

from dataclasses import dataclass, field

from storage.intake.identity import Identity


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A film's file as it is stored.

    Attributes:
        data: The bytes. Cleaning them again gives the same bytes.
        width: Columns as stored, before any EXIF orientation.
        height: Rows as stored.
        identity: What the file said of study and patient, which is not in the bytes any more.
    """

    data: bytes
    width: int
    height: int
    identity: Identity = field(default_factory=Identity)
