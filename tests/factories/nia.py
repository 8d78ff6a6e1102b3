"""Small data sets in the layout of the NIA paediatric chest set, broken members among them."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom.uid import ExplicitVRLittleEndian

from tests.factories import films

DIAGNOSES = {
    1: "01.공기누출",
    2: "02.과다팽창",
    3: "03.무기폐",
    4: "04.신생아호흡곤란증후군",
    5: "05.폐렴",
    6: "06.흉막삼출",
    9: "09.정상",
}
AGES = (
    ("A1.0-2개월", "0개월"),
    ("A2.3개월-5세", "3세"),
    ("A3.6-10세", "7세"),
    ("A4.11-15세", "12세"),
)
SIZE = (96, 80)


def write_nia(folder: Path, patients: int = 5, diagnoses: tuple[int, ...] = (*DIAGNOSES,)) -> Path:
    """Write `patients` patients of each diagnosis by turns of age; the first has two films."""
    for diagnosis in diagnoses:
        for person in range(patients):
            for number in range(2 if person == 0 else 1):
                identifier = f"H{diagnosis:02}_{person:05}_{number + 1:02}"
                write_film(folder, diagnosis, person % len(AGES), identifier)
    return folder


def write_film(
    folder: Path,
    number: int,
    age: int,
    identifier: str,
    *,
    named: str | None = None,
    seed: int | None = None,
    mask: bool = True,
    **patient: Any,
) -> Path:
    """Write one film's folder, and give it.

    Args:
        folder: Of the data set.
        number: Of the diagnosis.
        age: Place in `AGES`.
        identifier: Of the film.
        named: Another name for the diagnosis folder.
        seed: Of the pixels; films of one seed are duplicates.
        mask: Leave a mask.
        patient: What the metadata say of the patient, where they say something else.
    """
    by_age, told = AGES[age]
    place = folder / (named or DIAGNOSES[number]) / by_age / identifier
    for part in ("org", "mask", "metadata"):
        (place / part).mkdir(parents=True)
    seed = hash_of(identifier) if seed is None else seed
    picture, lungs = draw(seed, number)
    write_dicom(place / "org" / f"{identifier}.dcm", picture)
    if mask:
        assert cv2.imwrite(str(place / "mask" / f"{identifier}.png"), lungs)
    described = {
        "identifier": identifier,
        "patient": {
            "sex": "FM"[seed % 2],
            "age_group": by_age,
            "age": told,
            "height": "",
            "weight": "",
            "report": "",
            "pneumonia_type": "",
            "diagnosis": number,
        }
        | patient,
        "mask_image": {
            "org_dicom_file": f"../org/{identifier}.dcm",
            "body_part_mask": f"../mask/{identifier}.png",
        },
    }
    text = json.dumps(described, ensure_ascii=False)
    (place / "metadata" / f"{identifier}.json").write_text(text, encoding="utf-8")
    return place


def hash_of(name: str) -> int:
    """A seed that follows from a name, the same in every process."""
    return zlib.crc32(name.encode())


def draw(seed: int, kind: int = 0) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    """Draw a film of 12 bits that resembles no other seed's, and the mask of its two lungs."""
    rng = np.random.default_rng(seed)
    width, height = SIZE
    coarse = rng.normal(0, 0.13, (7, 9)).astype(np.float32)
    picture = 0.62 + cv2.resize(coarse, SIZE, interpolation=cv2.INTER_CUBIC)
    mask = np.zeros((height, width), np.uint8)
    for x in (width * 3 // 10, width * 7 // 10):
        cv2.ellipse(mask, (x, height // 2), (width // 7, height // 3), 0, 0, 360, 255, cv2.FILLED)
    picture[mask > 0] -= 0.38
    picture[height // 2 :, width // 4 : width // 4 + 8] += 0.04 * kind
    noise = rng.normal(0, 0.02, picture.shape)
    return np.asarray(np.clip(picture + noise, 0, 1) * 4095, np.uint16), mask


def write_dicom(path: Path, picture: NDArray[np.uint16], **elements: Any) -> None:
    """Write stored values of 12 bits as a DICOM file."""
    height, width = picture.shape
    data = films.dicom(
        width=width,
        height=height,
        syntax=ExplicitVRLittleEndian,
        PixelData=picture.astype("<u2").tobytes(),
        **elements,
    )
    path.write_bytes(data)


def break_members(folder: Path) -> dict[str, str]:
    """Add a broken member of each kind; give what is said of it by its identifier.

    Members that can be used all the same: `H05_00777_01` has no mask, `H05_00778_01` has the
    pixels of `H05_00001_01`.
    """
    write_film(folder, 5, 1, "H05_00777_01", mask=False)
    write_film(folder, 5, 1, "H05_00778_01", seed=hash_of("H05_00001_01"))
    unreadable = write_film(folder, 5, 0, "H05_00900_01")
    file = unreadable / "org" / "H05_00900_01.dcm"
    file.write_bytes(file.read_bytes()[:-4000])
    write_film(folder, 9, 0, "H05_00901_01", diagnosis=8)
    write_film(folder, 5, 0, "H05_00902_01", diagnosis=9)
    write_film(folder, 7, 0, "H05_00903_01", named="07.기타")
    write_film(folder, 5, 0, "H05_00904")
    silent = write_film(folder, 5, 0, "H05_00905_01")
    (silent / "metadata" / "H05_00905_01.json").write_text("{")
    empty = write_film(folder, 5, 0, "H05_00906_01")
    (empty / "org" / "H05_00906_01.dcm").unlink()
    return {
        "H05_00900_01": "truncated",
        "H05_00901_01": "the diagnosis '8' of its metadata is not known",
        "H05_00902_01": "it lies under diagnosis 5, and its metadata say 9",
        "H05_00903_01": "the diagnosis 7 of its folder is not known",
        "H05_00904": "the folder's name tells no patient",
        "H05_00905_01": "H05_00905_01.json is no JSON",
        "H05_00906_01": "org/ holds 0 DICOM files, not one",
    }
