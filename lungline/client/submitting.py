"""Whatever somebody has, told apart: a film, films, folders, an archive, bytes of one."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from lungline.client.errors import InputUnusable
from lungline.client.films import FilmFile, gather

AnyPath = str | PathLike[str]
Submittable = bytes | AnyPath | Sequence[AnyPath]


def sort_out(source: AnyPath | Sequence[AnyPath]) -> list[FilmFile] | Path:
    """Find what makes one job: the films of paths, or one archive.

    Raises:
        InputUnusable: There is no film, or an archive is not alone.
    """
    given = [source] if isinstance(source, (str, PathLike)) else list(source)
    inputs = gather([Path(path) for path in given])
    if not inputs.archives and inputs.films:
        return inputs.films
    if len(inputs.archives) == 1 and not inputs.films:
        return inputs.archives[0]
    if inputs.archives:
        raise InputUnusable("an archive makes a job of its own: submit it alone")
    raise InputUnusable(f"{', '.join(map(str, given))}: no film (JPEG, PNG, DICOM) in there")


def type_of(data: bytes) -> str:
    """Tell the media type of a film or an archive by its first bytes; the service looks itself."""
    if data.startswith(b"\x89PNG"):
        return "image/png"
    if data.startswith(b"\xff\xd8"):
        return "image/jpeg"
    # The service looks for itself which kind of archive it is.
    return "application/dicom" if data[128:132] == b"DICM" else "application/zip"
