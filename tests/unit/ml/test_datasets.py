from pathlib import Path

import pytest

from ml.datasets import (
    LABELS,
    PNEUMONIA,
    LabelledFilm,
    read_dataset,
    read_manifest,
    split_by_patient,
)
from ml.datasets.labels import label_index
from ml.datasets.people import age_group_of
from tests.factories.datasets import write_dataset, write_folders


def films_of(patients: int, each: int, label: int) -> list[LabelledFilm]:
    return [
        LabelledFilm(Path(f"{label}-{p}-{n}.png"), None, label, f"{label}-{p}", False)
        for p in range(patients)
        for n in range(each)
    ]


def test_reads_labels_masks_and_patients(tmp_path: Path) -> None:
    films = read_manifest(write_dataset(tmp_path), "train")
    assert [film.label for film in films] == [0] * 12 + [1] * 12 + [2] * 12
    assert all(film.image.is_file() and film.mask and film.mask.is_file() for film in films)
    assert films[0].patient == films[1].patient != films[2].patient


def test_leaves_duplicates_out_of_the_train_part_only(tmp_path: Path) -> None:
    manifest = write_dataset(tmp_path) / "manifest.csv"
    lines = manifest.read_text().splitlines()
    marked = [line.replace(",,dims", ",images/other.png,dims") for line in lines]
    manifest.write_text("\n".join([lines[0], marked[1], *lines[2:-1], marked[-1]]))
    assert len(read_manifest(tmp_path, "train")) == 35
    assert len(read_manifest(tmp_path, "test")) == 6


def test_says_what_is_wrong_with_a_manifest(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--data must name a folder"):
        read_manifest(tmp_path, "train")
    (tmp_path / "manifest.csv").write_text("image,split\na.png,train\n")
    with pytest.raises(ValueError, match="lacks the columns etiology or label"):
        read_manifest(tmp_path, "train")
    (tmp_path / "manifest.csv").write_text("image,label,split\na.png,hernia,train\n")
    with pytest.raises(ValueError, match=r"'a.png' has the label 'hernia'; known are normal or"):
        read_manifest(tmp_path, "train")
    with pytest.raises(ValueError, match="no film of the split 'test'; it has train"):
        read_manifest(tmp_path, "test")


def test_training_refuses_pneumonia_of_a_kind_not_told(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("image,label,split\na.png,PNEUMONIA,train\n")
    with pytest.raises(ValueError, match="does not say which kind"):
        read_manifest(tmp_path, "train")


def test_a_manifest_may_be_plain(tmp_path: Path) -> None:
    # Given a manifest that says little
    (tmp_path / "manifest.csv").write_text(
        "file,label,sex,age,orig_width,orig_height\na/x.png,Healthy,F,3,1200,900\n"
        "y.png,pneumonia,,10Y,,\n"
    )
    # If I read it, whatever part I name
    dataset = read_dataset(tmp_path, "test", LABELS)
    # I expect what it says, and nothing more
    assert (dataset.part, dataset.name) == ("all", tmp_path.name)
    first, second = dataset.films
    assert (first.label, first.patient, first.mask) == (0, "x", None)
    assert (first.sex, first.age_group, first.original_size) == (
        "female",
        "1 to 5 years",
        (1200, 900),
    )
    assert second.label == PNEUMONIA
    assert (second.sex, second.age_group, second.original_size) == (None, None, None)


@pytest.mark.parametrize(
    ("age", "group"),
    [
        ("0", "under 1 year"),
        ("5", "1 to 5 years"),
        ("6", "6 to 10 years"),
        ("15", "11 to 15 years"),
        ("57", "16 years and older"),
        ("-1", None),
        ("nan", None),
        ("", None),
    ],
)
def test_age_groups(age: str, group: str | None) -> None:
    assert age_group_of({"age": age}) == group
    assert age_group_of({"age": age, "age_group": "A2"}) == "A2"


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("NORMAL", 0),
        ("Bacterial pneumonia", 1),
        ("pneumonia-viral", 2),
        ("virus", 2),
        ("Pneumonia", PNEUMONIA),
        ("hernia", None),
    ],
)
def test_names_of_labels(name: str, index: int | None) -> None:
    assert label_index(name, LABELS) == index


