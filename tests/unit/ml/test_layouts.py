"""Sources of every layout, read into one manifest."""

import csv
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ml.__main__ import app
from ml.datasets import LABELS, read_manifest
from ml.datasets.layouts import read_source
from ml.datasets.layouts.nih import read_nih
from ml.datasets.layouts.rsna import read_rsna_tables
from ml.datasets.people import age_in_days, sex_of
from ml.datasets.records import Note
from tests.factories import nia, rsna
from tests.factories.datasets import write_dataset, write_folders
from tests.fixtures.parts import real_data


def run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def reasons(notes: list[Note]) -> dict[str, str]:
    return {note.identifier: note.reason for note in notes}


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("0개월", 0),
        ("2개월", 61),
        ("3세", 1096),
        ("15 세", 5479),
        ("12일", 12),
        ("3주", 21),
        ("003Y", 1096),
        ("018M", 548),
        ("57", 20819),
        ("155", None),
        ("개월", None),
        ("3 moons", None),
        ("", None),
    ],
)
def test_ages_are_read_in_either_language(text: str, days: int | None) -> None:
    assert age_in_days(text) == days


def test_sexes_are_read_in_either_language() -> None:
    told = [sex_of({"sex": text}) for text in ("F", "남", "여자", "M", "?", "")]
    assert told == ["female", "male", "female", "male", None, None]


def test_nia_is_read_and_what_is_broken_is_listed(tmp_path: Path) -> None:
    # Given seven diagnoses of five patients, and broken members of every kind
    nia.write_nia(tmp_path)
    broken = nia.break_members(tmp_path)
    source = read_source(tmp_path, "nia")
    # I expect every film either among the films or on the list, with the reason
    on_disk = {path.parent.name for path in tmp_path.glob("*/*/*/metadata")}
    listed = reasons(source.unusable)
    assert {film.identifier for film in source.films} | set(listed) == on_disk
    assert len(source.films) + len(source.unusable) == len(on_disk)
    # The unreadable film is found out when it is decoded.
    assert set(listed) == set(broken) - {"H05_00900_01"}
    assert all(broken[name] in reason for name, reason in listed.items())
    assert reasons(source.remarks) == {"H05_00777_01": "no lung mask"}
    assert source.labels[0] == "normal"
    assert Counter(film.label for film in source.films)["air_leak"] == 6


def test_nia_tells_patient_age_sex_and_mask(tmp_path: Path) -> None:
    nia.write_nia(tmp_path, patients=2, diagnoses=(5, 9))
    films = {
        film.identifier: film
        for film in read_source(tmp_path, "nia", ["normal", "pneumonia"]).films
    }
    first, second = films["H05_00000_01"], films["H05_00000_02"]
    assert first.patient == second.patient == "H05_00000" != films["H05_00001_01"].patient
    assert (first.age_days, first.age_group) == (0, "0 to 2 months")
    older = films["H05_00001_01"]
    assert (older.age_days, older.age_group) == (1096, "3 months to 5 years")
    assert first.sex in ("female", "male")
    assert first.masks[0].name == "H05_00000_01.png"
    assert first.image.name == "H05_00000_01.dcm"


def test_nia_folders_are_told_in_decomposed_unicode_too(tmp_path: Path) -> None:
    # Given the names as macOS packs them
    nia.write_nia(tmp_path, patients=1, diagnoses=(5, 9))
    for folder in list(tmp_path.iterdir()):
        folder.rename(tmp_path / unicodedata.normalize("NFD", folder.name))
    assert len(read_source(tmp_path, "nia", ["normal", "pneumonia"]).films) == 4


def test_rsna_is_read_with_classes_and_boxes(tmp_path: Path) -> None:
    rsna.write_rsna(tmp_path)
    source = read_source(tmp_path, "rsna")
    assert source.labels == ("normal", "lung_opacity", "no_lung_opacity_not_normal")
    assert Counter(film.label for film in source.films) == dict.fromkeys(source.labels, 6)
    boxes = {film.boxes for film in source.films if film.label == "lung_opacity"}
    assert boxes == {rsna.BOXES}
    assert all(not film.boxes for film in source.films if film.label != "lung_opacity")
    assert source.films[1].sex == "male"
    assert source.films[1].age_group == "6 to 10 years"


