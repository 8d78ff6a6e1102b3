from pathlib import Path

import pytest

from ml.datasets import LabelledFilm, read_manifest, split_by_patient
from tests.factories.datasets import write_dataset


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
    with pytest.raises(ValueError, match="lacks the columns etiology, lung_mask, patient_id"):
        read_manifest(tmp_path, "train")


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
