"""The RSNA Pneumonia Detection Challenge: DICOM files by patient, a table of boxes, one of classes.

Two more tables are read where they lie beside: `rsna_nih_match.csv` tells which film of NIH
ChestX-ray14 each is, and so whose (the challenge's own ids name films, not people) and its class;
`stage_2_train_images_dicom_headers.csv` tells age and sex, which the DICOM files tell as well.
"""

from dataclasses import dataclass, field
from pathlib import Path

from ml.datasets.labels import canonical
from ml.datasets.people import age_in_days, group_of_days, sex_of, told_by_dicom
from ml.datasets.records import Box, Record, Source
from ml.datasets.tables import find_table, read_table

LABELS = ("normal", "lung_opacity", "no_lung_opacity_not_normal")
OPACITY = "lung_opacity"
IMAGES = "stage_2_train_images"
_BOXES = "stage_2_train_labels.csv"
_CLASSES = "stage_2_detailed_class_info.csv"
_MATCH = "rsna_nih_match.csv"
_HEADERS = "stage_2_train_images_dicom_headers.csv"
_BOX = ("x", "y", "width", "height")


@dataclass(slots=True)
class Patient:
    """What the tables tell of one film.

    Attributes:
        classes: As tables name its class; more than one contradict each other.
        target: It shows opacities that may be pneumonia, says the table of boxes.
        boxes: Of the opacities.
        person: Whose film it is; None where only the challenge's id is known.
        sex: `female` or `male`, where a table tells.
        age_days: Where a table tells.
        fault: What is wrong with its rows; empty for nothing.
    """

    classes: set[str] = field(default_factory=set)
    target: bool = False
    boxes: list[Box] = field(default_factory=list)
    person: str | None = None
    sex: str | None = None
    age_days: int | None = None
    fault: str = ""

    @property
    def label(self) -> str | None:
        """The one class that the tables agree on; None where there is none."""
        return next(iter(self.classes)) if len(self.classes) == 1 else None

    def judge(self) -> str:
        """Say why the rows of this film cannot be used; empty where they can."""
        if self.fault:
            return self.fault
        if not self.classes:
            return f"no table tells its class; {_CLASSES} should"
        if len(self.classes) > 1:
            return f"the tables contradict each other: {' and '.join(sorted(self.classes))}"
        if self.label not in LABELS:
            return f"its class '{self.label}' is none of {', '.join(LABELS)}"
        if self.target != (self.label == OPACITY):
            return f"its class is {self.label}, and Target says {int(self.target)}"
        return ""


def read_rsna(folder: Path) -> Source:
    """Read the challenge's folder.

    Raises:
        ValueError: The folder or a table is missing, or a table lacks columns.
    """
    patients = read_rsna_tables(folder)
    images = folder / IMAGES
    if not images.is_dir():
        raise ValueError(
            f"{folder} is not laid out as the RSNA set: it has no folder {IMAGES}; name the folder "
            "that holds it"
        )
    source = Source("rsna", LABELS)
    there = {file.stem: file for file in sorted(images.iterdir()) if file.suffix == ".dcm"}
    for name, patient in patients.items():
        file = there.pop(name, None)
        reason = patient.judge() or ("" if file else f"{IMAGES} has no film of this name")
        if reason or file is None:
            source.refuse(name, images / f"{name}.dcm", reason)
        else:
            source.films.append(_record(name, file, patient))
    for name, file in there.items():
        source.refuse(name, file, f"{_BOXES} has no row of this film")
    return source


def read_rsna_tables(folder: Path) -> dict[str, Patient]:
    """Read what the tables tell, by the challenge's id, in the order of the table of boxes.

    Raises:
        ValueError: A table is missing or lacks columns.
    """
    boxes, classes = find_table(folder, _BOXES), find_table(folder, _CLASSES)
    if boxes is None or classes is None:
        raise ValueError(
            f"{folder} is not laid out as the RSNA set: it has no "
            f"{_BOXES if boxes is None else _CLASSES}; put the challenge's table there"
        )
    patients: dict[str, Patient] = {}
    for row in read_table(boxes, ({"patientId"}, {"Target"}, *({name} for name in _BOX))):
        _add_box(patients.setdefault(row["patientId"], Patient()), row)
    for row in read_table(classes, ({"patientId"}, {"class"})):
        _add_class(patients, row["patientId"], row["class"])
    _add_match(folder, patients)
    _add_people(folder, patients)
    return patients


def _add_box(patient: Patient, row: dict[str, str]) -> None:
    cells = [row[name].strip() for name in _BOX]
    if row["Target"] not in ("0", "1"):
        patient.fault = f"its Target is '{row['Target']}', not 0 or 1"
    elif row["Target"] == "1":
        patient.target = True
        try:
            left, top, width, height = map(float, cells)
        except ValueError:
            patient.fault = f"its box is '{', '.join(cells)}', not four numbers"
            return
        patient.boxes.append((left, top, width, height))


def _add_class(patients: dict[str, Patient], name: str, told: str) -> None:
    if told:
        known = Patient(fault=f"{_BOXES} has no row of this film")
        patients.setdefault(name, known).classes.add(canonical(told))


def _add_match(folder: Path, patients: dict[str, Patient]) -> None:
    table = find_table(folder, _MATCH)
    if table is None:
        return
    for row in read_table(table, ({"rsna_patientId"}, {"rsna_class"}, {"nih_image"})):
        _add_class(patients, row["rsna_patientId"], row["rsna_class"])
        person = row["nih_image"].partition("_")[0]
        if person and row["rsna_patientId"] in patients:
            patients[row["rsna_patientId"]].person = f"nih-{person}"


def _add_people(folder: Path, patients: dict[str, Patient]) -> None:
    table = find_table(folder, _HEADERS)
    if table is None:
        return
    for row in read_table(table, ({"PatientID"}, {"PatientAge"}, {"PatientSex"})):
        patient = patients.get(row["PatientID"])
        if patient:
            patient.sex = sex_of({"sex": row["PatientSex"]})
            patient.age_days = age_in_days(row["PatientAge"])


def _record(name: str, file: Path, patient: Patient) -> Record:
    sex, days = patient.sex, patient.age_days
    if sex is None and days is None:
        sex, days = told_by_dicom(file)
    return Record(
        identifier=name,
        image=file,
        label=str(patient.label),
        patient=patient.person or name,
        sex=sex,
        age_days=days,
        age_group=group_of_days(days),
        boxes=tuple(patient.boxes),
    )
