"""The head of a DICOM file: where its data set begins and how that is encoded."""

from __future__ import annotations

import re
import zlib

from lungline.errors import FilmRejected
from storage.intake.elements import LONG_VRS, SHORT_VRS, Encoding
from storage.intake.sniff import DICOM_MAGIC, DICOM_PREAMBLE, has_preamble

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
DEFLATED, BIG = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"
NATIVE = frozenset({EXPLICIT, IMPLICIT, BIG})
"""Those whose pixels lie there as they are."""
_COMPRESSED = re.compile(r"1\.2\.840\.10008\.1\.2(\.4\.\d{1,3}|\.5|\.1\.98)")
_SYNTAX = b"\x10\x00"
_MOST_META = 256
"""Elements of group 0002; the standard knows about 20."""


def open_dataset(data: bytes, budget: int) -> tuple[memoryview, Encoding, str]:
    """Find a file's data set.

    Args:
        data: The file; the preamble, or the whole header, may be missing.
        budget: Most bytes that a deflated data set may inflate to.

    Returns:
        The data set (inflated if it was deflated), how its elements are encoded, and the transfer
        syntax of its pixel data.

    Raises:
        FilmRejected: `unsupported_transfer_syntax`, `too_large`, `truncated`, `undecodable`.
    """
    start, syntax = _header(data)
    body = memoryview(data)[start:]
    if syntax == DEFLATED:
        body, syntax = memoryview(_inflated(body, budget)), EXPLICIT
    vr = bytes(body[4:6])
    # The first element is believed more than the header: some writers name the wrong syntax.
    encoding = Encoding(explicit=vr in SHORT_VRS or vr in LONG_VRS, big=syntax == BIG)
    if syntax in ("", EXPLICIT, IMPLICIT):
        syntax = EXPLICIT if encoding.explicit else IMPLICIT
    return body, encoding, syntax


def _header(data: bytes) -> tuple[int, str]:
    """Walk group 0002, which is always explicit: where it ends, and the transfer syntax."""
    at = DICOM_PREAMBLE + len(DICOM_MAGIC) if has_preamble(data) else 0
    syntax = ""
    left = _MOST_META
    while data[at : at + 2] == b"\x02\x00" and at + 8 <= len(data):
        if (left := left - 1) < 0:
            raise FilmRejected(
                "undecodable", f"The file's header has more than {_MOST_META} elements."
            )
        long = data[at + 4 : at + 6] in LONG_VRS
        value = at + (12 if long else 8)
        length = int.from_bytes(data[value - (4 if long else 2) : value], "little")
        if data[at + 2 : at + 4] == _SYNTAX:
            syntax = data[value : value + length].rstrip(b"\x00 ").decode("ascii", "replace")
        at = value + length
    if syntax in ("", EXPLICIT, IMPLICIT, DEFLATED, BIG) or _COMPRESSED.fullmatch(syntax):
        return at, syntax
    raise FilmRejected(
        "unsupported_transfer_syntax",
        "The file's transfer syntax is not one of the standard's for pictures. Send it as "
        "Explicit VR Little Endian.",
    )


def _inflated(body: memoryview, budget: int) -> bytes:
    """Inflate a deflated data set (PS3.5, A.5), giving up at the budget."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        dataset = inflater.decompress(body, budget)
    except zlib.error:
        raise FilmRejected("undecodable", "The deflated data set is damaged.") from None
    if inflater.unconsumed_tail:
        raise FilmRejected("too_large", f"The data set inflates to more than {budget:,} bytes.")
    if not inflater.eof:
        raise FilmRejected("truncated", "The deflated data set ends too early. Send it again.")
    return dataset
