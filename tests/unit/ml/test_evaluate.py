"""The command `evaluate`, with the tiny bundle on drawn films."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from ml.__main__ import app
from ml.analyzer import Analyzer
from ml.evaluation.heldout import held_out, trained_on
from ml.evaluation.overlays import film_tile, with_contour, with_heat
from tests.factories import films
from tests.factories.bundle import tiny_bundle
from tests.factories.datasets import TRAINING, write_dataset, write_folders

QUICK = ("--resamples", "40")


def run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles") / "tiny"
    tiny_bundle(folder, training=TRAINING)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data"), told=True)


@pytest.fixture(scope="module")
def scored(bundle: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the scoring of the validation films lies."""
    out = tmp_path_factory.mktemp("out")
    done = run("evaluate", bundle, "--data", data, "--out", out, *QUICK, "--split", "validation")
    assert done.exit_code == 0, (done.output, done.exception)
    return out


def test_figures_are_those_of_the_validation_films(scored: Path, bundle: Path, data: Path) -> None:
    content = json.loads((scored / "figures.json").read_text())
    expected = held_out(Analyzer.load(bundle).bundle, data).films
    assert content["split"] == "validation"
    assert (content["runtime"], content["precision"]) == ("openvino", "f32")
    assert content["figures"]["films"] == len(expected) == 12
    assert set(content["figures"]["subgroups"]) == {"age_group", "sex"}
    assert content["figures"]["lungs"]["dice_mean"] > 0.9
    with (scored / "films.csv").open() as lines:
        assert len(list(csv.DictReader(lines))) == 12
    # A validation part leaves no line in the log of scorings.
    assert not (bundle.parent / "SCORINGS.md").exists()


def test_every_plot_is_there_on_both_papers(scored: Path) -> None:
    found = {file.name for file in (scored / "plots").iterdir()}
    plots = ("roc", "precision-recall", "reliability", "confusion")
    assert found == {f"{plot}-{paper}.png" for plot in plots for paper in ("light", "dark")} | {
        "mistakes.png",
        "worst-masks.png",
    }
    for name in found:
        assert cv2.imread(str(scored / "plots" / name)).std() > 5


def test_the_report_holds_every_picture_and_needs_nothing_else(scored: Path) -> None:
    page = (scored / "report.html").read_text()
    references = re.findall(r"(?:src|srcset|href|action|data)\s*=\s*\"([^\"]*)\"", page)
    assert len(references) == len(list((scored / "plots").iterdir()))
    assert all(reference.startswith("data:image/png;base64,") for reference in references)
    bare = re.sub(r"base64,[A-Za-z0-9+/=]+", "", page)
    assert not re.search(r"https?:|//[a-z]|url\(|@import|<script|<link|<iframe", bare)
    # The notice stands before everything else that is shown.
    assert bare.index("For research only.") < bare.index("<h1>")
    assert "prefers-color-scheme: dark" in bare
    assert "Female" in bare.capitalize() or "female" in bare


def test_each_scoring_of_a_test_part_leaves_a_line(data: Path, tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "bundles" / "tiny")
    for _ in range(2):
        done = run("evaluate", bundle.path, "--data", data, "--out", tmp_path / "out", *QUICK)
        assert done.exit_code == 0, (done.output, done.exception)
    figures = json.loads((tmp_path / "out" / "figures.json").read_text())["figures"]
    log = (tmp_path / "bundles" / "SCORINGS.md").read_text().splitlines()
    header, *scorings = [line for line in log if line.startswith("| ")]
    assert len(scorings) == 2
    cells = dict(zip(header.split(" | "), scorings[0].split(" | "), strict=True))
    assert cells["bundle"] == "tiny@1"
    assert cells["checksum when scored"] == f"`{bundle.checksum[:16]}`"
    assert (cells["data"], cells["runtime"]) == (data.name, "openvino f32")
    assert cells["AUC any pneumonia"] == str(figures["any_pneumonia"]["auc"])
    assert cells["macro F1"] == str(figures["labels"]["macro_f1"])


def test_folders_of_films_are_read_alike(bundle: Path, tmp_path: Path) -> None:
    # Given folders named after labels, with no masks, patients or parts
    data = write_folders(tmp_path / "films", ["normal", "bacterial", "pneumonia"], films=2)
    # If I score them
    done = run("evaluate", bundle, "--data", data, "--out", tmp_path / "out", *QUICK)
    assert done.exit_code == 0, (done.output, done.exception)
    # I expect figures of all films, and no scoring of a test part
    content = json.loads((tmp_path / "out" / "figures.json").read_text())
    assert (content["split"], content["figures"]["films"]) == ("all", 6)
    assert content["figures"]["positive_films"] == 4
    assert not (bundle.parent / "SCORINGS.md").exists()
    page = (tmp_path / "out" / "report.html").read_text()
    assert "tells neither age nor sex" in page
    assert "no human-made lung masks" in page


def test_a_film_that_cannot_be_read_is_named_in_one_line(bundle: Path, tmp_path: Path) -> None:
    data = write_folders(tmp_path / "films", ["normal", "viral"], films=1)
    (data / "viral" / "broken.png").write_bytes(b"no film")
    done = run("evaluate", bundle, "--data", data, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert re.fullmatch(r"error: .*broken\.png cannot be read: .*\n", done.stderr)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--data", "nowhere"), "nowhere is not there"),
        (("--runtime", "onnx"), "No runtime 'onnx'"),
        (("--split", "dev"), "it has test, train"),
        (("--split", "train", "--write-manifest"), "the manifest holds figures of the part test"),
    ],
)
def test_bad_input_is_told_in_one_line(
    bundle: Path, data: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = run("evaluate", bundle, "--data", data, "--out", tmp_path, *arguments)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_validation_needs_to_know_how_it_was_carved_out(
    tiny: Path, data: Path, tmp_path: Path
) -> None:
    done = run("evaluate", tiny, "--data", data, "--out", tmp_path, "--split", "validation")
    assert done.exit_code == 2
    assert "does not say how its validation films were carved out" in done.stderr


def test_held_out_films_are_new_to_both_networks(data: Path, tmp_path: Path) -> None:
    # Given networks that held out different patients
    other = {"settings": {"seed": 9, "validation": 0.3}}
    bundle = tiny_bundle(tmp_path / "tiny", training=TRAINING | {"segmenter": other})
    chosen = held_out(bundle, data).films
    rest = trained_on(bundle, data)
    assert not {film.patient for film in chosen} & {film.patient for film in rest}
    assert len(chosen) + len(rest) == 36
    # I expect masks on those films alone that the segmenter held out too
    masked = {film.patient for film in chosen if film.mask}
    alike = tiny_bundle(tmp_path / "alike", training=TRAINING | {"classifier": other})
    assert masked == {film.patient for film in chosen} & {
        film.patient for film in held_out(alike, data).films
    }


def test_overlays_draw_over_the_film_and_leave_it_as_it_was(tiny: Path) -> None:
    reading = Analyzer.load(tiny).read([films.jpeg(1, 200, 150)])[0]
    tile = film_tile(films.pixels(1, 200, 150))
    kept = tile.copy()
    assert tile.shape == (360, 480, 3)
    drawn = with_contour(with_heat(tile, reading, 1), reading.lung_mask, (255, 0, 0))
    assert (drawn == (255, 0, 0)).all(axis=2).any()
    np.testing.assert_array_equal(tile, kept)
