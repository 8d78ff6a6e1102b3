"""The real DICOM files, each with what it must give; `manifest.csv` there says where from."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from ml.decode import decode
from ml.errors import FilmError
from tests.fixtures.parts import SHARED_DATA, real_data

READ = {
    "nhsx__sample": (512, 512),
    "pydicom-data__bad_sequence": (512, 512),
    "pydicom-data__vlut_04": (512, 512),
    "pydicom__693_J2KI": (512, 512),
    "pydicom__JPEG-lossy": (256, 1024),
    "pydicom__JPEGLSNearLossless_16": (10, 50),
    "pydicom__JPGExtended": (256, 1024),
    "pydicom__MR_small": (64, 64),
    "pydicom__MR_small_RLE": (64, 64),
    "pydicom__MR_small_padded": (64, 64),
    "pydicom__image_dfl": (512, 512),
    "rsna__1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819": (1024, 1024),
    "wg04__J2KI_RG1_J2KI": (1841, 1955),
    "wg04__J2KI_RG2_J2KI": (1760, 2140),
    "wg04__J2KI_RG3_J2KI": (1760, 1760),
    "wg04__J2KR_RG3_J2KR": (1760, 1760),
    "wg04__JLSL_RG3_JLSL": (1760, 1760),
    "wg04__JLSN_RG2_JLSN": (1760, 2140),
    "wg04__JPLL_RG2_JPLL": (1760, 2140),
    "wg04__JPLY_RG2_JPLY": (1760, 2140),
    "wg04__JPLY_RG3_JPLY": (1760, 1760),
}
"""Width and height."""

REFUSED = {
    "pydicom-data__emri_small_jpeg_2k_lossless_too_short": "too_many_frames",
    "pydicom__ExplVR_LitEndNoMeta": "no_pixels",
    "pydicom__MR_truncated": "truncated",
    "pydicom__chrJapMulti": "no_pixels",
    "pydicom__chrJapMultiExplicitIR6": "no_pixels",
    "pydicom__empty_charset_LEI": "no_pixels",
    "pydicom__rtplan_truncated": "no_pixels",
}

SAME_PICTURE = [
    ("wg04__J2KI_RG3_J2KI", "wg04__J2KR_RG3_J2KR", 2),
    ("wg04__JLSL_RG3_JLSL", "wg04__J2KR_RG3_J2KR", 0),
    ("wg04__JPLY_RG3_JPLY", "wg04__J2KR_RG3_J2KR", 3),
    ("wg04__J2KI_RG2_J2KI", "wg04__JPLL_RG2_JPLL", 3),
    ("wg04__JLSN_RG2_JLSN", "wg04__JPLL_RG2_JPLL", 3),
    ("wg04__JPLY_RG2_JPLY", "wg04__JPLL_RG2_JPLL", 7),
    ("pydicom__MR_small_RLE", "pydicom__MR_small", 0),
]
"""Two codes of one film, and how many grey levels the lossy ones may be off (99.9 %)."""


def film_bytes(name: str) -> bytes:
    return (real_data("dicom") / f"{name}.dcm").read_bytes()


@pytest.mark.parametrize(("name", "size"), READ.items())
def test_a_real_file_is_read(name: str, size: tuple[int, int]) -> None:
    film = decode(film_bytes(name))
    assert film.pixels.shape == size[::-1]
    assert film.pixels.std() > 5


@pytest.mark.parametrize(("name", "code"), REFUSED.items())
def test_a_real_file_is_refused(name: str, code: str) -> None:
    data = film_bytes(name)
    with pytest.raises(FilmError) as caught:
        decode(data)
    assert caught.value.code == code


@pytest.mark.parametrize(("one", "other", "levels"), SAME_PICTURE)
def test_every_code_of_one_film_gives_one_picture(one: str, other: str, levels: int) -> None:
    difference = np.abs(
        decode(film_bytes(one)).pixels.astype(int) - decode(film_bytes(other)).pixels
    )
    assert np.quantile(difference, 0.999) <= levels


def test_every_file_of_the_set_is_named_here() -> None:
    with (real_data("dicom") / "manifest.csv").open() as rows:
        names = {Path(row["file"]).stem for row in csv.DictReader(rows)}
    assert names == set(READ) | set(REFUSED)


def test_a_real_chest_film_is_bright_in_the_middle() -> None:
    # Given a MONOCHROME1 chest film: the spine is bright only if it was inverted
    pixels = decode(film_bytes("wg04__J2KI_RG1_J2KI")).pixels
    height, width = pixels.shape
    middle = pixels[height // 3 : height * 2 // 3]
    spine = middle[:, width * 45 // 100 : width * 52 // 100]
    lung = middle[:, width * 25 // 100 : width * 35 // 100]
    assert spine.mean() > lung.mean() + 20


def test_all_real_films_of_a_folder_decode() -> None:
    folder = SHARED_DATA / "paediatric_hires" / "images"
    if not folder.exists():
        pytest.skip("no real data here (paediatric_hires)")
    for file in sorted(folder.rglob("*.jpeg"))[::40]:
        film = decode(file.read_bytes())
        assert max(film.pixels.shape) == 512
