"""Into which parts an archive is cut."""

from __future__ import annotations

from lungline.settings import MIB, Settings
from storage.objects.parted import MOST_PARTS


def part_size(size: int, settings: Settings) -> int:
    """Bytes of a part: those of the settings, or more MiB where the parts would be too many."""
    least = -(-size // MOST_PARTS)
    return max(settings.upload_part_bytes, -(-least // MIB) * MIB)
