"""From a data set to a scored bundle by the five commands, with networks that learn nothing."""

import json
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest
from keras.src.applications.densenet import DenseNet
from typer.testing import CliRunner

from ml.__main__ import app
from ml.analyzer import Analyzer
from ml.bundle import Bundle
from ml.training.classifier import train_classifier
from ml.training.runs import RunFolder
from ml.training.segmenter import train_segmenter
from ml.training.settings import ClassifierSettings, SegmenterSettings
from tests.factories.datasets import write_dataset

pytestmark = [
    pytest.mark.slow,
    # Keras saves its variables through an interface that NumPy is about to drop.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


def command(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def test_data_become_a_scored_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A DenseNet of the fewest layers: all of them are in `test_export` and in
    # `test_shipped_bundle`; here only the way counts.
    monkeypatch.setattr(keras.applications, "DenseNet121", partial(DenseNet, [1, 1, 1, 1]))
    data = write_dataset(tmp_path / "data", patients=4, films_each=2, test=2)
    masks, films = RunFolder(tmp_path / "segmenter"), RunFolder(tmp_path / "classifier")
    train_segmenter(
        data,
        masks,
        SegmenterSettings(epochs=1, batch=4, base=2, validation=0.25, precision="float32"),
        lambda _: None,
    )
    train_classifier(
        data,
        masks.model_path,
        films,
        ClassifierSettings(
            epochs=1, sizes=(32,), shares=(1.0,), batch=4, validation=0.25, precision="float32"
        ),
        lambda _: None,
    )
    command("export", masks.path)
    command("export", films.path)
    bundles = tmp_path / "bundles"
    command(
        *("publish", films.path, "--segmenter", masks.path, "--out", bundles),
        *("--name", "tiny", "--version", "1"),
    )
    before = Bundle.load(bundles / "tiny")
    assert before.preprocessing.classifier_size == 32

    scored = ("evaluate", bundles / "tiny", "--data", data, "--out", tmp_path / "out")
    printed = command(*scored, "--write-manifest")

    figures = json.loads((tmp_path / "out" / "figures.json").read_text())["figures"]
    after = Bundle.load(bundles / "tiny")
    assert after.manifest.metrics["test"] == figures
    assert figures["films"] == 6
    assert f"any_pneumonia.auc{' ' * 10}"[:18] in printed
    assert str(figures["any_pneumonia"]["auc"]) in (after.path / "MODEL_CARD.md").read_text()
    log = (bundles / "SCORINGS.md").read_text().splitlines()
    assert before.checksum[:16] in log[-1]
    assert after.thresholds == before.thresholds

    film = next((data / "images").glob("test-*")).read_bytes()
    readings = [
        Analyzer.load(after.path, name).read([film])[0] for name in ("openvino", "tensorflow")
    ]
    assert all(reading.in_distribution is not None for reading in readings)
    scores = [[finding.score for finding in reading.findings] for reading in readings]
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-4)
