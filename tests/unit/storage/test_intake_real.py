"""Real films: what intake stores of them is the same picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lungline.errors import FilmRejected
from lungline.settings import Settings
from ml.decode import decode
from storage.intake import FilmIntake
from storage.objects.local import LocalStore
from tests.fixtures.parts import real_data

REFUSED = {
    "pydicom-data__emri_small_jpeg_2k_lossless_too_short",
    "pydicom__ExplVR_LitEndNoMeta",
    "pydicom__MR_truncated",
    "pydicom__chrJapMulti",
    "pydicom__chrJapMultiExplicitIR6",
    "pydicom__empty_charset_LEI",
    "pydicom__rtplan_truncated",
}


def test_every_real_dicom_file_is_stored_with_the_same_pixels(tmp_path: Path) -> None:
    intake = FilmIntake(LocalStore(tmp_path), Settings(data_dir=tmp_path, identity_key="k" * 32))
    refused = set()
    for file in sorted(real_data("dicom").glob("*.dcm")):
        data = file.read_bytes()
        try:
            stored = intake.prepare("ward", data).data
        except FilmRejected:
            refused.add(file.stem)
            continue
        np.testing.assert_array_equal(decode(stored).pixels, decode(data).pixels, file.stem)
        assert intake.prepare("ward", stored).data == stored, file.stem
    assert refused == REFUSED
