"""What a client says of an archive's films: taken over before the archive, settled after it.

Neither the manifest nor the archive need fit into memory, nor have the same order: lines wait in a
table, and each slice of films takes its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice

from lungline.errors import ObjectNotFound
from storage.expansions import Expansion
from storage.manifests import Line, ManifestUnreadable, read_lines
from workers.archive import ArchiveError
from workers.parts import Parts

LINES = 1_000
"""Lines that are committed together."""


class ManifestGone(ArchiveError):
    """The store has no manifest where one was put."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__("manifest_unreadable", "The uploaded manifest is gone.")


def take_over(
    parts: Parts, expansion: Expansion, read: Callable[[str, int, int], bytes]
) -> Iterator[bool]:
    """Take over what is left of the manifest, and yield after each piece whether it was committed.

    Args:
        parts: Of this process.
        expansion: Whose manifest; it may have none.
        read: Reads a range of an object; what it raises passes through.

    Raises:
        ArchiveError: `manifest_unreadable`, `too_many_entries`.
    """
    key, size = expansion.manifest_key, expansion.manifest_size or 0
    if key is None or expansion.manifest_offset >= size:
        return

    expansions = parts.repository.expansions
    try:
        lines = read_lines(
            partial(read, key),
            size,
            parts.settings.max_film_metadata_bytes,
            expansion.manifest_offset,
            expansion.manifest_line,
        )
        while some := list(islice(lines, LINES)):
            _check_count(some, parts.settings.max_archive_entries)
            yield expansions.commit_manifest(expansion.lease_id, expansion.job_id, some)
    except ManifestUnreadable as error:
        raise ArchiveError("manifest_unreadable", str(error)) from None
    except ObjectNotFound:
        raise ManifestGone from None


def settle(parts: Parts, expansion: Expansion) -> Iterator[bool]:
    """Account for lines that no film came for; yield after each piece whether it was committed."""
    if expansion.manifest_key is None:
        return
    count: int | None = LINES
    while count:
        count = parts.repository.expansions.commit_rest(expansion.lease_id, expansion.job_id, LINES)
        yield count is not None


def _check_count(lines: list[Line], most: int) -> None:
    if lines[-1].number > most + 1:  # a CSV begins with its columns
        raise ArchiveError(
            "too_many_entries", f"The manifest has more than {most:,} lines, the limit."
        )
