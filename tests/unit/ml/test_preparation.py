"""`python -m ml prepare`, on small data sets in the layouts of NIA and RSNA."""

import csv
import json
import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from ml.__main__ import app
from ml.datasets import read_manifest
from ml.datasets.duplicates import NEAR, near_pairs, same_groups
from ml.datasets.hashes import content_hash, perceptual_hash
from ml.datasets.parts import Member, Shares, check_leakage, divide
from ml.images import read_grey
from ml.preparation.recipes import EQUALISATION, RECIPES, apply_recipe
from tests.factories import nia, rsna
from tests.factories.datasets import write_dataset
from tests.fixtures.parts import REPOSITORY

Row = Mapping[str, str]


def run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def prepare(data: Path, layout: str, out: Path, *more: str | Path) -> Any:
    options = ("--layout", layout, "--out", out, "--workers", "1", "--size", "48")
    return run("prepare", data, *options, *more)


def prepared(*arguments: Any) -> str:
    done = prepare(*arguments)
    assert done.exit_code == 0, (done.output, done.exception)
    return str(done.output)


def table(path: Path) -> list[Row]:
    with path.open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def reasons(path: Path) -> dict[str, str]:
    return {row["identifier"]: row["reason"] for row in table(path)}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The seven diagnoses of NIA with broken members, to be read and not written."""
    folder = nia.write_nia(tmp_path_factory.mktemp("nia"), patients=4)
    nia.break_members(folder)
    return folder


@pytest.fixture(scope="module")
def made(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, prepared by all recipes."""
    out = tmp_path_factory.mktemp("prepared")
    prepared(source, "nia", out, *(word for name in RECIPES for word in ("--recipe", name)))
    return out


def test_every_film_is_in_the_manifest_or_listed(source: Path, made: Path) -> None:
    on_disk = {path.parent.name for path in source.glob("*/*/*/metadata")}
    taken = {row["identifier"] for row in table(made / "manifest.csv")}
    listed = reasons(made / "unusable.csv")
    assert taken | set(listed) == on_disk
    assert not taken & set(listed)
    assert "[truncated]" in listed["H05_00900_01"]
    assert listed["H05_00777_01"].startswith("no lung mask, which background_removed needs")


def test_pictures_are_of_eight_bits_and_keep_the_film(source: Path, made: Path) -> None:
    row = next(r for r in table(made / "manifest.csv") if r["identifier"] == "H05_00001_01")
    film = cv2.imread(str(made / row["image"]), cv2.IMREAD_UNCHANGED)
    assert (film.dtype, film.shape) == (np.uint8, nia.SIZE[::-1])
    assert (row["width"], row["height"]) == (row["orig_width"], row["orig_height"]) == ("96", "80")
    drawn, lungs = nia.draw(nia.hash_of("H05_00001_01"), 5)
    assert np.corrcoef(film.ravel(), drawn.ravel())[0, 1] > 0.999
    assert np.array_equal(read_grey(made / row["lung_mask"]), lungs)
    assert (row["age_days"], row["age_group"]) == ("1096", "3 months to 5 years")


@pytest.mark.parametrize("recipe", RECIPES)
def test_each_recipe_is_a_data_set_that_training_reads(made: Path, recipe: str) -> None:
    labels = ("normal", "air_leak", "hyperinflation", "atelectasis", "respiratory_distress")
    labels = (*labels, "pneumonia", "pleural_effusion")
    for part in ("train", "validation", "test"):
        films = read_manifest(made / recipe, part, labels)
        assert {film.label for film in films} == set(range(7))
        assert {read_grey(film.image).shape for film in films} == {(48, 48)}
        assert all(film.mask is None or film.mask.is_file() for film in films)
    whole, own = (table(folder / "manifest.csv") for folder in (made, made / recipe))
    same = ("identifier", "split", "patient_id", "label")
    assert [[row[name] for name in same] for row in whole] == [
        [row[name] for name in same] for row in own
    ]


def test_patients_and_copies_stay_in_one_part(made: Path) -> None:
    rows = table(made / "manifest.csv")
    parts = defaultdict(set)
    for row in rows:
        parts[row["patient_id"]].add(row["split"])
    assert all(len(found) == 1 for found in parts.values())
    assert len({row["patient_id"] for row in rows}) < len(rows)
    copies = {row["identifier"]: row for row in rows}
    copy, first = copies["H05_00778_01"], copies["H05_00001_01"]
    assert copy["duplicate_of"] == "H05_00001_01"
    assert copy["split"] == first["split"]
    assert reasons(made / "remarks.csv")["H05_00778_01"] == "has the same pixels as 'H05_00001_01'"


