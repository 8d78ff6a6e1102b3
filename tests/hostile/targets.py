"""Ways into the service that take bytes from strangers: each answers them, or refuses them by name.

A target lets nothing through but what it says it raises; any other error is a finding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from tempfile import gettempdir

from lungline.archives import HEAD_BYTES, ArchiveFormat, archive_format
from lungline.errors import FILM_CODES, JOB_CODES, FilmRejected
from lungline.settings import Settings
from ml.decode import decode
from ml.errors import FilmError
from storage.intake.film import FilmIntake
from storage.manifests import ManifestUnreadable, read_lines
from storage.objects.local import LocalStore
from tests.hostile import corpus, mending
from workers.archive import Archive, ArchiveError, ArchiveLimits, EntryError, TarArchive, ZipArchive

LIMITS = ArchiveLimits(
    max_entries=1_000, max_entry_bytes=16 << 20, max_total_bytes=64 << 20, max_ratio=200
)
_MOST_METADATA = 4096
_NO_ANSWER = "no named answer"


@dataclass(frozen=True, slots=True)
class Target:
    """A way in.

    Attributes:
        name: For people.
        share: Of all cases.
        corpus: What is damaged.
        mend: Mends checksums of a damaged file, so that more than those is put to the test.
        take: Takes a file, as the service would; gives a word for what came of it.
    """

    name: str
    share: float
    corpus: Callable[[], tuple[bytes, ...]]
    mend: Callable[[Random, bytes], bytes]
    take: Callable[[bytes], str]


def _decode(data: bytes) -> str:
    try:
        film = decode(data)
    except FilmError as error:
        return _named(error.code, FILM_CODES)
    assert film.pixels.ndim == 2
    assert film.pixels.size
    return "read"


def _intake(data: bytes) -> str:
    """What intake lets through must be something that a worker may be given."""
    try:
        prepared = _intaker().prepare("default", data)
    except FilmRejected as error:
        return _named(error.code, FILM_CODES)
    return f"taken, {_decode(prepared.data)}"


@cache
def _intaker() -> FilmIntake:
    folder = Path(gettempdir())
    settings = Settings(data_dir=folder, identity_key="of these tests alone")
    return FilmIntake(LocalStore(folder), settings)


def _zip(data: bytes) -> str:
    return _unpack(lambda: ZipArchive.open(_ranges(data), len(data), LIMITS))


def _tar(data: bytes) -> str:
    kind = archive_format(data[:HEAD_BYTES]) or ArchiveFormat.TAR
    if kind is ArchiveFormat.ZIP:
        return "a zip"
    return _unpack(lambda: TarArchive.open(kind, _ranges(data), len(data), LIMITS, 0))


def _unpack(open_archive: Callable[[], Archive]) -> str:
    try:
        archive, told = open_archive(), "unpacked"
        for entry in archive.entries():
            try:
                archive.read(entry)
            except EntryError as error:
                told = _named(error.code, FILM_CODES)
    except ArchiveError as error:
        return _named(error.code, JOB_CODES)
    return told


def _manifest(data: bytes) -> str:
    try:
        for line in read_lines(_ranges(data), len(data), _MOST_METADATA):
            assert line.problem or line.name
    except ManifestUnreadable:
        return "unreadable"
    return "read"


def _ranges(data: bytes) -> Callable[[int, int], bytes]:
    return lambda start, length: data[start : start + length]


def _named(code: str, known: object) -> str:
    assert code in known, _NO_ANSWER  # type: ignore[operator]
    return code


TARGETS = {
    target.name: target
    for target in (
        Target("decode", 0.4, corpus.film_corpus, mending.film, _decode),
        Target("intake", 0.3, corpus.film_corpus, mending.film, _intake),
        Target("zip", 0.1, corpus.zip_corpus, mending.nothing, _zip),
        Target("tar", 0.1, corpus.tar_corpus, mending.tar, _tar),
        Target("manifest", 0.1, corpus.manifest_corpus, mending.nothing, _manifest),
    )
}
