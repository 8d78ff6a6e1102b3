"""`python -m ml explore`: figures, pictures and one page."""

import json
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from ml.__main__ import app
from ml.datasets.layouts import read_source
from ml.exploration.measuring import measure, sample
from tests.factories import nia
from tests.factories.datasets import write_folders

LABELS = ("normal", "pneumonia")


def run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = nia.write_nia(tmp_path_factory.mktemp("nia"), patients=3, diagnoses=(5, 9))
    nia.break_members(folder)
    return folder


@pytest.fixture(scope="module")
def look(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("look")
    chosen = ("--labels", ",".join(LABELS), "--samples", "2")
    done = run("explore", source, "--layout", "nia", "--out", out, *chosen)
    assert done.exit_code == 0, (done.output, done.exception)
    return out


def test_figures_are_those_of_the_films(look: Path) -> None:
    figures = json.loads((look / "explore.json").read_text())
    # Of pneumonia four films, one without a mask, one copy, and one that cannot be read.
    assert figures["films"] == 4 + 7
    assert figures["opened"] == 4 + 6
    assert figures["counts"]["age group"]["normal"] == {
        "0 to 2 months": 2,
        "3 months to 5 years": 1,
        "6 to 10 years": 1,
    }
    normal, sick = (figures["measured"][label] for label in LABELS)
    assert (normal["two lungs"], normal["no mask"]) == (4, 0)
    assert (sick["two lungs"], sick["no mask"]) == (5, 1)
    lungs = nia.draw(0)[1]
    assert normal["lung share"] == [pytest.approx(float(np.mean(lungs > 0)), abs=1e-3)] * 3
    assert normal["width"] == [96, 96, 96]
    assert any("cannot be read" in reason for reason in figures["remarks"])
    assert "it lies under diagnosis 5, and its metadata say 9" in figures["unusable"]


def test_every_picture_is_drawn(look: Path) -> None:
    found = {file.name for file in (look / "pictures").iterdir()}
    plots = ("classes", "splits", "sizes", "grey", "lungs")
    sheets = {f"samples-{label}.png" for label in LABELS}
    assert (
        found == {f"{plot}-{paper}.png" for plot in plots for paper in ("light", "dark")} | sheets
    )
    for name in found:
        assert cv2.imread(str(look / "pictures" / name)).std() > 5


def test_the_page_holds_every_picture_and_needs_nothing_else(look: Path) -> None:
    page = (look / "explore.html").read_text()
    references = re.findall(r"(?:src|srcset|href|action|data)\s*=\s*\"([^\"]*)\"", page)
    assert len(references) == len(list((look / "pictures").iterdir()))
    assert all(reference.startswith("data:image/png;base64,") for reference in references)
    bare = re.sub(r"base64,[A-Za-z0-9+/=]+", "", page)
    assert not re.search(r"https?:|//[a-z]|url\(|@import|<script|<link|<iframe", bare)
    assert bare.index("For research only.") < bare.index("<h1>")
    assert "prefers-color-scheme: dark" in bare
    assert "3 months to 5 years" in bare


def test_a_sample_holds_films_of_each_label_and_follows_from_its_seed(source: Path) -> None:
    films = read_source(source, "nia", LABELS).films
    chosen = sample(films, LABELS, 2, seed=1)
    assert [film.label for film in chosen].count("normal") == 2 == len(chosen) - 2
    assert sample(films, LABELS, 2, seed=1) == chosen
    assert any(sample(films, LABELS, 2, seed=seed) != chosen for seed in range(2, 9))
    assert sample(films, LABELS, 99, seed=1) == films


def test_grey_values_are_measured_as_shares(tmp_path: Path) -> None:
    write_folders(tmp_path, LABELS, films=1)
    films = read_source(tmp_path, "folders").films
    assert cv2.imwrite(str(films[0].image), np.repeat(np.uint8([[0, 255]]), 8, axis=0))
    unread: list[Any] = []
    flat, drawn = measure(films, unread)
    assert (flat.grey[0], flat.grey[-1], flat.mean, flat.size) == (0.5, 0.5, 127.5, (2, 8))
    assert drawn.grey.sum() == pytest.approx(1.0)
    assert (drawn.lungs, drawn.lung_share, unread) == (None, None, [])


def test_a_data_set_of_which_no_film_can_be_read(tmp_path: Path) -> None:
    for label in LABELS:
        (tmp_path / "data" / label).mkdir(parents=True)
        (tmp_path / "data" / label / f"{label}.png").write_bytes(b"no film")
    done = run("explore", tmp_path / "data", "--layout", "folders", "--out", tmp_path / "out")
    assert done.exit_code == 2
    said = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(said) == 1
    assert "no film to look at: the first of 2 cannot be read: The bytes are no JPEG" in said[0]
    assert not (tmp_path / "out").exists()
