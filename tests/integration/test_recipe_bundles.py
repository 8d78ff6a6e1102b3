"""From a data set to a served bundle, by the commands, for label sets and recipes of any kind."""

import csv
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from lungline.cli import commands
from lungline.client.client import LunglineClient
from lungline.client.errors import ServiceError
from ml.__main__ import app
from ml.analyzer import Analyzer, Reading
from ml.bundle import MANIFEST, Bundle
from ml.errors import BundleError
from ml.gate.fitting import GateSettings
from ml.images import read_grey
from ml.preparation.picture import PictureSteps, picture_input
from ml.preparation.recipes import RECIPES
from ml.publish_network import Publication, publish_network
from ml.training.runs import RunFolder
from tests.factories import nia, rsna
from tests.factories.bundle import tiny_bundle
from tests.factories.whole import Json, Whole, whole_service
from tests.fixtures.parts import REPOSITORY
from tests.fixtures.valkey import ValkeyServer

# Keras saves its variables through an interface that NumPy is about to drop.
pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

SIZE = 32
SHIPPED = "paediatric-pneumonia"
SEVEN = "normal air_leak hyperinflation atelectasis respiratory_distress pneumonia pleural_effusion"
STEPS = PictureSteps("lung_crop", 512, 64, 32, 3.0, 20, 0.1)


