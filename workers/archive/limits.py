"""What an archive may cost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """Caps on an archive, checked against its directory and again while it is unpacked.

    Attributes:
        max_entries: Entries, folders and ignored ones among them.
        max_entry_bytes: Of one entry, packed or unpacked.
        max_total_bytes: Of all entries, unpacked.
        max_ratio: Unpacked over packed bytes of one entry that is larger than `small_bytes`.
        small_bytes: An entry up to this size may have any ratio: a blank film packs very well,
            and this much harms nobody.
    """

    max_entries: int
    max_entry_bytes: int
    max_total_bytes: int
    max_ratio: int
    small_bytes: int = 1 << 20