def test_rsna_lists_what_its_tables_contradict_or_leave_out(tmp_path: Path) -> None:
    rsna.write_rsna(tmp_path, films=2)
    images = tmp_path / "stage_2_train_images"
    boxes, classes = (
        tmp_path / f"stage_2_{name}.csv" for name in ("train_labels", "detailed_class_info")
    )
    some = next(images.iterdir()).read_bytes()
    for name in ("stray", "unclassed", "torn", "wrong", "boxless"):
        (images / f"{name}.dcm").write_bytes(some)
    for name in ("unclassed", "torn", "wrong", "gone"):
        rsna.add_row(boxes, name, "", "", "", "", 0)
    rsna.add_row(boxes, "boxless", "a", "", "", "", 1)
    for name, told in (("torn", "Normal"), ("torn", "Lung Opacity"), ("wrong", "Lung Opacity")):
        rsna.add_row(classes, name, told)
    for name in ("gone", "elsewhere"):
        rsna.add_row(classes, name, "Normal")
    rsna.add_row(classes, "boxless", "Lung Opacity")
    listed = reasons(read_source(tmp_path, "rsna").unusable)
    assert listed == {
        "stray": "stage_2_train_labels.csv has no row of this film",
        "unclassed": "no table tells its class; stage_2_detailed_class_info.csv should",
        "torn": "the tables contradict each other: lung_opacity and normal",
        "wrong": "its class is lung_opacity, and Target says 0",
        "gone": "stage_2_train_images has no film of this name",
        "elsewhere": "stage_2_train_labels.csv has no row of this film",
        "boxless": "its box is 'a, , , ', not four numbers",
    }


def test_rsna_people_are_those_of_the_nih_films(tmp_path: Path) -> None:
    # Given two films of the challenge that are two films of one person
    rsna.write_rsna(tmp_path, films=2)
    names = sorted(file.stem for file in (tmp_path / "stage_2_train_images").iterdir())[:2]
    rows = [(name, "Normal", f"00019124_09{i}.png", "1.8") for i, name in enumerate(names)]
    header = ("rsna_patientId", "rsna_class", "nih_image", "match_mse")
    rsna.write_table(tmp_path / "rsna_nih_match.csv", header, rows)
    films = {film.identifier: film for film in read_source(tmp_path, "rsna").films}
    assert [films[name].patient for name in names] == ["nih-00019124"] * 2
    assert len({film.patient for film in films.values()}) == 5


def test_the_real_tables_of_rsna_are_read_whole() -> None:
    patients = read_rsna_tables(real_data("labels"))
    assert len(patients) == 26_684
    assert Counter(patient.label for patient in patients.values()) == {
        "lung_opacity": 6_012,
        "normal": 8_851,
        "no_lung_opacity_not_normal": 11_821,
    }
    assert {patient.judge() for patient in patients.values()} == {""}
    assert sum(len(patient.boxes) for patient in patients.values()) == 9_555
    # Five ages of 148 to 155 years are not believed.
    assert sum(patient.age_days is None for patient in patients.values()) == 5


def test_the_real_table_of_nih_is_read_whole() -> None:
    # Given all entries, and none of the films
    source = read_nih(real_data("labels"))
    counts = Counter(note.reason[:8] for note in source.unusable)
    assert counts == {"no film ": 91_324, "it shows": 20_796}


