"""DICOM: transfer syntaxes, grey scale, colour, refusals, and silence about patients."""

from __future__ import annotations

import logging
import warnings
import zlib
from io import BytesIO
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

from ml.decode import DecodeLimits, decode
from ml.errors import FilmError
from tests.factories import films
from tests.unit.ml.dicom_files import ENCODERS, compressed, counts, plain_film, remade

NATIVE = (uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian)


def code_of(data: bytes, limits: DecodeLimits | None = None) -> str:
    with pytest.raises(FilmError) as caught:
        decode(data, limits or DecodeLimits())
    return caught.value.code


def stretched(values: np.ndarray) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    return np.rint((values - low) / (high - low) * 255).astype(np.uint8)


@pytest.mark.parametrize("syntax", NATIVE)
def test_uncompressed_films(syntax: str) -> None:
    film = decode(films.dicom(5, syntax=syntax))
    assert (film.format, film.native8, film.pixels.shape) == ("dicom", False, (80, 96))
    expected = films.pixels(5, bits=12) / 4095 * 255
    assert np.abs(film.pixels - expected).max() <= 1


@pytest.mark.parametrize("syntax", sorted(ENCODERS))
@pytest.mark.parametrize(("bits", "kind"), [(8, "u"), (12, "u"), (16, "u"), (12, "i"), (16, "i")])
def test_lossless_syntaxes_give_the_uncompressed_film(syntax: str, bits: int, kind: str) -> None:
    # Given stored values, as bit patterns where they are signed: JPEG knows no sign
    values = counts(bits, kind)
    stored = {"BitsStored": bits, "HighBit": bits - 1, "PixelRepresentation": int(kind == "i")}
    pattern = values.astype(np.int64) & ((1 << bits) - 1)
    coded = pattern.astype(f"u{values.itemsize}")
    # I expect each code to bring back the film
    film = decode(compressed(coded, syntax, **stored))
    np.testing.assert_array_equal(film.pixels, decode(plain_film(values, **stored)).pixels)
    np.testing.assert_array_equal(film.pixels, values if bits == 8 else stretched(values))


@pytest.mark.parametrize("syntax", [uid.RLELossless, uid.JPEG2000Lossless, uid.JPEGLSLossless])
def test_compressed_colour(syntax: str) -> None:
    colour = np.stack([counts(8), counts(8)[::-1], counts(8)[:, ::-1]], axis=-1)
    film = decode(compressed(np.ascontiguousarray(colour), syntax))
    luma = colour @ [0.299, 0.587, 0.114]
    assert np.abs(film.pixels - luma).max() <= 1


def test_lossy_jpeg_of_eight_bits() -> None:
    film = decode(films.dicom(2, bits=8, syntax=uid.JPEGBaseline8Bit))
    assert np.abs(film.pixels - films.pixels(2).astype(int)).mean() < 4


def test_monochrome1_is_inverted() -> None:
    plain, inverted = films.dicom(6), films.dicom(6, photometric="MONOCHROME1")
    difference = decode(plain).pixels.astype(int) - decode(inverted).pixels
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID", None])
@pytest.mark.parametrize("slope", [None, 1, 0.5, 2.25])
@pytest.mark.parametrize("kind", ["u", "i"])
def test_rescale_and_window_are_those_of_the_standard(
    function: str | None, slope: float | None, kind: str
) -> None:
    # Given a film with a rescale and a window
    elements: dict[str, Any] = {"WindowCenter": [900, 5], "WindowWidth": [1500, 9]}
    if slope is not None:
        elements |= {"RescaleSlope": slope, "RescaleIntercept": -100}
    if function is not None:
        elements["VOILUTFunction"] = function
    data = plain_film(counts(12, kind), BitsStored=12, HighBit=11, **elements)
    # I expect what pydicom computes for each pixel, its whole output range over 8 bits
    dataset = pydicom.dcmread(BytesIO(data))
    reference = apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset)
    ends = np.array([0, 4095]) if kind == "u" else np.array([-2048, 2047])
    low, high = apply_modality_lut(ends, dataset)
    expected = (reference - low) / (high - low) * 255
    assert np.abs(decode(data).pixels - expected).max() <= 0.501


