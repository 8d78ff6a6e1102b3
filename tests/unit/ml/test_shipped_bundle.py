"""The bundle in this repository is what its manifest and its papers say."""

import json

import numpy as np
import pytest

from ml.analyzer import Analyzer, Reading
from ml.bundle import Bundle
from ml.datasets import LABELS
from ml.gate.pictures import packaged
from ml.images import read_grey
from tests.fixtures.parts import REPOSITORY

SHIPPED = REPOSITORY / "ml" / "bundles" / "paediatric-pneumonia"
FILMS = sorted((REPOSITORY / "ml" / "demofilms" / "films").glob("*.png"))


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.load(SHIPPED)


def test_labels_and_thresholds(bundle: Bundle) -> None:
    assert tuple(label.name for label in bundle.labels) == LABELS
    assert [label.snomed_ct for label in bundle.labels] == [None, "53084003", "75570004"]
    assert all(0.0 < threshold < 1.0 for threshold in bundle.thresholds.values())


def test_training_ended_at_the_size_that_is_served(bundle: Bundle) -> None:
    settings = bundle.manifest.training["classifier"]["settings"]
    assert bundle.preprocessing.classifier_size == settings["sizes"][-1]
    assert bundle.manifest.training["classifier"]["epochs_run"] == settings["epochs"]


def test_figures_stand_in_manifest_card_and_log_of_scorings(bundle: Bundle) -> None:
    figures = bundle.manifest.metrics["test"]
    log = (SHIPPED.parent / "SCORINGS.md").read_text(encoding="utf-8")
    line = next(line for line in log.splitlines() if bundle.key in line)
    card = (SHIPPED / "MODEL_CARD.md").read_text(encoding="utf-8")
    for name in ("auc", "accuracy", "sensitivity", "specificity"):
        value = str(figures["any_pneumonia"][name])
        assert f"| {value} |" in line
        assert f"| {value} |" in card
    assert "research only" in card


def test_files_are_small_enough_to_be_committed(bundle: Bundle) -> None:
    assert sum((SHIPPED / name).stat().st_size for name in bundle.files) < 40_000_000
    assert json.loads((SHIPPED / "manifest.json").read_text())["name"] == "paediatric-pneumonia"


def test_demo_films_are_films_to_it() -> None:
    answers = Analyzer.load(SHIPPED).read([film.read_bytes() for film in FILMS])
    readings = [answer for answer in answers if isinstance(answer, Reading)]
    assert [reading.lung_count for reading in readings] == [2] * 24
    assert sum(bool(reading.in_distribution) for reading in readings) >= 22


def test_other_pictures_are_not() -> None:
    pictures = [*packaged()["photograph"], *packaged()["drawing"], *packaged()["ultrasound"]]
    turned = [np.rot90(read_grey(film), quarters) for film in FILMS[::8] for quarters in (1, 2)]
    inverted = [255 - read_grey(film) for film in FILMS[::8]]
    analyzer = Analyzer.load(SHIPPED)
    assert analyzer.gate is not None
    scores = analyzer.gate.scores(
        analyzer.observe([np.ascontiguousarray(p) for p in (*pictures, *turned, *inverted)])
    )
    assert np.mean(scores > 1.0) > 0.9
