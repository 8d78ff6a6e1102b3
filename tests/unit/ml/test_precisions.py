"""Lower precisions: made, measured, offered or not; with the tiny bundle on drawn films."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from ml.__main__ import app
from ml.analyzer import Analyzer, Reading
from ml.bundle import Bundle
from ml.errors import BundleError
from ml.evaluation.precisions import analyzer_at, judge, may_be_offered, offered
from ml.quantisation import Recorder, spread_out
from ml.runtimes import load_runtime
from ml.runtimes.untracked import import_openvino
from tests.factories.answers import LABELS, answers, random_answers
from tests.factories.bundle import tiny_bundle
from tests.factories.datasets import TRAINING, write_dataset
from tests.fixtures.parts import REPOSITORY

WATCHED = """
import json, pathlib, sys
calls = []
sys.addaudithook(
    lambda event, _: calls.append(event)
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "urllib.Request")
    else None
)
from ml.__main__ import app
try:
    app(sys.argv[1:])
finally:
    print(json.dumps(calls))
"""

QUICK = ("--resamples", "40")


def run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny", training=TRAINING)


@pytest.fixture(scope="module")
def quantised(bundle: Bundle, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A copy of the bundle that carries int8 networks."""
    out = tmp_path_factory.mktemp("quantised") / "tiny"
    done = run("quantise", bundle.path, "--data", data, "--out", out)
    assert done.exit_code == 0, (done.output, done.exception)
    return Bundle.load(out)


def has_bf16() -> bool:
    core = import_openvino().Core()
    return "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def scores(path: Path, data: Path, precision: str) -> np.ndarray:
    films = [film.read_bytes() for film in sorted((data / "images").glob("train-*"))[:6]]
    readings = Analyzer.load(path, precision=precision).read(films)
    assert all(isinstance(reading, Reading) for reading in readings)
    return np.array([[finding.score for finding in r.findings] for r in readings])


def test_a_copy_carries_int8_networks_beside_the_others(bundle: Bundle, quantised: Bundle) -> None:
    added = set(quantised.files) - set(bundle.files)
    assert added == {
        f"openvino/{network}-int8.{suffix}"
        for network in ("segmenter", "classifier")
        for suffix in ("xml", "bin")
    }
    assert {name: quantised.files[name] for name in bundle.files} == bundle.files
    assert quantised.key == bundle.key
    assert b"FakeQuantize" in quantised.file("openvino/classifier-int8.xml").read_bytes()


def test_int8_says_nearly_the_same(quantised: Bundle, data: Path) -> None:
    plain, int8 = (scores(quantised.path, data, precision) for precision in ("f32", "int8"))
    assert not np.array_equal(plain, int8)
    np.testing.assert_allclose(plain, int8, atol=0.1 * np.abs(plain).max())
    assert load_runtime("openvino", quantised, "int8").name == "openvino-int8"


@pytest.mark.skipif(not has_bf16(), reason="this processor does not compute in bf16")
def test_bf16_says_nearly_the_same(bundle: Bundle, data: Path) -> None:
    plain, bf16 = (scores(bundle.path, data, precision) for precision in ("f32", "bf16"))
    assert not np.array_equal(plain, bf16)
    np.testing.assert_allclose(plain, bf16, atol=0.05 * np.abs(plain).max())


@pytest.mark.parametrize(
    ("runtime", "precision", "message"),
    [
        ("openvino", "f16", "has no precision 'f16'; it has f32, bf16, int8"),
        ("tensorflow", "bf16", "tensorflow has no precision 'bf16'; it has f32 only"),
        ("openvino", "int8", "carries no int8 networks.*ml quantise"),
    ],
)
def test_what_cannot_be_had_is_said(
    bundle: Bundle, runtime: str, precision: str, message: str
) -> None:
    with pytest.raises(BundleError, match=message):
        load_runtime(runtime, bundle, precision)


def test_quantising_calls_nobody(bundle: Bundle, data: Path, tmp_path: Path) -> None:
    # Given a process that is no test, in which NNCF would report its use
    command = [sys.executable, "-c", WATCHED, "quantise", str(bundle.path), "--data", str(data)]
    environment = {name: value for name, value in os.environ.items() if "NNCF" not in name}
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "copy")],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (tmp_path / "copy" / "manifest.json").exists()
    assert json.loads(done.stdout.splitlines()[-1]) == []


