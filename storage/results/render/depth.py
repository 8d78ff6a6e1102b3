"""Whether stored bytes can be shown as they are, told without decoding them."""

from __future__ import annotations

_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_JPEG_MAGIC = b"\xff\xd8"
_PNG_DEPTH_AT = 24  # PNG specification, 11.2.2: IHDR's ninth byte


def shows_itself(data: bytes) -> bool:
    """Whether the stored bytes are an 8-bit JPEG or PNG; others need the view made in reading."""
    if data.startswith(_PNG_MAGIC):
        return len(data) > _PNG_DEPTH_AT and data[_PNG_DEPTH_AT] <= 8
    return data.startswith(_JPEG_MAGIC)
