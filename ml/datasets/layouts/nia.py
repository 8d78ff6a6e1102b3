"""The NIA paediatric chest set: a folder for each film, by diagnosis and age group.

`05.폐렴/A2.3개월-5세/H03_00329_01/{org/*.dcm, mask/*.png, metadata/*.json}`; folders are told by
their numbers, so that neither spelling nor Unicode form of the Korean words matters.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ml.datasets.folders import subfolders
from ml.datasets.people import age_in_days, sex_of
from ml.datasets.records import Record, Source

DIAGNOSES = {
    9: "normal",
    1: "air_leak",
    2: "hyperinflation",
    3: "atelectasis",
    4: "respiratory_distress",
    5: "pneumonia",
    6: "pleural_effusion",
}
"""Label by number of the diagnosis, in the order of the label set."""

AGE_GROUPS = {
    1: "0 to 2 months",
    2: "3 months to 5 years",
    3: "6 to 10 years",
    4: "11 to 15 years",
}
"""By number of the folder A1 to A4."""

_DIAGNOSIS_FOLDER = re.compile(r"(\d\d)\.")
_AGE_FOLDER = re.compile(r"A(\d)\.")
_IDENTIFIER = re.compile(r"([A-Za-z]+\d+_\d+)_\d+")


class _Unusable(Exception):
    """A film that cannot be used, with the reason."""


def read_nia(folder: Path) -> Source:
    """Read a folder of diagnoses.

    Raises:
        ValueError: No subfolder is named as a diagnosis is.
    """
    source = Source("nia", tuple(DIAGNOSES.values()))
    subs = subfolders(folder)
    if not any(_DIAGNOSIS_FOLDER.match(sub.name) for sub in subs):
        there = ", ".join(sub.name for sub in subs[:5]) or "no folder"
        raise ValueError(
            f"{folder} is not laid out as the NIA set: it holds no folder of a diagnosis such as "
            f"05.폐렴, but {there}; name the folder above those"
        )
    for place in _film_folders(folder, source):
        diagnosis, age, film = place
        try:
            source.films.append(_film(film, diagnosis, age, source))
        except _Unusable as reason:
            source.refuse(film.name, film, str(reason))
    return source


def _film_folders(folder: Path, source: Source) -> Iterator[tuple[int, int, Path]]:
    """Give number of diagnosis, number of age group and folder of each film."""
    for by_diagnosis in subfolders(folder):
        diagnosis = _DIAGNOSIS_FOLDER.match(by_diagnosis.name)
        if diagnosis is None:
            source.refuse(by_diagnosis.name, by_diagnosis, "the folder is named after no diagnosis")
            continue
        for by_age in subfolders(by_diagnosis):
            age = _AGE_FOLDER.match(by_age.name)
            if age is None or int(age[1]) not in AGE_GROUPS:
                source.refuse(by_age.name, by_age, "the folder is named after no age group A1-A4")
                continue
            for film in subfolders(by_age):
                yield int(diagnosis[1]), int(age[1]), film


def _film(folder: Path, diagnosis: int, age: int, source: Source) -> Record:
    if diagnosis not in DIAGNOSES:
        raise _Unusable(f"the diagnosis {diagnosis} of its folder is not known")
    named = _IDENTIFIER.fullmatch(folder.name)
    if named is None:
        raise _Unusable("the folder's name tells no patient; it should be like H03_00329_01")
    described = _metadata(folder)
    patient = _mapping(described, "patient")
    _check(folder, described, patient, diagnosis)
    files = _mapping(described, "mask_image")
    masks = _masks(folder, files)
    if not masks:
        source.remark(folder.name, folder, "no lung mask")
    return Record(
        identifier=folder.name,
        image=_dicom(folder, files),
        label=DIAGNOSES[diagnosis],
        patient=named[1],
        masks=masks,
        sex=sex_of({"sex": str(patient.get("sex") or "")}),
        age_days=age_in_days(str(patient.get("age") or "")),
        age_group=AGE_GROUPS[age],
        mask_evidence="named by the film's metadata" if masks else "",
    )


def _metadata(folder: Path) -> Mapping[str, Any]:
    files = sorted((folder / "metadata").glob("*.json"))
    if len(files) != 1:
        raise _Unusable(f"metadata/ holds {len(files)} JSON files, not one")
    try:
        described = json.loads(files[0].read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError):
        raise _Unusable(f"{files[0].name} is no JSON") from None
    if not isinstance(described, Mapping):
        raise _Unusable(f"{files[0].name} describes no film")
    return described


def _mapping(described: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = described.get(name)
    return value if isinstance(value, Mapping) else {}


def _check(
    folder: Path, described: Mapping[str, Any], patient: Mapping[str, Any], diagnosis: int
) -> None:
    """Hold the metadata against the folder that the film lies in."""
    if described.get("identifier") != folder.name:
        raise _Unusable(f"its metadata are those of '{described.get('identifier')}'")
    told = str(patient.get("diagnosis") or "").strip().lstrip("0")
    if not told.isdecimal() or int(told) not in DIAGNOSES:
        raise _Unusable(f"the diagnosis '{patient.get('diagnosis')}' of its metadata is not known")
    if int(told) != diagnosis:
        raise _Unusable(f"it lies under diagnosis {diagnosis}, and its metadata say {told}")


def _dicom(folder: Path, files: Mapping[str, Any]) -> Path:
    named = _paths(folder, files.get("org_dicom_file")) or sorted((folder / "org").glob("*.dcm"))
    if len(named) != 1:
        raise _Unusable(f"org/ holds {len(named)} DICOM files, not one")
    return named[0]


def _masks(folder: Path, files: Mapping[str, Any]) -> tuple[Path, ...]:
    named = _paths(folder, files.get("body_part_mask"))
    return tuple(named or sorted((folder / "mask").glob("*.png")))


def _paths(folder: Path, told: Any) -> list[Path]:
    """Give the files that metadata name, seen from `metadata/`, as far as they are there."""
    names = [told] if isinstance(told, str) else told if isinstance(told, list) else []
    files = [(folder / "metadata" / str(name)).resolve() for name in names if name]
    inside = folder.resolve()
    return [file for file in files if file.is_relative_to(inside) and file.is_file()]
