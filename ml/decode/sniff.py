"""What a file is, told by its bytes: names and content types lie."""

from ml.decode.film import FilmFormat
from ml.errors import FilmError

JPEG_MAGIC = b"\xff\xd8\xff"
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
DICOM_PREAMBLE = 128

_BARE_GROUPS = (b"\x02\x00", b"\x08\x00")
"""Groups 0002 and 0008, little endian: how a DICOM file without its preamble begins."""


def sniff(data: bytes) -> FilmFormat:
    """Name the format of a film's bytes.

    Raises:
        FilmError: `unsupported_format` for anything that is not JPEG, PNG or DICOM.
    """
    if data.startswith(JPEG_MAGIC):
        return "jpeg"
    if data.startswith(PNG_MAGIC):
        return "png"
    if has_preamble(data) or _is_bare_dicom(data):
        return "dicom"
    raise FilmError(
        "unsupported_format",
        "The bytes are no JPEG, PNG or DICOM, whatever the name says. Send one of these.",
    )


def has_preamble(data: bytes) -> bool:
    """Whether a DICOM file begins as the standard asks (PS3.10, 7.1)."""
    return data[DICOM_PREAMBLE : DICOM_PREAMBLE + 4] == b"DICM"


def _is_bare_dicom(data: bytes) -> bool:
    """Old archives write data sets with no preamble; believed only if an element follows."""
    if not data.startswith(_BARE_GROUPS) or len(data) < 16:
        return False
    explicit = data[4:6].isalpha() and data[4:6].isupper()
    return explicit or int.from_bytes(data[4:8], "little") < len(data) - 8
