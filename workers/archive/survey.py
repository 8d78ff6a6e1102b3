"""One pass over a directory before anything is unpacked: how many, how much, do entries overlap.

Entries that share bytes are the mark of a zip bomb that needs no nesting (Fifield, WOOT 2019).
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from workers.archive.errors import ArchiveError
from workers.archive.limits import ArchiveLimits
from workers.archive.records import Entry


@dataclass(slots=True)
class _Survey:
    limits: ArchiveLimits
    end: int
    entries: int = 0
    unpacked: int = 0
    last_end: int = 0
    ordered: bool = True

    def add(self, entry: Entry) -> None:
        self.entries += 1
        self.unpacked += entry.size
        if self.entries > self.limits.max_entries:
            raise ArchiveError(
                "too_many_entries",
                f"The archive has more than {self.limits.max_entries:,} entries, the limit.",
            )
        if self.unpacked > self.limits.max_total_bytes:
            raise ArchiveError(
                "archive_too_large",
                f"The archive unpacks to more than {self.limits.max_total_bytes:,} bytes, "
                "the limit.",
            )
        self.ordered = self.ordered and entry.offset >= self.last_end
        self.last_end = entry.end
        if entry.end > self.end:
            raise _overlap()


@dataclass(slots=True)
class _Spans:
    """16 bytes an entry, for archives whose directory is in another order than their entries."""

    starts: array[int] = field(default_factory=lambda: array("Q"))
    ends: array[int] = field(default_factory=lambda: array("Q"))

    def add(self, entry: Entry) -> None:
        self.starts.append(entry.offset)
        self.ends.append(entry.end)

    def overlap(self) -> bool:
        starts, ends = (np.frombuffer(spans, np.uint64) for spans in (self.starts, self.ends))
        order = np.argsort(starts, kind="stable")
        return bool(np.any(ends[order][:-1] > starts[order][1:]))


def survey(entries: Callable[[], Iterator[Entry]], end: int, limits: ArchiveLimits) -> int:
    """Check an archive as a whole.

    Args:
        entries: Reads the directory anew.
        end: Where the directory begins, in the entries' own count: no entry may reach into it.
        limits: What the archive may cost.

    Returns:
        The number of entries.

    Raises:
        ArchiveError: `too_many_entries`, `archive_too_large`, `overlapping_entries`, or what
            `entries` raises.
    """
    seen = _Survey(limits, end)
    for entry in entries():
        seen.add(entry)
    if not seen.ordered:
        spans = _Spans()
        for entry in entries():
            spans.add(entry)
        if spans.overlap():
            raise _overlap()
    return seen.entries


def _overlap() -> ArchiveError:
    return ArchiveError(
        "overlapping_entries", "The archive's entries overlap, as only a zip bomb's do."
    )
