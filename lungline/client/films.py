"""Which files below a path are films, and what each is called within its job."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lungline.archives import HEAD_BYTES, archive_format
from lungline.client.errors import InputUnusable
from lungline.filenames import (
    ARCHIVE_SUFFIXES,
    is_called_archive,
    is_called_film,
    is_hidden,
    suffix_of,
)

# No radiograph comes near; what does is something else, and would be held in memory.
LARGEST_FILM_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class FilmFile:
    """A film on this machine.

    Attributes:
        path: Where it is.
        name: Its name within the job: relative to what was submitted, with `/`.
        size: Bytes when it was found.
    """

    path: Path
    name: str
    size: int


@dataclass(slots=True)
class Inputs:
    """What a list of paths holds.

    Attributes:
        films: In the order of the paths, by name within a folder.
        archives: Archives that were named themselves.
        skipped: Why files below folders were left out, and how often.
    """

    films: list[FilmFile] = field(default_factory=list)
    archives: list[Path] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)

    @property
    def bytes(self) -> int:
        """Bytes of the films."""
        return sum(film.size for film in self.films)


def gather(paths: Sequence[Path]) -> Inputs:
    """Find the films and archives that `paths` name.

    A folder is searched to its depths, links to folders followed, each folder once. With several
    paths each name begins with its folder's name, so that no two are alike.

    Raises:
        InputUnusable: A path does not exist, cannot be read, or is of no use.
    """
    inputs = Inputs()
    folders = [path for path in paths if path.is_dir()]
    alone = len(paths) == 1
    taken: set[str] = set()
    for path in paths:
        if path in folders:
            folder = _readable(path.resolve().name) or "films"
            prefix = "" if alone else _unique(folder, taken) + "/"
            inputs.films += _walk(path, prefix, inputs.skipped)
        elif _is_archive(path):
            inputs.archives.append(path)
        else:
            film = _named_film(path)
            inputs.films.append(FilmFile(path, _unique(film.name, taken), film.size))
    return inputs


def _named_film(path: Path) -> FilmFile:
    reason = _why_not_a_film(path)
    if reason:
        raise InputUnusable(
            f"{path}: {reason}; submit films (JPEG, PNG, DICOM), folders or archives of films"
        )
    return FilmFile(path, _readable(path.name), path.stat().st_size)


def _is_archive(path: Path) -> bool:
    head = _head(path)
    return suffix_of(path.name) in ARCHIVE_SUFFIXES or archive_format(head) is not None


def _head(path: Path) -> bytes:
    if not path.exists():
        raise InputUnusable(f"{path}: there is no such file or folder")
    if not path.is_file():
        raise InputUnusable(f"{path}: neither a file nor a folder")
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError as error:
        raise InputUnusable(f"{path}: cannot be read ({error.strerror})") from None


def _walk(root: Path, prefix: str, skipped: Counter[str]) -> Iterator[FilmFile]:
    """Yield the films below `root`; each folder is entered once, whatever links to it."""
    seen: set[tuple[int, int]] = set()
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        identity = _identity(folder)
        if identity in seen:
            continue
        seen.add(identity)
        below = []
        for path in _entries(folder):
            if is_hidden(path.name):
                skipped["hidden"] += 1
            elif path.is_dir():
                below.append(path)
            elif reason := _why_not_a_film(path):
                skipped[reason] += 1
            else:
                name = prefix + _readable(path.relative_to(root).as_posix())
                yield FilmFile(path, name, path.stat().st_size)
        waiting += reversed(below)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise InputUnusable(f"{folder}: cannot be listed ({error.strerror})") from None


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _why_not_a_film(path: Path) -> str | None:
    """Say why a file is left out; None for a film.

    What is called a film is one: when its content is not, its item fails and says why.
    """
    if not path.exists():
        return "a link to nowhere"
    if not path.is_file():
        return "not a file"
    if not os.access(path, os.R_OK):
        raise InputUnusable(f"{path}: cannot be read (permission denied)")
    if path.stat().st_size > LARGEST_FILM_BYTES:
        return "larger than any film"
    if is_called_film(path.name) or _looks_like_film(path):
        return None
    if is_called_archive(path.name):
        return "an archive inside a folder"
    suffix = suffix_of(path.name)
    return f"not a film ({suffix})" if suffix else "not a film"


def _looks_like_film(path: Path) -> bool:
    head = _head(path)
    return head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")) or head[128:132] == b"DICM"


def _readable(name: str) -> str:
    """Return a file's name as text: UTF-8, or what older Korean systems wrote."""
    raw = os.fsencode(name)
    for encoding in ("utf-8", "cp949"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("utf-8", "replace")


def _unique(name: str, taken: set[str]) -> str:
    stem, dot, suffix = name.rpartition(".") if "." in name[1:] else (name, "", "")
    candidate, number = name, 2
    while candidate in taken:
        candidate = f"{stem}-{number}{dot}{suffix}"
        number += 1
    taken.add(candidate)
    return candidate