def run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def done(*arguments: str | Path) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def refused(result: Any, words: str) -> None:
    assert result.exit_code == 2, (result.output, result.exception)
    assert words in result.output
    assert len(result.output.strip().splitlines()) == 1


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, runs and bundles of both layouts."""
    folder = tmp_path_factory.mktemp("published")
    lungs = tiny_bundle(folder / "lungs").path
    nia.write_nia(folder / "nia", patients=4)
    rsna.write_rsna(folder / "rsna", films=5)
    for layout, recipe in (("nia", "segmented_crop"), ("rsna", "whole_clahe")):
        prepared, trained = folder / f"{layout}-out", folder / f"{layout}-run"
        done(
            *("prepare", folder / layout, "--layout", layout, "--out", prepared),
            *("--recipe", recipe, "--recipe", "lung_crop", "--bundle", lungs, "--predict-all"),
            *("--workers", "1", "--side", "88", "--size", "48", "--clahe-tiles", "4"),
        )
        done(
            *("train", "network", "--data", prepared / recipe, "--run", trained),
            *("--backbone", "small_cnn", "--size", str(SIZE), "--precision", "float32"),
            *("--epochs", "1"),
        )
        done("export", trained)
    done(*publish(folder, "nia"))
    publish_network(
        Publication(
            *(RunFolder.of(folder / "rsna-run"), lungs, folder / "bundles" / "rsna-tiny"),
            *("rsna-tiny", "1"),
            gate=GateSettings(made=4, variants=1),
        ),
        lambda _: None,
    )
    return folder


def publish(folder: Path, layout: str, *more: str | Path) -> tuple[str | Path, ...]:
    names = ("--name", f"{layout}-tiny", "--version", "1", "--out", folder / "bundles")
    return (
        "publish",
        folder / f"{layout}-run",
        "--lungs",
        folder / "lungs",
        *names,
        "--no-gate",
        *more,
    )


@pytest.mark.parametrize(("layout", "recipe"), [("nia", "segmented_crop"), ("rsna", "whole_clahe")])
def test_a_film_is_read_as_its_prepared_picture_is(
    published: Path, layout: str, recipe: str
) -> None:
    analyzer = Analyzer.load(published / "bundles" / f"{layout}-tiny")
    model = keras.saving.load_model(
        published / f"{layout}-run" / "export" / "model.keras", compile=False, safe_mode=True
    )
    pictures = sorted((published / f"{layout}-out" / recipe / "images").glob("*.png"))[:6]
    inputs = np.stack([picture_input(read_grey(picture), SIZE) for picture in pictures])
    # Given the files of the source, which the Analyzer decodes and makes smaller itself
    films = [source_of(published / layout, picture.stem).read_bytes() for picture in pictures]
    readings = analyzer.read(films)
    assert all(isinstance(reading, Reading) for reading in readings)
    scores = [[finding.score for finding in r.findings] for r in readings]  # type: ignore[union-attr]
    # I expect of each the logits that Keras gives of the picture that training saw
    np.testing.assert_allclose(scores, model.predict(inputs, verbose=0)["logits"], atol=2e-4)
    assert np.std(scores, axis=0).max() > 1e-3


def source_of(data: Path, name: str) -> Path:
    return next(data.rglob(f"{name}.dcm"))


def test_a_seven_class_bundle_says_what_it_is(published: Path) -> None:
    bundle = Bundle.load(published / "bundles" / "nia-tiny")
    assert {label.name for label in bundle.labels} == set(SEVEN.split())
    assert bundle.labels[0].name == "normal"
    assert bundle.manifest.format == 2
    steps = bundle.picture
    assert steps == PictureSteps("segmented_crop", 88, 48, SIZE, 3.0, 4, 0.1)
    figures = bundle.manifest.metrics["validation"]
    # The lungs of this preparation are those that the bundle finds, so both ways are the same
    assert figures["served"]["macro_f1"] == pytest.approx(figures["prepared"]["macro_f1"])
    card = (bundle.path / "MODEL_CARD.md").read_text()
    assert RECIPES["segmented_crop"].says in card
    assert "It has no gate" in card
    assert "small_cnn" in card
    assert str(published) not in (bundle.path / MANIFEST).read_text() + card


@pytest.mark.parametrize("layout", ["nia", "rsna"])
def test_a_bundle_is_scored_on_its_preparation(
    published: Path, tmp_path: Path, layout: str
) -> None:
    bundle, data = published / "bundles" / f"{layout}-tiny", published / f"{layout}-out"
    scored = ("evaluate", bundle, "--data", data, "--out", tmp_path, "--resamples", "20")
    done(*scored, "--split", "validation")
    told = json.loads((tmp_path / "figures.json").read_text())
    manifest = Bundle.load(bundle).manifest
    expected = manifest.metrics["validation"]["served"]
    assert told["figures"]["films"] == expected["films"]
    assert told["figures"]["labels"]["macro_f1"] == pytest.approx(expected["macro_f1"], abs=1e-3)
    assert "any_finding" in told["figures"]
    assert ("gate" in told["figures"]) == (layout == "rsna")
    assert "Any finding against normal" in (tmp_path / "report.html").read_text()
    refused(run(*("evaluate", bundle, "--data", data / "lung_crop", "--out", tmp_path)), "name the")


def test_what_cannot_be_published_is_told_in_a_line(published: Path, tmp_path: Path) -> None:
    before = Bundle.load(published / "bundles" / "nia-tiny").checksum
    again = ("--name", "x", "--version", "1", "--out", tmp_path, "--lungs", published / "lungs")
    refused(run("publish", tmp_path / "nothing", *again), "holds no run")
    refused(
        run(*publish(published, "nia", "--data", published / "rsna-out" / "whole_clahe")),
        "its manifest differs",
    )
    refused(run(*publish(published, "nia", "--data", tmp_path)), "manifest.csv is not there")
    refused(run(*publish(published, "nia", "--name", "No Name")), "cannot become a bundle")
    refused(run(*publish(published, "nia", "--lungs", tmp_path)), "is no bundle")
    assert Bundle.load(published / "bundles" / "nia-tiny").checksum == before
    assert not [*(published / "bundles").glob(".*")]


def test_a_run_on_other_data_is_not_continued(published: Path) -> None:
    refused(
        run(
            *("train", "network", "--data", published / "nia-out" / "lung_crop"),
            *("--run", published / "nia-run", "--backbone", "small_cnn", "--size", str(SIZE)),
            *("--precision", "float32", "--epochs", "1"),
        ),
        "holds a run with other view",
    )


@pytest.mark.parametrize(
    "values",
    [
        {"recipe": "other"},
        {"size": 0},
        {"clahe_clip": -1.0},
        {"surprise": 1},
    ],
)
def test_a_picture_that_cannot_be_made_is_refused(tmp_path: Path, values: dict[str, Any]) -> None:
    bundle = tiny_bundle(tmp_path, picture=STEPS)
    assert bundle.classifier_size == STEPS.input_size
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    manifest["picture"] |= values
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BundleError) as caught:
        Bundle.load(tmp_path)
    assert caught.value.code == "bundle_invalid"


def test_only_format_two_has_a_picture(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path)
    assert bundle.manifest.format == 1
    told = json.loads((tmp_path / MANIFEST).read_text())
    assert "picture" not in told
    (tmp_path / MANIFEST).write_text(json.dumps(told | {"format": 2}))
    with pytest.raises(BundleError, match="format 2 has a picture"):
        Bundle.load(tmp_path)


@pytest.fixture(scope="module")
def whole(
    valkey: ValkeyServer, published: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Whole]:
    """A running service with the tiny bundle as its default, and the shipped one beside it."""
    folder = tmp_path_factory.mktemp("whole")
    shipped = REPOSITORY / "ml" / "bundles" / SHIPPED
    shutil.copytree(shipped, folder / "tiny-bundles" / SHIPPED, copy_function=os.symlink)
    with whole_service(folder, valkey) as running:
        yield running


def findings(whole: Whole, job: Json) -> list[dict[str, str]]:
    answer = whole.server.http.get(job["links"]["results"], params={"format": "csv"})
    return [*csv.DictReader(answer.iter_lines())]


def test_bundles_are_added_and_served_side_by_side_while_the_stack_runs(
    published: Path, whole: Whole
) -> None:
    films = {
        layout: {f"{p.stem}.dcm": p.read_bytes() for p in sorted(data.rglob("*.dcm"))[:4]}
        for layout, data in ((name, published / name) for name in ("nia", "rsna"))
    }
    url = str(whole.server.http.base_url)
    with LunglineClient(url) as client:
        added = client.models.add(published / "bundles" / "nia-tiny")
        assert (added["key"], added["active"], added["default"]) == ("nia-tiny@1", True, False)
        assert "It has no gate" in added["card"]
        done = CliRunner().invoke(
            commands, ["models", "add", str(published / "bundles" / "rsna-tiny"), "--url", url]
        )
        assert done.exit_code == 0, done.output
        # Jobs of three bundles at once, named in each way
        jobs = {
            "nia-tiny@1": whole.send_form(films["nia"], model="nia-tiny"),
            f"{SHIPPED}@0.1.0": whole.send_form(films["nia"], model=SHIPPED),
            "rsna-tiny@1": whole.send_form(films["rsna"], bundle="rsna-tiny@1"),
        }
        for key, job in jobs.items():
            job = whole.finished(job)
            assert (job["bundle"], job["status"]) == (key, "succeeded")
        for layout in ("nia", "rsna"):
            key = f"{layout}-tiny@1"
            assert_read_by(
                published / "bundles" / f"{layout}-tiny",
                films[layout],
                findings(whole, jobs[key]),
                key,
            )
        rows = findings(whole, jobs[f"{SHIPPED}@0.1.0"])
        assert {row["bundle"] for row in rows} == {f"{SHIPPED}@0.1.0"}
        assert "p_viral_pneumonia" in rows[0]
        # If one is activated as the default, I expect it of a job that names none
        assert whole.send_form(films["rsna"])["bundle"] == "tiny@1"
        client.models.activate("rsna-tiny@1", default=True)
        last = whole.send_form(films["rsna"])
        assert last["bundle"] == "rsna-tiny@1"
        assert whole.finished(last)["counts"]["reused"] == len(films["rsna"])
        with pytest.raises(ServiceError, match="default"):
            client.models.remove("rsna-tiny@1")
        client.models.activate("tiny@1", default=True)
        client.models.remove("rsna-tiny@1")
        assert {model["key"] for model in client.models.all()} == {
            "tiny@1",
            f"{SHIPPED}@0.1.0",
            "nia-tiny@1",
        }
    ndjson = whole.server.http.get(last["links"]["results"], params={"format": "ndjson"})
    told = [json.loads(line) for line in ndjson.iter_lines()]
    assert {line["bundle"] for line in told} == {"rsna-tiny@1"}


def assert_read_by(
    bundle: Path, films: dict[str, bytes], rows: list[dict[str, str]], key: str
) -> None:
    """Compare a job's findings with those of the bundle itself; no film took two attempts."""
    analyzer = Analyzer.load(bundle)
    assert {row["name"] for row in rows} == set(films)
    for row in rows:
        assert (row["bundle"], row["attempt"]) == (key, "1")
        (reading,) = analyzer.read([films[row["name"]]])
        assert isinstance(reading, Reading)
        for finding in reading.findings:
            served = float(row[f"p_{finding.label}"])
            assert served == pytest.approx(finding.probability, abs=1e-4)