def test_quantising_replaces_nothing(bundle: Bundle, data: Path) -> None:
    done = run("quantise", bundle.path, "--data", data, "--out", bundle.path)
    assert done.exit_code == 2
    assert "is there already" in done.stderr


def test_precisions_are_compared_on_validation_films(quantised: Bundle, data: Path) -> None:
    done = run("precisions", quantised.path, "--data", data, *QUICK)
    assert done.exit_code == 0, (done.output, done.exception)
    printed = done.stdout
    assert re.search(r"^films +12$", printed, re.MULTILINE)
    for name in ("any_pneumonia_auc_loss", "top1_agreement", "may_be_offered"):
        assert f"int8.{name}" in printed
    assert ("bf16.may_be_offered" in printed) == has_bf16()
    assert printed.splitlines()[-1].startswith("may be offered: f32")


def test_int8_networks_that_are_not_carried_are_made_for_the_time_being(
    bundle: Bundle, data: Path
) -> None:
    with analyzer_at(bundle.path, "openvino", "int8", data, lambda _: None) as analyzer:
        made = analyzer.bundle.path
        film = next((data / "images").glob("test-*")).read_bytes()
        assert isinstance(analyzer.read([film])[0], Reading)
        assert analyzer.runtime_name == "openvino-int8"
    assert not made.exists()
    assert Bundle.load(bundle.path).files == bundle.files


def test_a_fall_of_two_thousandths_is_too_much() -> None:
    truth = [0] * 50 + [1] * 50
    before = np.array([[0.9, 0.1, 0.0]] * 50 + [[0.1, 0.8, 0.1]] * 50)
    # Given one pair of 2,500 in the wrong order, then ten
    one, ten = before.copy(), before.copy()
    one[0], one[99] = (0.5, 0.4, 0.1), (0.6, 0.3, 0.1)
    ten[0], ten[90:] = (0.5, 0.4, 0.1), (0.6, 0.3, 0.1)
    reference = answers(truth, before.tolist())
    assert may_be_offered(reference, answers(truth, one.tolist()), LABELS)
    assert not may_be_offered(reference, answers(truth, ten.tolist()), LABELS)


def test_judging_states_loss_and_agreement() -> None:
    reference = random_answers(40)
    other = random_answers(40)
    probability = other.probability.copy()
    probability[0] = probability[0][[1, 2, 0]]
    worse = judge(reference, answers(other.truth, probability, patient=other.patient), LABELS, 40)
    assert worse["top1_agreement"] == 39 / 40
    assert worse["any_pneumonia_auc_loss"] == pytest.approx(
        judge(reference, reference, LABELS, 40)["any_pneumonia_auc"] - worse["any_pneumonia_auc"],
        abs=2e-4,
    )
    assert worse["largest_difference"] > 0
    assert "any_pneumonia_auc_loss_se" in worse


def test_what_is_not_here_is_not_offered() -> None:
    assert offered({"bf16": {"not_here": "no"}, "int8": {"may_be_offered": True}}) == [
        "f32",
        "int8",
    ]


def test_films_are_taken_evenly() -> None:
    assert spread_out(list(range(10)), 5) == [0, 2, 4, 6, 8]
    assert spread_out(list(range(3)), 5) == [0, 1, 2]


def test_a_recorder_keeps_what_networks_are_shown(bundle: Bundle, data: Path) -> None:
    recorder = Recorder(load_runtime("openvino", bundle))
    films = [film.read_bytes() for film in sorted((data / "images").glob("train-*"))[:3]]
    readings = Analyzer(bundle, recorder).read(films)
    assert [item.shape for item in recorder.seen["segmenter"]] == [(1, 256, 256, 1)] * 3
    assert [item.shape for item in recorder.seen["classifier"]] == [(1, 64, 64, 1)] * 3
    expected = Analyzer.load(bundle.path).read(films)
    assert [r.findings for r in readings] == [r.findings for r in expected]
