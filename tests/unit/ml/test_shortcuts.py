"""Twins, stretched films and aspect ratios, with the tiny bundle on drawn films."""

from dataclasses import replace
from pathlib import Path
from shutil import copytree
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from ml.__main__ import app
from ml.analyzer import Analyzer
from ml.datasets import LABELS, LabelledFilm, read_manifest
from ml.evaluation.agreement import agreement, compare, pair_up
from ml.evaluation.probabilities import pneumonia_difference, probabilities, same_top, stored
from ml.evaluation.shortcuts import aspect, shortcuts
from tests.factories.bundle import tiny_bundle
from tests.factories.datasets import TRAINING, write_dataset

FILM = LabelledFilm(Path("a.png"), None, 0, "a", False)


def run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def silent(_: str) -> None:
    """Show nothing."""


@pytest.fixture(scope="module")
def analyzer(tmp_path_factory: pytest.TempPathFactory) -> Analyzer:
    folder = tmp_path_factory.mktemp("bundles") / "tiny"
    tiny_bundle(folder, training=TRAINING)
    return Analyzer.load(folder)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data"))


def test_comparisons_by_hand() -> None:
    one = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3]])
    other = np.array([[0.5, 0.4, 0.1], [0.2, 0.3, 0.5]])
    assert same_top(one, other).tolist() == [True, False]
    np.testing.assert_allclose(pneumonia_difference(one, other), [0.1, 0.0])
    figures = compare(np.array(["a", "b"]), one, other)
    assert (figures["films"], figures["top1_agreement"]) == (2, 0.5)
    assert figures["pneumonia_difference"] == 0.05
    assert compare(np.array([]), one[:0], other[:0]) == {"films": 0}


def test_probabilities_are_those_of_the_readings_in_order(analyzer: Analyzer, data: Path) -> None:
    paths = [film.image for film in read_manifest(data, "train")][:20]
    said = probabilities(analyzer, stored(paths), silent)
    readings = analyzer.read([path.read_bytes() for path in paths])
    expected = [[finding.probability for finding in reading.findings] for reading in readings]
    np.testing.assert_array_equal(said, expected)


def test_the_same_films_agree_wholly(analyzer: Analyzer, data: Path, tmp_path: Path) -> None:
    copytree(data, tmp_path / "native")
    figures = agreement(analyzer, tmp_path / "native", data, silent)
    assert (figures["validation"]["films"], figures["all"]["films"]) == (12, 36)
    for part in figures.values():
        assert (part["top1_agreement"], part["pneumonia_difference"]) == (1.0, 0.0)


def test_twins_are_found_by_name_and_never_in_the_test_part(data: Path, tmp_path: Path) -> None:
    # Given a data set that lacks one of the films
    native = copytree(data, tmp_path / "native")
    lines = (native / "manifest.csv").read_text().splitlines()
    (native / "manifest.csv").write_text("\n".join([lines[0], *lines[2:]]))
    pairs = pair_up(native, data)
    assert len(pairs) == 35
    assert all(film.image.name == twin.image.name for film, twin in pairs)
    assert all("train" in film.image.name for film, _ in pairs)
    with pytest.raises(ValueError, match=r"no film of .* has a twin"):
        pair_up(write_dataset(tmp_path / "other", patients=7), _renamed(data, tmp_path / "renamed"))


def _renamed(data: Path, folder: Path) -> Path:
    manifest = (data / "manifest.csv").read_text().replace("images/", "pictures/")
    folder.mkdir()
    (folder / "manifest.csv").write_text(manifest)
    return folder


def test_aspect_ratio_that_orders_probabilities_is_found() -> None:
    # Given 20 normal films whose P(pneumonia) grows with their width, and 20 where it is random
    rng = np.random.default_rng(0)
    films = [
        replace(FILM, label=label, patient=f"{label}{n}", original_size=(1000 + 10 * n, 900))
        for label in (0, 1)
        for n in range(20)
    ]
    sick = np.concatenate([np.linspace(0.1, 0.9, 20), rng.random(20)])
    figures = aspect(films, np.stack([1 - sick, sick, 0 * sick], axis=1), LABELS)
    assert figures["normal"]["spearman"] == 1.0
    assert figures["bacterial_pneumonia"]["absolute"] == abs(
        figures["bacterial_pneumonia"]["spearman"]
    )
    assert figures["bacterial_pneumonia"]["absolute"] < 0.5
    assert figures["any_pneumonia"]["films"] == 20
    assert "viral_pneumonia" not in figures


def test_films_of_unknown_size_take_no_part() -> None:
    films = [replace(FILM, patient=str(n)) for n in range(20)]
    films[:3] = [replace(film, original_size=(10, 10)) for film in films[:3]]
    assert aspect(films, np.full((20, 3), 1 / 3), LABELS)["normal"] == {"films": 3}


def test_stretched_films_are_compared(analyzer: Analyzer, data: Path) -> None:
    films = read_manifest(data, "train")[:12]
    figures = shortcuts(analyzer, films, silent)
    assert figures["films"] == 12
    assert set(figures["stretched"]) == {"horizontally", "vertically"}
    for way in figures["stretched"].values():
        # The crop to the lungs and the squash undo the stretch, but for the resampling.
        assert 0.0 < way["mean_change"] < 0.05
        assert way["top1_agreement"] > 0.5
        assert "mean_change_se" in way


def test_both_commands_print_their_figures(analyzer: Analyzer, data: Path) -> None:
    bundle = analyzer.bundle.path
    done = run("agreement", bundle, "--native", data, "--twins", data)
    assert done.exit_code == 0, (done.output, done.exception)
    assert "validation.top1_agreement        1.0" in done.stdout
    done = run("shortcuts", bundle, "--data", data)
    assert done.exit_code == 0, (done.output, done.exception)
    assert "stretched.vertically.mean_change" in done.stdout
    assert not (bundle.parent / "SCORINGS.md").exists()


def test_a_missing_film_is_named(analyzer: Analyzer, data: Path, tmp_path: Path) -> None:
    native = copytree(data, tmp_path / "native")
    gone = next((native / "images").glob("train-*"))
    gone.unlink()
    done = run("agreement", analyzer.bundle.path, "--native", native, "--twins", data)
    assert done.exit_code == 2
    assert f"{gone.name} cannot be opened: No such file" in done.stderr


def test_a_film_that_cannot_be_stretched_is_named(analyzer: Analyzer, tmp_path: Path) -> None:
    broken = tmp_path / "x.png"
    cv2.imwrite(str(broken), np.zeros((40, 40), np.uint8))
    broken.write_bytes(broken.read_bytes()[:60])
    with pytest.raises(ValueError, match=r"x\.png cannot be read"):
        shortcuts(analyzer, [replace(FILM, image=broken)], silent)