def test_the_same_command_continues_and_changes_nothing(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    labels = ("--labels", "normal,pneumonia", "--leave-out-others")
    prepared(source, "nia", out, *labels)
    before = {name: (out / name).read_bytes() for name in ("manifest.csv", "unusable.csv")}
    # Given a run that was killed: some films were not made, a line is torn
    journal = (out / "journal.ndjson").read_text()
    (out / "journal.ndjson").write_text(journal[: len(journal) * 2 // 3])
    gone = out / "films" / "H09_00001_01.png"
    gone.unlink()
    kept = (out / "films" / "H05_00001_01.png").stat().st_mtime_ns
    output = prepared(source, "nia", out, *labels)
    assert "films were prepared before" in output
    assert gone.is_file()
    assert (out / "films" / "H05_00001_01.png").stat().st_mtime_ns == kept
    assert {name: (out / name).read_bytes() for name in before} == before
    # A further run has nothing to do but films that cannot be read.
    times = {file: file.stat().st_mtime_ns for file in out.rglob("*.png")}
    prepared(source, "nia", out, *labels)
    assert times == {file: file.stat().st_mtime_ns for file in out.rglob("*.png")}
    assert not list(out.rglob(".*.part"))


def test_processes_give_what_one_gives(source: Path, made: Path, tmp_path: Path) -> None:
    # Given two processes, which need the workers' start
    recipes = [word for name in RECIPES for word in ("--recipe", name)]
    done = run(
        *("prepare", source, "--layout", "nia", "--out", tmp_path, "--workers", "2"),
        *("--size", "48", *recipes),
    )
    assert done.exit_code == 0, (done.output, done.exception)
    assert (tmp_path / "manifest.csv").read_bytes() == (made / "manifest.csv").read_bytes()
    for picture in (made / "segmented_crop" / "images").iterdir():
        twin = tmp_path / "segmented_crop" / "images" / picture.name
        assert twin.read_bytes() == picture.read_bytes()


_KILLED = """
import os, signal, sys
from pathlib import Path
import psutil
from ml.datasets.layouts import read_source
from ml.preparation.film import Job
from ml.preparation.settings import PictureSettings
from ml.preparation.working import prepare_all

if __name__ == "__main__":
    films = read_source(Path(sys.argv[1]), "nia").films
    jobs = [Job(film, film.identifier, "", ()) for film in films]
    next(prepare_all(jobs, Path(sys.argv[2]), PictureSettings("nia"), None, 2))
    print(*(child.pid for child in psutil.Process().children()), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_processes_end_when_their_parent_is_killed(source: Path, tmp_path: Path) -> None:
    script = tmp_path / "killed.py"
    script.write_text(_KILLED)
    command = [sys.executable, str(script), str(source), str(tmp_path / "out")]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    # Given a preparation that is killed with its pool at work, whose processes hold its stdout
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
    # I expect the pipe to have ended, and so the processes
    assert done.returncode == -signal.SIGKILL
    assert len(done.stdout.split()) >= 2


def test_a_folder_keeps_to_its_settings(source: Path, tmp_path: Path) -> None:
    labels = ("--labels", "normal,pneumonia", "--leave-out-others")
    prepared(source, "nia", tmp_path, *labels)
    refused(prepare(source, "nia", tmp_path, *labels, "--clahe-clip", "5"), "other clahe_clip")


def test_lungs_are_found_by_a_bundle_where_there_is_no_mask(tiny: Path, tmp_path: Path) -> None:
    rsna.write_rsna(tmp_path / "rsna", films=4)
    out = tmp_path / "out"
    recipe = ("--recipe", "lung_crop")
    refused(
        prepare(tmp_path / "rsna", "rsna", out, *recipe),
        "has no usable film of normal, lung_opacity, no_lung_opacity_not_normal (12 films are",
    )
    assert not (out / "manifest.csv").exists()
    again = tmp_path / "again"
    prepared(tmp_path / "rsna", "rsna", again, *recipe, "--bundle", tiny, "--two-lungs-only")
    rows = table(again / "manifest.csv")
    assert len(rows) == 12
    assert {row["lung_mask_evidence"] for row in rows} == {"predicted"}
    assert 0.1 < np.mean(read_grey(again / rows[0]["lung_mask"]) > 0) < 0.5
    # What a network drew is no truth to train or judge one on.
    labels = ("normal", "lung_opacity", "no_lung_opacity_not_normal")
    assert {film.mask for film in read_manifest(again, None, labels)} == {None}


def test_a_bundle_may_find_all_lungs_in_place_of_the_masks(tiny: Path, tmp_path: Path) -> None:
    nia.write_nia(tmp_path / "nia", patients=3, diagnoses=(5, 9))
    options = ("--labels", "normal,pneumonia", "--bundle", tiny, "--predict-all")
    prepared(tmp_path / "nia", "nia", tmp_path / "out", *options)
    rows = table(tmp_path / "out" / "manifest.csv")
    assert {row["lung_mask_evidence"] for row in rows} == {"predicted"}
    _, drawn = nia.draw(0)
    assert not any(
        np.array_equal(read_grey(tmp_path / "out" / row["lung_mask"]), drawn) for row in rows
    )


def test_fewer_than_two_lungs_are_left_out_only_if_asked(tmp_path: Path) -> None:
    nia.write_nia(tmp_path / "nia", patients=4, diagnoses=(5, 9))
    mask = next((tmp_path / "nia").glob("09*/*/H09_00001_01/mask/*.png"))
    lungs = cv2.imread(str(mask), cv2.IMREAD_GRAYSCALE)
    lungs[:, 48:] = 0
    assert cv2.imwrite(str(mask), lungs)
    labels = ("--labels", "normal,pneumonia")
    prepared(tmp_path / "nia", "nia", tmp_path / "all", *labels)
    assert not reasons(tmp_path / "all" / "unusable.csv")
    prepared(tmp_path / "nia", "nia", tmp_path / "two", *labels, "--two-lungs-only")
    listed = reasons(tmp_path / "two" / "unusable.csv")
    assert list(listed) == ["H09_00001_01"]
    assert listed["H09_00001_01"].startswith("1 of 2 lungs found")


def test_splits_of_the_source_are_kept_and_train_is_divided(tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "data", patients=5)
    prepared(data, "manifest", tmp_path / "out")
    told = {row["image"].removesuffix(".png"): row["split"] for row in table(data / "manifest.csv")}
    parts = defaultdict(set)
    for row in table(tmp_path / "out" / "manifest.csv"):
        parts[told[row["identifier"]]].add(row["split"])
    assert parts == {"train": {"train", "validation"}, "test": {"test"}}


def test_a_copy_in_another_split_of_the_source_fails_loudly(tmp_path: Path) -> None:
    # Given a film of the train part that lies in the test part too, brighter and saved anew
    data = write_dataset(tmp_path / "data", patients=5)
    train, test = (data / "images" / f"{part}-none-0-0.png" for part in ("train", "test"))
    copy = cv2.convertScaleAbs(cv2.imread(str(train), cv2.IMREAD_GRAYSCALE), alpha=1.05, beta=4)
    assert cv2.imwrite(str(test), copy)
    out = tmp_path / "out"
    refused(
        prepare(data, "manifest", out), "films leak between splits: 1 patients or pictures lie in"
    )
    assert not (out / "manifest.csv").exists()
    assert not (out / "whole_clahe" / "manifest.csv").exists()
    # If I ask for another division, I expect both in one part
    prepared(data, "manifest", out, "--redraw")
    parts = {row["identifier"]: row["split"] for row in table(out / "manifest.csv")}
    assert parts["images/train-none-0-0"] == parts["images/test-none-0-0"]
    remarks = reasons(out / "remarks.csv")
    assert remarks == {"images/test-none-0-0": "looks the same as 'images/train-none-0-0'"}


def test_a_split_with_a_class_missing(tmp_path: Path) -> None:
    nia.write_nia(tmp_path / "nia", patients=4, diagnoses=(9,))
    nia.write_nia(tmp_path / "nia", patients=2, diagnoses=(5,))
    out = tmp_path / "out"
    done = prepare(tmp_path / "nia", "nia", out, "--labels", "normal,pneumonia")
    refused(done, "the split 'train' has no film of pneumonia, whose films are of 2 patients; give")
    assert not list(out.rglob("manifest*"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--recipe", "sepia"), "there is no recipe 'sepia'; there are whole_clahe,"),
        (("--validation", "0.7", "--test", "0.3"), "leave a part empty"),
        (("--predict-all",), "--predict-all needs --bundle"),
        (("--bundle", "nowhere"), "nowhere is no bundle"),
    ],
)
def test_bad_options(source: Path, tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    refused(prepare(source, "nia", tmp_path / "out", *options), words)
    assert not (tmp_path / "out").exists()


def test_two_films_that_would_have_one_file(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    lines = ["image,label"]
    for name, label in (("a b.png", "normal"), ("a_b.png", "mass")):
        assert cv2.imwrite(str(tmp_path / "data" / name), nia.draw(1)[1])
        lines.append(f"{name},{label}")
    (tmp_path / "data" / "manifest.csv").write_text("\n".join(lines))
    done = prepare(tmp_path / "data", "manifest", tmp_path / "out")
    refused(done, "the films 'a b' and 'a_b' would both be written as a_b.png")


def test_recipes_do_what_they_say() -> None:
    drawn, mask = nia.draw(3)
    film = np.asarray(drawn >> 4, np.uint8)
    made = {name: apply_recipe(film, mask, recipe, 64) for name, recipe in RECIPES.items()}
    assert {picture.shape for picture in made.values()} == {(64, 64)}
    lung_share = float(np.mean(mask > 0))
    shown = {name: float(np.mean(picture > 0)) for name, picture in made.items()}
    assert shown["background_removed"] == pytest.approx(lung_share, abs=0.05)
    # The lungs fill more of a crop than of the film.
    assert lung_share + 0.1 < shown["segmented_crop"] < 0.9
    assert shown["whole_clahe"] > 0.95 < shown["lung_crop"]
    inside = made["background_removed"] > 0
    assert np.array_equal(made["background_removed"][inside], made["whole_clahe"][inside])
    with pytest.raises(ValueError, match="needs a lung mask"):
        apply_recipe(film, None, RECIPES["lung_crop"], 64, EQUALISATION)


def test_hashes_tell_copies_from_other_films() -> None:
    films = [np.asarray(nia.draw(seed)[0] >> 4, np.uint8) for seed in range(30)]
    copies = []
    for film in films[:5]:
        small = cv2.resize(film, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)
        _, jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 80])
        copies.append(cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE))
    looks = [perceptual_hash(film) for film in [*films, *copies]]
    assert sorted(near_pairs(looks, NEAR)) == [(place, 30 + place) for place in range(5)]
    assert len({content_hash(film) for film in [*films, *copies]}) == 35
    assert content_hash(films[0]) == content_hash(films[0].copy())


def test_groups_join_across_several_pairs() -> None:
    assert same_groups(6, [(4, 5), (1, 4), (2, 5)]) == [0, 1, 1, 3, 1, 1]


def test_division_follows_from_its_seed_and_keeps_shares() -> None:
    labels = ("a", "b")
    members = [
        Member(f"{label}{number}", label, f"{label}{number // 2}")
        for label in labels
        for number in range(200)
    ]
    first, again = (divide(members, labels, Shares(0.1, 0.2), seed=4) for _ in range(2))
    assert first == again != divide(members, labels, Shares(0.1, 0.2), seed=5)
    for label in labels:
        own = [first[member.identifier] for member in members if member.label == label]
        assert [own.count(part) for part in ("train", "validation", "test")] == [140, 20, 40]
    check_leakage(members, first)
    torn = first | {"a0": "train", "a1": "test"}
    with pytest.raises(ValueError, match="1 patients or pictures lie in more than one, first 'a0'"):
        check_leakage(members, torn)


def test_settings_are_written_down(made: Path) -> None:
    division = json.loads((made / "division.json").read_text())
    assert (division["seed"], division["validation"], division["test"]) == (1, 0.1, 0.1)
    assert division["labels"][0] == "normal"
    assert json.loads((made / "pictures.json").read_text())["clahe_tiles"] == 20


def refused(done: Any, words: str) -> None:
    assert done.exit_code == 2, (done.output, done.exception)
    line = [line for line in done.stderr.splitlines() if not line.startswith("films ")]
    assert len(line) == 1, done.stderr
    assert line[0].startswith("error: ")
    assert words in line[0]