def test_pneumonia_means_nothing_to_a_label_set_without_it() -> None:
    assert label_index("pneumonia", ("normal", "air_leak")) is None


def test_reads_a_folder_for_each_label(tmp_path: Path) -> None:
    # Given folders named after labels, and things that are no films
    write_folders(tmp_path, ["Normal", "bacterial", "viral_pneumonia"], films=2)
    (tmp_path / "Normal" / "readme.txt").write_text("hello")
    (tmp_path / "Normal" / ".hidden.png").write_bytes(b"")
    (tmp_path / "__MACOSX").mkdir()
    # I expect the films, each of a patient of its own
    dataset = read_dataset(tmp_path, "test", LABELS)
    assert dataset.part == "all"
    assert [film.label for film in dataset.films] == [0, 0, 1, 1, 2, 2]
    assert [film.patient for film in dataset.films[:2]] == ["0-0", "0-1"]


def test_reads_a_part_of_folders_and_kinds_from_names(tmp_path: Path) -> None:
    # Given the layout of Kermany et al.
    for part in ("train", "test"):
        write_folders(tmp_path / part, ["NORMAL", "PNEUMONIA"], films=1)
    pneumonia = tmp_path / "test" / "PNEUMONIA"
    for name in ("person1_bacteria_1.jpeg", "person1_virus_2.jpeg"):
        (pneumonia / name).write_bytes((pneumonia / "1-0.png").read_bytes())
    dataset = read_dataset(tmp_path, "test", LABELS)
    assert dataset.part == "test"
    assert {film.image.name: film.label for film in dataset.films} == {
        "0-0.png": 0,
        "1-0.png": PNEUMONIA,
        "person1_bacteria_1.jpeg": 1,
        "person1_virus_2.jpeg": 2,
    }


def test_says_what_is_wrong_with_folders(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not there"):
        read_dataset(tmp_path / "none", "test", LABELS)
    write_folders(tmp_path / "a", ["train"])
    with pytest.raises(ValueError, match=r"nor a folder 'test'.*it holds train"):
        read_dataset(tmp_path / "a", "test", LABELS)
    write_folders(tmp_path / "b", ["normal", "hernia"])
    with pytest.raises(ValueError, match="hernia is named after no label; known are normal or"):
        read_dataset(tmp_path / "b", "test", LABELS)
    (tmp_path / "c" / "normal").mkdir(parents=True)
    with pytest.raises(ValueError, match="has no film"):
        read_dataset(tmp_path / "c", "test", LABELS)


def test_split_keeps_each_patient_on_one_side() -> None:
    films = films_of(30, 3, 0) + films_of(50, 2, 1)
    # Given one patient with films of both labels
    films += [LabelledFilm(Path("x.png"), None, 1, "0-0", False)]
    train, held_out = split_by_patient(films, 0.2, seed=1)
    assert not {f.patient for f in train} & {f.patient for f in held_out}
    assert sorted(map(str, (f.image for f in train + held_out))) == sorted(
        str(f.image) for f in films
    )


def test_split_holds_out_the_same_share_of_each_label() -> None:
    films = films_of(40, 2, 0) + films_of(100, 1, 1)
    _, held_out = split_by_patient(films, 0.1, seed=3)
    assert [sum(f.label == label for f in held_out) for label in (0, 1)] == [8, 10]


def test_split_follows_from_its_seed() -> None:
    films = films_of(40, 2, 0)
    assert split_by_patient(films, 0.1, seed=3) == split_by_patient(films, 0.1, seed=3)
    assert split_by_patient(films, 0.1, seed=3) != split_by_patient(films, 0.1, seed=4)
