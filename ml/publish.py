"""From trained and exported runs to a bundle that the service reads with."""

import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from ml.analyzer import softmax
from ml.bundle import Bundle, Label, write_manifest
from ml.datasets import LABELS
from ml.evaluation.calibration import (
    fit_temperature,
    operating_thresholds,
    question_temperatures,
    youden_threshold,
)
from ml.evaluation.metrics import calibration_error, sensitivity_specificity
from ml.export import KERAS_FILE, OPENVINO_FILE
from ml.gate.fitting import GateSettings, fit_gate
from ml.gate.gate import FILE as GATE
from ml.model_card import model_card
from ml.networks.pair import NetworkPair
from ml.preprocess import Preprocessing
from ml.runtimes import load_runtime
from ml.training.batches import clean_inputs, perturbed_inputs
from ml.training.classifier import PERTURBED_SEEDS, judge_logits
from ml.training.prepare import PreparedFilms
from ml.training.runs import RunFolder

LABEL_SET = (
    Label(name="normal", display="Normal"),
    Label(name="bacterial_pneumonia", display="Bacterial pneumonia", snomed_ct="53084003"),
    Label(name="viral_pneumonia", display="Viral pneumonia", snomed_ct="75570004"),
)
LICENCE = (
    "Weights: Apache-2.0, for research only. Trained on films by Kermany et al. (Cell 2018, "
    "doi:10.1016/j.cell.2018.02.010; CC BY 4.0) and lung masks by v7labs "
    "(covid-19-xray-dataset; CC BY 4.0)."
)
SERVED_VIEW = "lungs"
Show = Callable[[str], None]


def publish(
    classifier: RunFolder,
    segmenter: RunFolder,
    folder: Path,
    name: str,
    version: str,
    show: Show = print,
    gate: GateSettings | None = None,
) -> Bundle:
    """Put two exported runs into a bundle folder, calibrated on their validation films.

    The gate is fitted last, on the training films, through the networks as they are served.

    Args:
        classifier: An exported classifier run, with its prepared validation films.
        segmenter: The exported segmenter run that it was trained behind.
        folder: The bundle's folder; what was in it is replaced.
        name: The bundle's name.
        version: The bundle's version.
        show: Takes lines of progress.
        gate: How the gate is fitted; None for the usual way.

    Raises:
        ValueError: A run was not exported, or has no prepared films.
    """
    gate = gate or GateSettings()
    sources = {"segmenter": segmenter.path / "export", "classifier": classifier.path / "export"}
    for source in sources.values():
        if not (source / OPENVINO_FILE).is_file():
            raise ValueError(f"{source} is not there: run `python -m ml export {source.parent}`")
    if (view := classifier.settings().get("view", SERVED_VIEW)) != SERVED_VIEW:
        raise ValueError(f"{classifier.path} was shown the view '{view}', which is not served")
    train, validation = (_prepared(classifier, part) for part in ("train", "validation"))
    size, logits = _validation_logits(sources["classifier"] / KERAS_FILE, validation)
    calibrated = calibrate(logits)
    show(f"calibrated on validation: {calibrated}")
    for part, (truth, values) in logits.items():
        show(f"temperatures by question, {part}: {question_temperatures(truth, values)}")
    shutil.rmtree(folder, ignore_errors=True)
    _copy_models(sources, folder)
    described = {
        "name": name,
        "version": version,
        "labels": LABEL_SET,
        "thresholds": dict(zip(LABELS, calibrated["thresholds"], strict=True)),
        "temperature": calibrated["temperature"],
        "preprocessing": Preprocessing(classifier_size=size),
        "metrics": {"validation": calibrated["validation"]},
        "training": {
            "segmenter": _facts(segmenter),
            "classifier": _facts(classifier),
            "gate": {"settings": asdict(gate)},
        },
        "licence": LICENCE,
    }
    ungated = describe(folder, described)
    networks = NetworkPair(load_runtime("openvino", ungated), ungated)
    fitted = fit_gate(list(train.films), list(validation.films), networks.observe, gate, show)
    fitted.save(folder / GATE)
    return describe(folder, described)


