"""What a file is, told by its bytes: names and content types lie."""

from __future__ import annotations

from lungline.domain import FilmFormat
from lungline.errors import FilmRejected

JPEG_MAGIC = b"\xff\xd8\xff"
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
DICOM_PREAMBLE = 128
DICOM_MAGIC = b"DICM"

_BARE_GROUPS = (b"\x02\x00", b"\x08\x00")


def sniff(data: bytes) -> FilmFormat:
    """Name the format of a file.

    Raises:
        FilmRejected: `empty_file`, or `unsupported_format` for what is no JPEG, PNG or DICOM.
    """
    if not data:
        raise FilmRejected("empty_file", "The file has no bytes. Send the film again.")
    if data.startswith(JPEG_MAGIC):
        return FilmFormat.JPEG
    if data.startswith(PNG_MAGIC):
        return FilmFormat.PNG
    if has_preamble(data) or _is_bare_dicom(data):
        return FilmFormat.DICOM
    raise FilmRejected(
        "unsupported_format",
        "The bytes are no JPEG, PNG or DICOM, whatever the name says. Send one of these.",
    )


def has_preamble(data: bytes) -> bool:
    """Whether a DICOM file begins as the standard asks (PS3.10, 7.1)."""
    return data[DICOM_PREAMBLE : DICOM_PREAMBLE + 4] == DICOM_MAGIC


def _is_bare_dicom(data: bytes) -> bool:
    """Old archives write data sets with no preamble: group 0002 or 0008 comes first.

    Believed only if what follows can be the head of an element.
    """
    if not data.startswith(_BARE_GROUPS) or len(data) < 16:
        return False
    explicit = data[4:6].isalpha() and data[4:6].isupper()
    return explicit or int.from_bytes(data[4:8], "little") < len(data) - 8