@pytest.mark.parametrize("representation", ["US", "OW"])
@pytest.mark.parametrize("entry_bits", [8, 12, 16])
def test_a_voi_lut_is_applied(entry_bits: int, representation: str) -> None:
    item = Dataset()
    top = (1 << entry_bits) - 1
    lut = np.rint(np.linspace(1, 0, 2000) ** 2 * top).astype(int)
    item.LUTDescriptor = [2000, 1000, entry_bits]
    data = lut.tolist() if representation == "US" else lut.astype("<u2").tobytes()
    item.add_new("LUTData", representation, data)
    values = counts(12)
    data = plain_film(values, BitsStored=12, HighBit=11, VOILUTSequence=[item])
    expected = lut[np.clip(values.astype(int) - 1000, 0, 1999)] / top * 255
    assert np.abs(decode(data).pixels - expected).max() <= 0.501


def test_a_modality_lut_is_applied() -> None:
    item = Dataset()
    item.LUTDescriptor, item.ModalityLUTType = [4096, 0, 16], "OD"
    item.add_new("LUTData", "US", (np.arange(4096)[::-1] * 16).tolist())
    values = counts(12)
    film = decode(plain_film(values, BitsStored=12, HighBit=11, ModalityLUTSequence=[item]))
    np.testing.assert_array_equal(film.pixels, stretched(4095 - values.astype(int)))


def test_without_a_window_eight_bits_stay_and_more_are_stretched() -> None:
    eight = counts(8) // 2
    np.testing.assert_array_equal(decode(plain_film(eight)).pixels, eight)
    more = counts(12) // 3 + 70
    np.testing.assert_array_equal(decode(plain_film(more)).pixels, stretched(more))


def test_padding_does_not_widen_the_stretch() -> None:
    values = counts(10) + 1000
    values[:, :9] = 65535
    film = decode(plain_film(values, PixelPaddingValue=65535))
    np.testing.assert_array_equal(film.pixels[:, 9:], stretched(values[:, 9:]))


@pytest.mark.parametrize(
    "window",
    [
        {"WindowCenter": 60000, "WindowWidth": 2},
        {"WindowCenter": 500, "WindowWidth": 0},
        {"WindowCenter": 500, "WindowWidth": -3},
        {"WindowCenter": 500},
        {"WindowCenter": 500, "WindowWidth": 100, "VOILUTFunction": "CUBIC"},
        {"RescaleSlope": 0, "RescaleIntercept": 3, "WindowCenter": 5, "WindowWidth": 5},
    ],
)
def test_a_window_that_shows_nothing_is_not_used(window: dict[str, Any]) -> None:
    values = counts(12)
    film = decode(plain_film(values, BitsStored=12, HighBit=11, **window))
    if "RescaleSlope" in window:
        assert film.pixels.shape == values.shape
    else:
        np.testing.assert_array_equal(film.pixels, stretched(values))


@pytest.mark.parametrize(
    ("photometric", "luma"), [("RGB", 0.299 * 200), ("YBR_FULL", 200), ("YBR_RCT", 0.299 * 200)]
)
def test_colour_becomes_luma(photometric: str, luma: float) -> None:
    picture = np.zeros((6, 8, 3), np.uint8)
    picture[..., 0] = 200
    film = decode(plain_film(picture, PhotometricInterpretation=photometric))
    assert abs(int(film.pixels[3, 3]) - round(luma)) <= 1


@pytest.mark.parametrize(
    ("elements", "code"),
    [
        ({"NumberOfFrames": 2}, "too_many_frames"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "unsupported_photometric"),
        ({"PhotometricInterpretation": "HONG_GILDONG"}, "unsupported_photometric"),
        ({"SamplesPerPixel": 4}, "unsupported_photometric"),
        ({"SamplesPerPixel": 3, "PhotometricInterpretation": "HSV"}, "unsupported_photometric"),
        ({"Rows": 0}, "undecodable"),
        ({"Rows": 60000, "Columns": 60000}, "too_many_pixels"),
        ({"BitsAllocated": 32, "BitsStored": 32}, "undecodable"),
        ({"BitsAllocated": 1, "BitsStored": 1}, "undecodable"),
        ({"BitsStored": 17}, "undecodable"),
        ({"PixelData": b""}, "no_pixels"),
        ({"PixelData": b"\0\0"}, "truncated"),
    ],
)
def test_what_is_no_single_grey_film_is_refused(elements: dict[str, Any], code: str) -> None:
    assert code_of(films.dicom(**elements)) == code


@pytest.mark.parametrize("syntax", [uid.JPEG2000MC, "1.2.840.10008.1.2.4.9", "9.9.9"])
def test_an_unknown_syntax_is_named(syntax: str) -> None:
    data = remade(films.dicom(), uid.JPEGLSLossless, PixelData=encapsulate([b"\0" * 100]))
    data = data.replace(b"1.2.840.10008.1.2.4.80", syntax.encode().ljust(22, b"\0"))
    with pytest.raises(FilmError) as caught:
        decode(data)
    assert caught.value.code == "unsupported_transfer_syntax"
    assert syntax in caught.value.message