def test_nih_is_read_with_boxes_and_splits(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for name in ("00000001_000", "00000001_001", "00000002_000"):
        (tmp_path / "images" / f"{name}.png").write_bytes(b"")
    (tmp_path / "Data_Entry_2017_v2020.csv").write_text(
        "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,"
        "View Position,OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]\n"
        "00000001_000.png,Cardiomegaly,0,1,57,M,PA,2682,2749,0.143,0.143\n"
        "00000001_001.png,Cardiomegaly|Emphysema,1,1,58,M,PA,2894,2729,0.143,0.143\n"
        "00000002_000.png,No Finding,0,2,4,F,PA,2500,2048,0.168,0.168\n"
    )
    (tmp_path / "BBox_List_2017.csv").write_text(
        "Image Index,Finding Label,Bbox [x,y,w,h],,,\n00000001_000.png,Cardiomegaly,1,2,3.5,4,,,\n"
    )
    (tmp_path / "test_list.txt").write_text("00000001_000.png\n")
    source = read_source(tmp_path, "nih", ["No finding", "Cardiomegaly"])
    heart, healthy = source.films
    assert (heart.label, healthy.label) == ("cardiomegaly", "normal")
    assert (heart.boxes, heart.split) == (((1.0, 2.0, 3.5, 4.0),), "test")
    assert (heart.original_size, heart.patient) == ((2682, 2749), "1")
    assert healthy.age_group == "1 to 5 years"
    assert "2 findings (Cardiomegaly, Emphysema)" in source.unusable[0].reason


def test_folders_of_classes_with_and_without_parts(tmp_path: Path) -> None:
    write_folders(tmp_path / "plain", ["NORMAL", "Air leak"], films=2)
    plain = read_source(tmp_path / "plain", "folders")
    assert plain.labels == ("normal", "air_leak")
    assert plain.films[0].identifier == "Air leak/1-0"
    for part in ("train", "test"):
        write_folders(tmp_path / "parts" / part, ["NORMAL", "PNEUMONIA"], films=1)
    pneumonia = tmp_path / "parts" / "train" / "PNEUMONIA" / "1-0.png"
    pneumonia.rename(pneumonia.with_name("person1_bacteria_1.png"))
    parts = read_source(tmp_path / "parts", "folders")
    assert Counter((film.split, film.label) for film in parts.films) == {
        ("train", "normal"): 1,
        ("train", "bacterial_pneumonia"): 1,
        ("test", "normal"): 1,
        ("test", "pneumonia"): 1,
    }


def test_the_written_manifest_says_the_same_in_csv_and_parquet(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    rsna.write_rsna(tmp_path / "rsna", films=2)
    out = tmp_path / "out"
    done = run("manifest", tmp_path / "rsna", "--layout", "rsna", "--out", out)
    assert done.exit_code == 0, (done.output, done.exception)
    assert "6 films of 6 patients" in done.output
    assert sorted(file.name for file in out.iterdir()) == [
        "manifest.csv",
        "manifest.parquet",
        "remarks.csv",
        "unusable.csv",
    ]
    table = pq.read_table(out / "manifest.parquet").to_pylist()
    with (out / "manifest.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert [row["image"] for row in rows] == [row["image"] for row in table]
    assert all((out / row["image"]).is_file() for row in rows)
    boxes = [row["boxes"] for row in table if row["label"] == "lung_opacity"]
    assert boxes == [[list(box) for box in rsna.BOXES]] * 2
    # If I read the manifest in place of the source, I expect the same films
    again = read_source(out, "manifest", read_source(tmp_path / "rsna", "rsna").labels)
    first = {film.identifier: (film.label, film.boxes, film.age_days) for film in again.films}
    source = read_source(tmp_path / "rsna", "rsna")
    assert first == {f.identifier: (f.label, f.boxes, f.age_days) for f in source.films}


def test_training_reads_the_written_manifest(tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "data")
    done = run("manifest", data, "--layout", "manifest", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    kept, written = (read_manifest(folder, "train", LABELS) for folder in (data, tmp_path / "out"))
    assert [(f.label, f.patient, f.image.resolve()) for f in written] == [
        (f.label, f.patient, f.image.resolve()) for f in kept
    ]
    assert all(film.mask and film.mask.is_file() and film.sure_mask for film in written)


@pytest.mark.parametrize(
    ("layout", "words"),
    [
        ("nia", "is not laid out as the NIA set: it holds no folder of a diagnosis"),
        ("rsna", "is not laid out as the RSNA set: it has no stage_2_train_labels.csv"),
        ("nih", "is not laid out as NIH ChestX-ray14: it has no Data_Entry_2017_v2020.csv"),
        ("folders", "is not laid out with a folder for each class: it holds other"),
        ("manifest", "manifest.csv is not there"),
        ("dicomdir", "there is no layout 'dicomdir'; there are nia, rsna, nih, folders, manifest"),
    ],
)
def test_a_folder_that_is_not_the_named_layout(tmp_path: Path, layout: str, words: str) -> None:
    (tmp_path / "data" / "other").mkdir(parents=True)
    refused(tmp_path, layout, words)


def test_two_films_with_one_identifier(tmp_path: Path) -> None:
    nia.write_film(tmp_path / "data", 5, 0, "H05_00001_01")
    nia.write_film(tmp_path / "data", 9, 1, "H05_00001_01")
    refused(tmp_path, "nia", "1 identifiers that two films share, first 'H05_00001_01': ")


def test_a_label_outside_the_label_set(tmp_path: Path) -> None:
    data = write_folders(tmp_path / "data", ["normal", "hernia", "mass"], films=1)
    chosen = ("--labels", "normal,mass")
    refused(tmp_path, "folders", "has the label 'hernia', which is not in the label set", *chosen)
    # If I ask for them to be left out, I expect them on the list
    source = read_source(data, "folders", ["normal", "mass"], leave_out_others=True)
    assert reasons(source.unusable) == {"hernia/1-0": "its label hernia is left out"}


def test_an_empty_class(tmp_path: Path) -> None:
    nia.write_nia(tmp_path / "data", patients=1, diagnoses=(5, 9))
    refused(tmp_path, "nia", "has no usable film of air_leak, hyperinflation, atelectasis")


def refused(tmp_path: Path, layout: str, words: str, *more: str) -> None:
    out = tmp_path / "out"
    done = run("manifest", tmp_path / "data", "--layout", layout, "--out", out, *more)
    assert done.exit_code == 2
    line = done.stderr.strip()
    assert line.startswith("error: ")
    assert "\n" not in line
    assert words in line
    assert not out.exists()
