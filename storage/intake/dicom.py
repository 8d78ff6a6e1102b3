"""DICOM: a new file is made of the elements that are allowed; the picture is copied byte for byte.

Nothing else of the old file enters the new one: neither the preamble, nor the header, nor any UID.
The same film gives the same bytes, whatever the patient is called.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from lungline.errors import FilmRejected
from storage.intake.allowed import (
    ALLOWED,
    ALLOWED_IN_TABLE,
    BITS,
    COLUMNS,
    FRAMES,
    ISSUER,
    PATIENT,
    PHOTOMETRIC,
    PIXELS,
    ROWS,
    SAMPLES,
    SIGNED,
    SOP_CLASS,
    STATED,
    STUDY,
    TABLES,
)
from storage.intake.cleaned import Cleaned
from storage.intake.dicom_file import write_file
from storage.intake.dicom_frame import JPEG, clean_frame
from storage.intake.dicom_header import IMPLICIT, NATIVE, open_dataset
from storage.intake.elements import (
    ITEM,
    Element,
    ElementReader,
    Encoding,
    Pieces,
    Truncated,
    write_element,
)
from storage.intake.identity import Identity
from storage.intake.limits import FilmLimits
from storage.intake.rules import SECONDARY_CAPTURE, Rule

_MOST_TABLES = 16
_MOST_SAMPLES, _MOST_BITS = 4, 64
"""Of a pixel, and of a sample, whatever a header claims: the standard knows no more."""
_IDENTIFYING = frozenset({STUDY, PATIENT, ISSUER})
_WORDS = (b"US", b"SS")
_SAME_WIDTH = {b"US": _WORDS, b"SS": _WORDS, b"??": _WORDS, b"OW": (b"OW", *_WORDS)}


@dataclass(frozen=True, slots=True)
class _Value:
    """What is stored of an element: its value representation and its value."""

    vr: bytes
    value: bytes


def clean_dicom(data: bytes, limits: FilmLimits) -> Cleaned:
    """Make a file that holds the picture and nothing that identifies.

    Args:
        data: The file; the preamble, or the whole header, may be missing.
        limits: Of geometry, and of what a deflated data set unpacks to.

    Raises:
        FilmRejected: `truncated`, `undecodable`, `no_pixels`, `too_many_frames`,
            `too_many_pixels`, `too_large`, `unsupported_photometric`,
            `unsupported_transfer_syntax`.
    """
    body, source, syntax = open_dataset(data, limits.max_bytes)
    target = Encoding(explicit=syntax != IMPLICIT, big=source.big)
    reader = ElementReader(body, source)
    try:
        found = _read(reader)
        width, height = _check(found, source, limits)
        if syntax in NATIVE:
            found[PIXELS] = _native(found, source, width * height)
        elif syntax in JPEG:
            found[PIXELS] = clean_frame(reader, found[PIXELS], limits)
        values = _values(found.values(), ALLOWED, signed=_number(found, SIGNED, source) == 1)
        elements = _elements(reader, found, values, target)
    except Truncated as error:
        where = "in" if error.tag == PIXELS else "before"
        raise FilmRejected(
            "truncated", f"The file ends {where} its pixel data. Send it again."
        ) from None
    stored = write_file(elements, target, syntax, values[SOP_CLASS].value)
    return Cleaned(stored, width, height, _identity(found))


def _read(reader: ElementReader) -> dict[int, Element]:
    """Pick the elements that may be kept or are hashed, up to the pixel data."""
    found: dict[int, Element] = {}
    picked = ALLOWED.keys() | TABLES | _IDENTIFYING | {PIXELS}
    for element in reader.elements():
        if element.tag in picked:
            found[element.tag] = element
        if element.tag >= PIXELS:
            break
    return found


def _identity(found: Mapping[int, Element]) -> Identity:
    """What is hashed, without the padding of either value representation (PS3.5, 6.2)."""
    study, patient, issuer = (
        bytes(found[tag].value).strip(b" \x00") if tag in found else b""
        for tag in (STUDY, PATIENT, ISSUER)
    )
    return Identity(study, patient, issuer)


def _check(found: Mapping[int, Element], source: Encoding, limits: FilmLimits) -> tuple[int, int]:
    """Check what the header promises; gives width and height."""
    if PIXELS not in found or not len(found[PIXELS].value):
        raise FilmRejected("no_pixels", "The DICOM file holds no pixel data. Send an image.")
    width, height = _number(found, COLUMNS, source), _number(found, ROWS, source)
    limits.check_shape(width, height)
    if FRAMES in found and (frames := _stored(found[FRAMES], ALLOWED)) and float(frames.value) > 1:
        raise FilmRejected("too_many_frames", "The file has several frames; a film has one.")
    if PHOTOMETRIC in found and _stored(found[PHOTOMETRIC], ALLOWED) is None:
        raise FilmRejected(
            "unsupported_photometric", "The file's colour model is not one of the standard's."
        )
    return width, height


def _native(found: Mapping[int, Element], source: Encoding, pixels: int) -> Element:
    """Pixel data that are not compressed, without what stands behind the picture that they are.

    A deflated data set could hold a thousand times of what was sent there.
    """
    whole = found[PIXELS]
    if whole.undefined:
        raise FilmRejected("undecodable", "The pixel data are not encoded as the header says.")
    samples = min(_number(found, SAMPLES, source) or 1, _MOST_SAMPLES)
    bits = min(_number(found, BITS, source) or _MOST_BITS, _MOST_BITS)
    words = -(-pixels * samples * bits // 16)  # a value has an even length
    return replace(whole, value=whole.value[: 2 * words])


def _number(found: Mapping[int, Element], tag: int, source: Encoding) -> int:
    """An element of one word as a number; 0 where there is none."""
    stored = _stored(found[tag], ALLOWED) if tag in found else None
    return int.from_bytes(stored.value, "big" if source.big else "little") if stored else 0


def _stored(
    element: Element, allowed: Mapping[int, tuple[bytes, Rule]], *, signed: bool = False
) -> _Value | None:
    """What is stored of an element, or None."""
    vr, rule = allowed[element.tag]
    same = _SAME_WIDTH.get(vr)
    if element.undefined or (same is not None and element.vr not in (vr, *same, b"UN", b"")):
        return None
    value = rule(bytes(element.value))
    if vr == b"??":
        vr = element.vr if element.vr in _WORDS else _WORDS[signed]
    return None if value is None else _Value(vr, value)


def _values(
    elements: Iterable[Element], allowed: Mapping[int, tuple[bytes, Rule]], *, signed: bool
) -> dict[int, _Value]:
    values = {} if allowed is not ALLOWED else {SOP_CLASS: _Value(b"UI", SECONDARY_CAPTURE)}
    for element in elements:
        if element.tag in allowed and (stored := _stored(element, allowed, signed=signed)):
            values[element.tag] = stored
    return values


def _elements(
    reader: ElementReader,
    found: Mapping[int, Element],
    values: Mapping[int, _Value],
    target: Encoding,
) -> dict[int, Pieces]:
    """Encode all that is stored, by tag."""
    stated = {tag: _Value(vr, value) for tag, (vr, value) in STATED.items()}
    whole = {
        tag: write_element(tag, each.vr, each.value, target)
        for tag, each in {**values, **stated}.items()
    }
    for tag in TABLES & found.keys():
        tables = list(_tables(reader, found[tag], target))
        whole[tag] = write_element(tag, b"SQ", b"".join(tables), target)
    pixels = found[PIXELS]
    vr = pixels.vr if pixels.vr in (b"OB", b"OW") else b"OW"
    whole[PIXELS] = write_element(PIXELS, vr, pixels.value, target, undefined=pixels.undefined)
    return whole


def _tables(reader: ElementReader, sequence: Element, target: Encoding) -> Iterable[bytes]:
    """Encode the look-up tables of a sequence."""
    for number, item in enumerate(reader.items(sequence)):
        if number == _MOST_TABLES:
            raise FilmRejected("undecodable", f"The file has more than {_MOST_TABLES} tables.")
        values = _values(item.elements(), ALLOWED_IN_TABLE, signed=False)
        pieces = [
            piece
            for tag in sorted(values)
            for piece in write_element(tag, values[tag].vr, values[tag].value, target)
        ]
        yield b"".join(write_element(ITEM, b"", b"".join(pieces), Encoding(False, target.big)))