@pytest.mark.parametrize("syntax", [uid.JPEG2000Lossless, uid.JPEGLSLossless, uid.JPEGLosslessSV1])
def test_a_frame_larger_than_promised_is_not_decoded(syntax: str) -> None:
    # Given a data set that promises 96 x 80 and a frame of another geometry
    frame = ENCODERS[syntax](counts(12, "u", 400, 400))
    data = remade(films.dicom(), syntax, PixelData=encapsulate([frame]))
    assert code_of(data) == "undecodable"


@pytest.mark.parametrize("syntax", sorted(ENCODERS))
def test_a_frame_cut_short_is_refused(syntax: str) -> None:
    values = counts(12)
    frame = ENCODERS[syntax](values)
    data = remade(plain_film(values), syntax, PixelData=encapsulate([frame[: len(frame) // 2]]))
    assert code_of(data) in ("truncated", "undecodable")


def deflated(dataset: bytes) -> bytes:
    """Deflate all that follows group 2, as the deflated syntax has it."""
    plain = films.dicom(9)
    meta_end = 132 + 12 + int.from_bytes(plain[140:144], "little")
    meta = plain[:meta_end].replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99")
    grown = meta[:140] + (len(meta) - 144).to_bytes(4, "little") + meta[144:]
    at = grown.index(b"1.2.840.10008.1.2.1.99")
    grown = grown[: at - 2] + (22).to_bytes(2, "little") + grown[at:]
    coder = zlib.compressobj(wbits=-15)
    return grown + coder.compress(dataset or plain[meta_end:]) + coder.flush()


def test_a_deflated_film_is_inflated() -> None:
    np.testing.assert_array_equal(decode(deflated(b"")).pixels, decode(films.dicom(9)).pixels)


def test_a_deflated_bomb_is_refused_at_its_budget() -> None:
    limits = DecodeLimits(max_inflated_bytes=1_000_000)
    assert code_of(deflated(bytes(50_000_000)), limits) == "too_large"


def test_a_deflated_film_cut_short_is_truncated() -> None:
    assert code_of(deflated(b"")[:-400]) == "truncated"


@pytest.mark.parametrize("syntax", NATIVE[:2])
def test_a_file_without_preamble_or_meta_is_read(syntax: str) -> None:
    data = films.dicom(3, syntax=syntax)
    group2 = int.from_bytes(data[140:144], "little")
    expected = decode(data).pixels
    np.testing.assert_array_equal(decode(data[132:]).pixels, expected)
    np.testing.assert_array_equal(decode(data[144 + group2 :]).pixels, expected)


def test_elements_that_old_files_leave_out() -> None:
    film = decode(
        films.dicom(
            SamplesPerPixel=None,
            PhotometricInterpretation=None,
            HighBit=None,
            PixelRepresentation=None,
        )
    )
    np.testing.assert_array_equal(film.pixels, decode(films.dicom()).pixels)


def test_nothing_of_a_patient_is_said(caplog: pytest.LogCaptureFixture) -> None:
    # Given files whose every text is malformed, so that pydicom would quote it
    quoted = films.PATIENT_NAME.encode()
    data = films.dicom(NumberOfFrames=1)
    bad = [
        data.replace(b"2048", b"Hong"),
        data.replace(b"MONOCHROME2 ", quoted),
        data.replace(b"20210304", b"Hong^Gil"),
        data.replace(b"ISO_IR 192", b"Hong^Gildo"),
        data.replace(b"1.2.840.10008.1.2.1\0", quoted.ljust(20, b"\0")),
        data[:-7000],
        data[:1500],
    ]
    said = []
    caplog.set_level(logging.DEBUG)
    # If I decode them, with warnings shown
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        for one in bad:
            try:
                decode(one)
            except FilmError as error:
                said += [str(error), repr(error.__context__ and error.__cause__)]
    # I expect no part of the name anywhere
    said += [str(warning.message) for warning in shown] + [caplog.text]
    assert not [text for text in said if "Hong" in text or "Gil" in text]


def test_warning_filters_are_left_as_they_were() -> None:
    before = list(warnings.filters)
    decode(films.dicom())
    assert warnings.filters == before
    assert pydicom.config.settings.reading_validation_mode == pydicom.config.WARN
