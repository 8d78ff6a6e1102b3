"""The one way in: told by its first bytes, and nothing that identifies comes through."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.tag import Tag

from lungline.domain import FilmFormat
from lungline.errors import FILM_CODES, FilmRejected
from lungline.settings import Settings
from storage.intake import FilmIntake
from storage.intake.allowed import ALLOWED, ALLOWED_IN_TABLE, STATED, TABLES
from storage.intake.elements import MOST_ELEMENTS
from storage.intake.film import PreparedFilm
from storage.intake.jpeg import MOST_SCANS, MOST_SEGMENTS
from storage.intake.png import MOST_CHUNKS
from storage.objects.local import LocalStore
from tests.factories import films

MARK = "Hong-Gildong-MARK"
OWN = {0x00080018, 0x0020000D, 0x0020000E}  # UIDs that come from nothing but what is stored
SYNTAXES = (uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian)


@pytest.fixture(scope="module")
def intake(tmp_path_factory: pytest.TempPathFactory) -> FilmIntake:
    folder = tmp_path_factory.mktemp("intake")
    return FilmIntake(
        LocalStore(folder), Settings(data_dir=folder, identity_key="of this test alone")
    )


def taken(intake: FilmIntake, data: bytes) -> PreparedFilm:
    return intake.prepare("ward", data)


def elements(dataset: Dataset) -> set[int]:
    return {int(element.tag) for element in dataset}


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (films.jpeg(), FilmFormat.JPEG),
        (films.png8(), FilmFormat.PNG),
        (films.png16(), FilmFormat.PNG),
        (films.dicom(), FilmFormat.DICOM),
        (films.dicom()[films.dicom().index(b"\x08\x00\x05\x00", 132) :], FilmFormat.DICOM),
    ],
)
def test_a_film_is_what_its_bytes_are(data: bytes, kind: FilmFormat, intake: FilmIntake) -> None:
    film = taken(intake, data).film
    assert (film.format, film.width, film.height) == (kind, 96, 80)


@pytest.mark.parametrize(
    "data",
    [
        films.text_named_jpg(),
        films.wrong_magic(),
        b"\xff\xd8",
        b"GIF89a" + bytes(64),
        b"II*\x00" + bytes(64),
        b"%PDF-1.7\n" + films.jpeg(),
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>",
        b"PK\x03\x04" + bytes(64),
        b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(64),
        b"RIFF\x00\x00\x00\x00WEBP",
        b" " + films.png8(),
    ],
)
def test_nothing_else_is_taken(data: bytes, intake: FilmIntake) -> None:
    with pytest.raises(FilmRejected) as caught:
        taken(intake, data)
    assert caught.value.code == "unsupported_format"


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_of_dicom_only_what_is_listed_is_stored(syntax: str, intake: FilmIntake) -> None:
    stored = taken(intake, films.dicom(3, syntax=syntax)).data
    dataset = pydicom.dcmread(BytesIO(stored))
    assert elements(dataset) - OWN <= ALLOWED.keys() | STATED.keys() | TABLES | {0x7FE00010}
    for planted in films.IDENTIFIERS:
        assert planted.encode() not in stored
    for planted in (b"SECRET", b"20240501", b"ACC-"):
        assert planted not in stored
    assert stored[:128] == bytes(128)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("Modality", MARK),
        ("BodyPartExamined", MARK),
        ("ViewPosition", MARK),
        ("PatientSex", "X"),
        ("PatientAge", "3Y M"),
        ("Laterality", MARK),
        ("PatientOrientation", ["A", MARK]),
        ("BurnedInAnnotation", MARK),
        ("VOILUTFunction", MARK),
        ("RescaleType", MARK),
        ("PresentationLUTShape", MARK),
        ("SOPClassUID", "1.2.410.999.12345678"),
        ("ImageComments", MARK),
        ("PatientComments", MARK),
        ("StudyDescription", MARK),
        ("ProtocolName", MARK),
        ("OtherPatientIDs", [MARK]),
        ("AccessionNumber", MARK),
    ],
)
def test_an_element_holds_a_number_or_a_known_word_or_goes(
    keyword: str, value: Any, intake: FilmIntake
) -> None:
    with pydicom.config.disable_value_validation():
        data = films.dicom(4, **{keyword: value})
    stored = taken(intake, data).data
    dataset = pydicom.dcmread(BytesIO(stored))
    assert MARK.encode() not in stored
    assert b"999.12345678" not in stored
    assert keyword == "SOPClassUID" or keyword not in dataset


def test_private_nested_and_overlay_elements_do_not_come_through(intake: FilmIntake) -> None:
    dataset = pydicom.dcmread(BytesIO(films.dicom(5)))
    inner, table = Dataset(), Dataset()
    inner.PatientName = MARK
    inner.private_block(0x0011, MARK, create=True).add_new(1, "LO", MARK)
    dataset.ReferencedStudySequence = [inner]
    table.LUTDescriptor, table.LUTExplanation, table.LUTData = [2, 0, 16], MARK, b"\1\0\2\0"
    table.add_new(Tag(0x0010, 0x0010), "PN", MARK)
    dataset.VOILUTSequence = [table]
    dataset.add_new(Tag(0x6000, 0x3000), "OW", MARK.encode() + b"\0")
    dataset.add_new(Tag(0x5000, 0x3000), "OW", MARK.encode() + b"\0")
    dataset.add_new(Tag(0x7FE1, 0x0010), "LO", MARK)
    stream = BytesIO()
    dataset.save_as(stream, enforce_file_format=True)

    stored = taken(intake, stream.getvalue() + MARK.encode()).data

    assert MARK.encode() not in stored
    (kept,) = pydicom.dcmread(BytesIO(stored)).VOILUTSequence
    assert elements(kept) <= ALLOWED_IN_TABLE.keys()
    assert list(kept.LUTDescriptor) == [2, 0, 16]


def test_the_same_film_of_two_children_is_the_same_bytes(intake: FilmIntake) -> None:
    one, other = (
        films.dicom(6, PatientName=name, PatientID=name, StudyInstanceUID=f"1.2.3.{number}")
        for number, name in enumerate(("Kim^A", "Lee^B"), 1)
    )
    first, second = taken(intake, one), taken(intake, other)
    assert first.data == second.data
    assert first.film.patient_hash != second.film.patient_hash
    assert b"1.2.3." not in first.data
    dataset = pydicom.dcmread(BytesIO(first.data))
    assert dataset.StudyInstanceUID.startswith("2.25.")
    np.testing.assert_array_equal(
        dataset.pixel_array, pydicom.dcmread(BytesIO(one)).pixel_array, "not a pixel is touched"
    )


@pytest.mark.parametrize(
    "data",
    [
        films.jpeg_with_segments(
            (0xE1, films.exif(6, text=MARK.encode())),
            (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + MARK.encode()),
            (0xE2, b"ICC_PROFILE\0" + MARK.encode()),
            (0xED, b"Photoshop 3.0\0" + MARK.encode()),
            (0xFE, MARK.encode()),
        )
        + MARK.encode(),
        films.png_with_chunks(
            (b"tEXt", b"Comment\0" + MARK.encode()),
            (b"iTXt", b"Comment\0\0\0\0\0" + MARK.encode()),
            (b"tIME", bytes(7)),
            (b"eXIf", films.exif(6, text=MARK.encode()).removeprefix(b"Exif\0\0")),
            (b"prIv", MARK.encode()),
        )
        + MARK.encode(),
    ],
    ids=["jpeg", "png"],
)
def test_texts_and_what_stands_behind_the_end_go_and_the_orientation_stays(
    data: bytes, intake: FilmIntake
) -> None:
    stored = taken(intake, data).data
    assert MARK.encode() not in stored
    assert b"xap" not in stored
    assert b"tIME" not in stored
    turned = cv2.imdecode(np.frombuffer(stored, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert turned.shape == (96, 80)
    assert taken(intake, stored).data == stored, "cleaned again it is the same"


SKIPPED_BY_DECODERS = (0x01, 0x02, 0xBF, 0xC8, 0xDE, 0xDF, *range(0xF0, 0xFE))


@pytest.mark.parametrize("marker", [*SKIPPED_BY_DECODERS, 0xDC], ids=hex)
def test_a_segment_that_no_picture_needs_hides_no_text(marker: int, intake: FilmIntake) -> None:
    data = films.jpeg_with_segments((marker, b"\0\0" + MARK.encode()))
    stored = taken(intake, data).data
    assert MARK.encode() not in stored
    decoded = [cv2.imdecode(np.frombuffer(each, np.uint8), -1) for each in (films.jpeg(), stored)]
    np.testing.assert_array_equal(*decoded)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        (b"PLTE", MARK.encode() * 60),
        (b"PLTE", b"four"),
        (b"tRNS", MARK.encode() * 60),
        (b"IEND", MARK.encode()),
    ],
)
def test_a_chunk_that_holds_more_than_it_should_is_refused(
    name: bytes, body: bytes, intake: FilmIntake
) -> None:
    plain = films.png8()
    data = plain[:-12] + films.png_chunk(name, body)
    with pytest.raises(FilmRejected, match=name.decode()) as caught:
        taken(intake, data)
    assert caught.value.code == "undecodable"


@pytest.mark.parametrize("name", [b"IHDR", b"PLTE", b"tRNS"])
def test_of_chunks_that_come_once_no_second_is_stored(name: bytes, intake: FilmIntake) -> None:
    twice = films.png_chunk(name, bytes(3)) + films.png_chunk(name, MARK.encode()[:15])
    plain = films.png8()
    stored = taken(intake, plain[:-12] + twice + plain[-12:]).data
    assert MARK.encode()[:15] not in stored


@pytest.mark.parametrize(
    "data", [films.jpeg(7), films.png8(7), films.png16(7)], ids=["jpeg", "png", "png16"]
)
def test_not_a_pixel_is_touched(data: bytes, intake: FilmIntake) -> None:
    stored = taken(intake, data).data
    decoded = [
        cv2.imdecode(np.frombuffer(each, np.uint8), cv2.IMREAD_UNCHANGED) for each in (data, stored)
    ]
    np.testing.assert_array_equal(*decoded)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (films.dicom_without_pixels(), "no_pixels"),
        (films.dicom(frames=2), "too_many_frames"),
        (films.huge_png(), "too_many_pixels"),
        (films.huge_png(0), "undecodable"),
        (films.png8()[:30], "truncated"),
        (films.jpeg()[:40], "truncated"),
        (films.truncated_dicom(), "truncated"),
        (films.jpeg() + bytes(64 << 20), "too_large"),
        (
            films.dicom().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.99999.1.2.1\0"),
            "unsupported_transfer_syntax",
        ),
    ],
)
def test_what_cannot_be_taken_is_named(data: bytes, code: str, intake: FilmIntake) -> None:
    with pytest.raises(FilmRejected) as caught:
        taken(intake, data)
    assert (caught.value.code, caught.value.code in FILM_CODES) == (code, True)


DATASET_AT = films.dicom().index(b"\x08\x00\x05\x00", 132)
EMPTY = b"\x09\x00\x10\x10SH\x00\x00"
EMPTY_META = b"\x02\x00\x13\x00SH\x00\x00"
OPEN = b"\x09\x00\x10\x10SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"


@pytest.mark.parametrize(
    "data",
    [
        films.png_with_chunks(*[(b"tEXt", b"")] * MOST_CHUNKS),
        films.png_with_chunks(*[(b"IDAT", b"")] * MOST_CHUNKS),
        films.jpeg_with_segments(*[(0xFE, b"")] * MOST_SEGMENTS),
        films.jpeg_with_segments(*[(0xDC, b"")] * MOST_SEGMENTS),
        films.jpeg_with_segments(*[(0xDA, b"")] * MOST_SCANS),
        films.dicom()[:DATASET_AT] + EMPTY * MOST_ELEMENTS + films.dicom()[DATASET_AT:],
        films.dicom()[:DATASET_AT] + OPEN * 100 + films.dicom()[DATASET_AT:],
        films.dicom()[:132] + EMPTY_META * 10_000 + films.dicom()[132:],
    ],
    ids=["chunks", "data", "segments", "kept", "scans", "elements", "nested", "header"],
)
def test_more_pieces_than_a_film_has_are_not_followed(data: bytes, intake: FilmIntake) -> None:
    """Each costs the API a step in Python, and many of them an hour of it."""
    with pytest.raises(FilmRejected) as caught:
        taken(intake, data)
    assert caught.value.code == "undecodable"


@pytest.mark.parametrize(
    "padding", [b"\xff" * 2_000_000, b"\xff\xd0" * 1_000_000], ids=["ff", "rst"]
)
def test_padding_that_does_no_harm_is_skipped(padding: bytes, intake: FilmIntake) -> None:
    plain = films.jpeg()
    assert taken(intake, plain[:2] + padding + plain[2:]).data == taken(intake, plain).data


@pytest.mark.parametrize("age", ["003Y", "013M", "002W", "095Y"])
def test_ages_are_coarse(age: str, intake: FilmIntake) -> None:
    stored = taken(intake, films.dicom(8, PatientAge=age)).data
    kept = pydicom.dcmread(BytesIO(stored)).PatientAge
    assert kept == {"003Y": "003Y", "013M": "013M", "002W": "000M", "095Y": "089Y"}[age]


def test_a_compressed_film_keeps_its_frame_and_its_syntax(intake: FilmIntake) -> None:
    data = films.dicom(9, bits=8, syntax=uid.JPEGBaseline8Bit)
    dataset = pydicom.dcmread(BytesIO(taken(intake, data).data))
    assert dataset.file_meta.TransferSyntaxUID == uid.JPEGBaseline8Bit
    assert dataset.PixelData == pydicom.dcmread(BytesIO(data)).PixelData


@pytest.mark.parametrize("syntax", [*SYNTAXES, uid.DeflatedExplicitVRLittleEndian])
@pytest.mark.parametrize("bits", [8, 12])
def test_what_stands_behind_a_picture_is_not_stored(
    syntax: str, bits: int, intake: FilmIntake
) -> None:
    plain = films.dicom(10, 95, 81, bits=bits, syntax=syntax)
    pixels = pydicom.dcmread(BytesIO(plain)).PixelData
    padded = pixels + bytes(2 << 20) + MARK.encode().ljust(1 << 10)
    long = films.dicom(10, 95, 81, bits=bits, syntax=syntax, PixelData=padded)
    stored = taken(intake, long).data
    assert stored == taken(intake, plain).data
    assert taken(intake, stored).data == stored, "cleaned again it is the same"


@pytest.mark.parametrize("keyword", ["SamplesPerPixel", "BitsAllocated"])
@pytest.mark.parametrize("claim", [None, 65_535])
def test_no_claim_makes_room_for_more_than_pixels_can_have(
    keyword: str, claim: int | None, intake: FilmIntake
) -> None:
    syntax = uid.DeflatedExplicitVRLittleEndian
    data = films.dicom(11, 8, 8, syntax=syntax, PixelData=bytes(8 << 20), **{keyword: claim})
    assert taken(intake, data).film.size < 4096


def test_pixels_that_are_encoded_otherwise_than_the_header_says(intake: FilmIntake) -> None:
    data = films.dicom(12, bits=8, syntax=uid.JPEGBaseline8Bit)
    wrong = data.replace(b"1.2.840.10008.1.2.4.50", b"1.2.840.10008.1.2.1\0\0\0")
    with pytest.raises(FilmRejected) as caught:
        taken(intake, wrong)
    assert caught.value.code == "undecodable"


@pytest.mark.parametrize("length", [0x4144, 0x41_4144, 0x4F4C])
def test_a_frame_whose_length_spells_a_value_representation(
    length: int, intake: FilmIntake
) -> None:
    """Items have none; 0x4144 is `DA` as it stands in the file."""
    comments = length - len(films.jpeg(9))
    most = 0xFFFF - 2
    segments = [(0xFE, bytes(most))] * (comments // (most + 4))
    rest = comments % (most + 4)
    frame = films.jpeg_with_segments(*segments, (0xFE, bytes(rest - 4)), seed=9)
    assert len(frame) == length
    data = films.dicom(
        9, bits=8, syntax=uid.JPEGBaseline8Bit, PixelData=encapsulate([frame], has_bot=False)
    )
    assert taken(intake, data).film.width == 96


ONE_OFFSET = b"\xfe\xff\x00\xe0\x04\0\0\0\0\0\0\0"
NO_OFFSETS = b"\xfe\xff\x00\xe0\x14\0\0\0" + MARK.encode().ljust(20)
HIDDEN = [(0xFE, MARK.encode()), (0xE1, films.exif(1, text=MARK.encode())), (0xF3, MARK.encode())]


@pytest.mark.parametrize(
    "encapsulated",
    [
        encapsulate([films.jpeg_with_segments(*HIDDEN, seed=9)]),
        encapsulate([films.jpeg_with_segments(*HIDDEN, seed=9)], fragments_per_frame=3),
        encapsulate([films.jpeg(9), MARK.encode()]),
        encapsulate([films.jpeg(9) + MARK.encode()]),
        encapsulate([films.jpeg(9)]).replace(ONE_OFFSET, NO_OFFSETS),
    ],
    ids=["segments", "fragments", "second frame", "behind the end", "offsets"],
)
def test_a_jpeg_frame_keeps_no_more_than_a_jpeg_file(
    encapsulated: bytes, intake: FilmIntake
) -> None:
    assert MARK.encode()[:16] in encapsulated
    baseline = uid.JPEGBaseline8Bit
    data = films.dicom(9, bits=8, syntax=baseline, PixelData=encapsulated)
    stored = taken(intake, data).data
    assert MARK.encode()[:16] not in stored
    assert taken(intake, stored).data == stored, "cleaned again it is the same"
    pixels, plain = pydicom.dcmread(BytesIO(stored)).PixelData, films.jpeg(9)
    np.testing.assert_array_equal(
        *(cv2.imdecode(np.frombuffer(each, np.uint8), -1) for each in (get_frame(pixels, 0), plain))
    )


def test_a_jpeg_frame_that_is_none_is_refused(intake: FilmIntake) -> None:
    text = encapsulate([MARK.encode()])
    data = films.dicom(9, bits=8, syntax=uid.JPEGBaseline8Bit, PixelData=text)
    with pytest.raises(FilmRejected) as caught:
        taken(intake, data)
    assert caught.value.code == "undecodable"


def test_nothing_is_stored_of_what_is_refused(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    intake = FilmIntake(store, Settings(data_dir=tmp_path, identity_key="of this test alone"))
    with pytest.raises(FilmRejected):
        intake.take("ward", films.text_named_jpg())
    assert list(store.keys("")) == []
    film = intake.take("ward", films.jpeg(1))
    assert list(store.keys("")) == [film.object_key] == [f"ward/films/{film.sha256}"]


@given(
    st.binary(max_size=300), st.sampled_from([b"\xff\xd8\xff", films.PNG_MAGIC, b"\x08\0\x05\0"])
)
def test_any_bytes_are_taken_or_refused_by_name(
    intake: FilmIntake, body: bytes, magic: bytes
) -> None:
    assert outcome(intake, magic + body) in {"taken", *FILM_CODES}


def outcome(intake: FilmIntake, data: bytes) -> str:
    try:
        taken(intake, data)
    except FilmRejected as error:
        return error.code
    return "taken"
