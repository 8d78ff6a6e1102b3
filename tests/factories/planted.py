"""Films, and what goes with them, with a mark wherever a name or number of a child may stand."""

from __future__ import annotations

import json

from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit

from tests.factories import archives, films
from tests.factories.archives import RawEntry

MARK = "Zqmarker"
UID = "1.2.826.0.1.3680043.8.498.70707070701"
WORDS = json.dumps({MARK: MARK})
"""Metadata, of which keys can be names too."""

_TEXT = f"called {MARK}".encode()
_WIDE = MARK.encode("utf-16-le")
_ELEMENTS = {
    "PatientName": f"{MARK}^Kind",
    "PatientID": MARK,
    "PatientComments": f"called {MARK}",
    "PatientAge": "003Y",
    "AccessionNumber": MARK,
    "StudyDescription": MARK,
    "SeriesDescription": MARK,
    "ImageComments": MARK,
    "ProtocolName": MARK,
    "BodyPartExamined": MARK.upper(),
    "ViewPosition": MARK.upper(),
    "SOPInstanceUID": UID,
    "StudyInstanceUID": f"{UID}.1",
    "SeriesInstanceUID": f"{UID}.2",
}


def marks_in(data: bytes) -> list[str]:
    """Which of the planted marks stand there, in whatever case, in one byte a letter or two."""
    low = data.lower()
    return [
        mark
        for mark in (MARK, UID)
        if any(mark.lower().encode(code) in low for code in ("ascii", "utf-16-le", "utf-16-be"))
    ]


def jpeg(seed: int) -> bytes:
    """A JPEG with marks in every kind of segment that no decoder needs, and behind its end."""
    xmp = b"http://ns.adobe.com/xap/1.0/\x00<x:xmpmeta>" + _TEXT + b"</x:xmpmeta>"
    return (
        films.jpeg_with_segments(
            (0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x02\x02" + _TEXT),
            (0xE0, b"JFXX\x00\x10" + _TEXT),
            (0xE1, films.exif(6, text=_TEXT + b"\x00" + _WIDE)),
            (0xE1, xmp),
            (0xE2, b"ICC_PROFILE\x00\x01\x01" + _TEXT),
            (0xE5, _TEXT),
            (0xED, b"Photoshop 3.0\x008BIM\x04\x04" + _TEXT),
            (0xEF, _WIDE),
            (0xF0, _TEXT),
            (0xFE, _TEXT),
            seed=seed,
        )
        + _TEXT
    )


def png(seed: int) -> bytes:
    """A PNG with marks in every kind of chunk that no decoder needs, and behind its end."""
    name = MARK.encode() + b"\x00"
    return (
        films.png_with_chunks(
            (b"tEXt", b"Author\x00" + _TEXT),
            (b"zTXt", name + b"\x00"),
            (b"iTXt", name + b"\x00\x00\x00\x00" + _TEXT),
            (b"iCCP", name + b"\x00"),
            (b"sPLT", name + b"\x08"),
            (b"eXIf", films.exif(6, text=_TEXT)[6:]),
            (b"prVt", _WIDE),
            seed=seed,
        )
        + _TEXT
    )


def dicom(seed: int, *, without_pixels: bool = False) -> bytes:
    """A DICOM file with marks in texts, in ids, in terms, and behind its picture."""
    gone = {"PixelData": None} if without_pixels else {"DataSetTrailingPadding": _TEXT + b" "}
    return films.dicom(seed, **_ELEMENTS, **gone)


def dicom_of_jpeg(seed: int) -> bytes:
    """A DICOM file whose picture is a JPEG with marks."""
    frame = {"PixelData": encapsulate([jpeg(seed)])}
    return films.dicom(seed, bits=8, syntax=JPEGBaseline8Bit, **_ELEMENTS, **frame)


def form_of_films(seed: int) -> dict[str, bytes]:
    """Films by their names, good and bad ones."""
    return {
        f"{MARK}/segments.jpg": jpeg(seed),
        f"{MARK}-chunks.png": png(seed),
        f"{MARK}.dcm": dicom(seed),
        f"{MARK}-of-jpeg.dcm": dicom_of_jpeg(seed),
        f"{MARK}-cut.dcm": dicom(seed + 1)[:-999],
        f"{MARK}-cut.jpg": jpeg(seed + 1)[:2000],
        f"{MARK}-none.dcm": dicom(seed + 2, without_pixels=True),
        f"{MARK}.txt": _TEXT * 20,
    }


def archive(seed: int) -> bytes:
    """A zip with marks in names and in its comment."""
    return archives.raw_zip(
        [
            RawEntry(f"{MARK}/{MARK}.dcm".encode(), dicom(seed)),
            RawEntry(f"{MARK}/{MARK}.jpg".encode(), jpeg(seed)),
            RawEntry(f"../{MARK}.jpg".encode(), films.jpeg(seed + 1)),
            RawEntry(f"{MARK}.csv".encode(), MARK.encode()),
        ],
        comment=_TEXT,
    )


def manifest() -> bytes:
    """Of the archive, with marks in all columns, lines that name nothing and one that is bad."""
    return "\n".join(
        [
            "name,external_id,ward",
            f"{MARK}/{MARK}.dcm,{MARK},{MARK}",
            f"{MARK}/nowhere.jpg,{MARK},{MARK}",
            f"{MARK}/{MARK}.jpg,{MARK},{MARK},{MARK}",
            f"{MARK}/{MARK}.dcm,{MARK},{MARK}",
        ]
    ).encode()