def record_figures(bundle: Bundle, part: str, figures: dict[str, Any]) -> Bundle:
    """Write an evaluation's figures into a bundle's manifest and model card.

    Args:
        bundle: The bundle that was evaluated.
        part: What it was evaluated on, `test` say.
        figures: As `evaluate` computed them.

    Returns:
        The bundle as it is now; its checksum has changed with its manifest.
    """
    described = bundle.manifest.described()
    described["metrics"] = described["metrics"] | {part: figures}
    return describe(bundle.path, described)


def describe(folder: Path, described: dict[str, Any]) -> Bundle:
    """Write the model card and the manifest of a folder that holds the models."""
    (folder / "MODEL_CARD.md").write_text(model_card(described), encoding="utf-8")
    return write_manifest(folder, **described)


def calibrate(logits: dict[str, tuple[NDArray[np.int64], NDArray[np.float32]]]) -> dict[str, Any]:
    """Fit temperature and thresholds on perturbed validation, and score both validations.

    Args:
        logits: Labels (n,) and logits (n, labels) of the parts `plain` and `perturbed`.
    """
    truth, hard = logits["perturbed"]
    temperature = fit_temperature(truth, hard)
    probability = softmax(hard / temperature)
    thresholds = operating_thresholds(truth, probability)
    validation = {
        part: _figures(labels, values, temperature, thresholds[0])
        for part, (labels, values) in logits.items()
    }
    youden = youden_threshold(truth > 0, 1.0 - probability[:, 0])
    validation["perturbed"] |= {
        "threshold_sensitivity_95": round(1.0 - thresholds[0], 4),
        "threshold_youden": round(youden, 4),
    }
    return {"temperature": temperature, "thresholds": thresholds, "validation": validation}


def _figures(
    truth: NDArray[np.int64], logits: NDArray[np.float32], temperature: float, normal: float
) -> dict[str, float]:
    probability = softmax(logits / temperature)
    pair = sensitivity_specificity(truth > 0, probability[:, 0] < normal)
    scores = judge_logits(truth, logits / temperature) | {
        "sensitivity": pair[0],
        "specificity": pair[1],
        "calibration_error": calibration_error(truth, probability),
    }
    return {"films": len(truth)} | {key: round(value, 4) for key, value in scores.items()}


def _prepared(run: RunFolder, part: str) -> PreparedFilms:
    path = run.path / "prepared" / f"{part}.npz"
    if not path.is_file():
        raise ValueError(f"{path} is not there: publish needs the folder the run was trained in")
    with np.load(path, allow_pickle=False) as kept:
        return PreparedFilms(kept["films"], kept["boxes"], kept["labels"])


def _validation_logits(
    path: Path, films: PreparedFilms
) -> tuple[int, dict[str, tuple[NDArray[np.int64], NDArray[np.float32]]]]:
    model = keras.saving.load_model(path, compile=False, safe_mode=True)
    size = int(model.input_shape[1])
    hard = np.concatenate([perturbed_inputs(films, size, seed) for seed in PERTURBED_SEEDS])
    labels = np.tile(films.labels, len(PERTURBED_SEEDS))
    return size, {
        "plain": (films.labels, _logits(model, clean_inputs(films, size))),
        "perturbed": (labels, _logits(model, hard)),
    }


def _logits(model: keras.Model, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(model.predict(inputs, batch_size=64, verbose=0)["logits"], np.float32)


def _copy_models(sources: dict[str, Path], folder: Path) -> None:
    (folder / "openvino").mkdir(parents=True)
    for name, source in sources.items():
        shutil.copyfile(source / KERAS_FILE, folder / f"{name}.keras")
        for suffix in (".xml", ".bin"):
            exported = (source / OPENVINO_FILE).with_suffix(suffix)
            shutil.copyfile(exported, folder / "openvino" / f"{name}{suffix}")


def _facts(run: RunFolder) -> dict[str, Any]:
    return {"data": "paediatric_pneumonia, train part; validation carved out by patient"} | (
        run_facts(run)
    )


def run_facts(run: RunFolder) -> dict[str, Any]:
    """Give a run's settings, how far it went, and its last epoch's figures."""
    history = run.history()
    return {
        "settings": run.settings(),
        "epochs_run": len(history),
        "last_epoch": {key: float(value) for key, value in history[-1].items()} if history else {},
    }
