"""From a run of any backbone on a prepared recipe to a bundle that the service reads with.

The classifier comes from the run, the segmenter from another bundle. Temperature and thresholds
are fitted on the validation films as they will be served: with the lungs that the segmenter finds,
whatever masks the data set has.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.analyzer import softmax
from ml.bundle import Bundle, Label
from ml.datasets.layouts import read_source
from ml.datasets.parts import TRAIN, VALIDATION
from ml.datasets.records import Record
from ml.evaluation.calibration import fit_temperature, operating_thresholds, youden_threshold
from ml.evaluation.metrics import Floats, Labels, calibration_error, sensitivity_specificity
from ml.export import KERAS_FILE, OPENVINO_FILE
from ml.gate.fitting import GateSettings, fit_gate
from ml.gate.gate import FILE as GATE
from ml.images import read_grey
from ml.networks.pair import BATCH, NetworkPair
from ml.preparation.film import FILMS
from ml.preparation.picture import made_smaller, picture_input
from ml.publish import describe, run_facts
from ml.runtimes import Runtime, load_runtime
from ml.training.network import judge_labels
from ml.training.origin import Origin, data_of
from ml.training.runs import RunFolder

NORMAL = "normal"
SNOMED_CT = {
    "pneumonia": "233604007",
    "bacterial_pneumonia": "53084003",
    "viral_pneumonia": "75570004",
    "pleural_effusion": "60046008",
    "atelectasis": "46621007",
    "respiratory_distress": "46775006",
}
"""Concepts of labels that mean just that concept."""
LICENCE = (
    "Weights of the classifier: for research only, as far as whoever holds the training films "
    "allows. Lungs: {segmenter}"
)
GATE_SIDE = 512
"""Longest side of the films that a gate is fitted on, pixels: a few thousand are held at once."""
Show = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Publication:
    """What to publish, and how.

    Attributes:
        run: An exported run.
        lungs: Folder of the bundle whose segmenter finds the lungs.
        folder: The bundle's folder; what was in it is replaced once the new one is whole.
        name: The bundle's name.
        version: The bundle's version.
        data: The recipe's folder; None: where the run had it.
        gate: How the gate is fitted; None leaves it out.
        licence: Of the weights; empty for words that promise nothing.
    """

    run: RunFolder
    lungs: Path
    folder: Path
    name: str
    version: str
    data: Path | None = None
    gate: GateSettings | None = None
    licence: str = ""


@dataclass(frozen=True, slots=True)
class _Part:
    """Films of one part: the pictures that training saw, and the films they were made of."""

    pictures: Sequence[Path]
    films: Sequence[Path]
    truth: Labels


def is_network_run(run: RunFolder) -> bool:
    """Whether a run trained a backbone on a prepared recipe."""
    return "backbone" in run.settings()


def publish_network(p: Publication, show: Show = print) -> Bundle:
    """Put a run and a segmenter into a bundle folder, calibrated on validation films.

    Raises:
        ValueError: The run was not exported, or its data are not there or not prepared.
        BundleError: The segmenter's bundle is not usable, or what is described is malformed.
    """
    exported = p.run.path / "export"
    if not (exported / OPENVINO_FILE).is_file():
        raise ValueError(f"{exported} is not there: run `python -m ml export {p.run.path}`")
    settings = p.run.settings()
    data, origin = data_of(p.run.path, p.data)
    labels = tuple(settings["labels"])
    steps = origin.steps(int(settings["size"]))
    segmenter = Bundle.load(p.lungs)
    described: dict[str, Any] = {
        "name": p.name,
        "version": p.version,
        "labels": [label_of(name) for name in labels],
        "thresholds": dict.fromkeys(labels, 0.5),
        "temperature": 1.0,
        "preprocessing": segmenter.preprocessing,
        "picture": steps,
        "training": _training(p, segmenter, origin),
        "licence": p.licence or LICENCE.format(segmenter=segmenter.manifest.licence),
    }
    draft = p.folder.with_name(f".{p.folder.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        _copy_models(exported, segmenter, draft)
        bundle = describe(draft, described)
        runtime = load_runtime("openvino", bundle)
        networks = NetworkPair(runtime, bundle)
        validation = _part(data, labels, VALIDATION)
        described |= _calibrated(networks, runtime, validation, labels, steps.input_size, show)
        if p.gate is not None:
            train = _gate_films(_part(data, labels, TRAIN).films)
            held_out = _gate_films(validation.films)
            fit_gate(train, held_out, networks.observe, p.gate, show).save(draft / GATE)
        describe(draft, described)
        shutil.rmtree(p.folder, ignore_errors=True)
        draft.rename(p.folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Bundle.load(p.folder)


def label_of(name: str) -> Label:
    """Describe a label by its name."""
    display = name.replace("_", " ").capitalize()
    return Label(name=name, display=display, snomed_ct=SNOMED_CT.get(name))


def label_thresholds(truth: Labels, probability: Floats, labels: Sequence[str]) -> list[float]:
    """Choose an operating threshold for each label.

    Where the first label is `normal` it gets the complement of the threshold for any finding (see
    `operating_thresholds`); all others have the largest Youden index.
    """
    if labels[0] == NORMAL:
        return list(operating_thresholds(truth, probability))
    each = range(len(labels))
    return [round(youden_threshold(truth == i, probability[:, i]), 4) for i in each]


def _calibrated(
    networks: NetworkPair,
    runtime: Runtime,
    part: _Part,
    labels: Sequence[str],
    size: int,
    show: Show,
) -> dict[str, Any]:
    """Fit temperature and thresholds on films as served; score them and the prepared pictures."""
    served = _served_logits(networks, part.films)
    temperature = fit_temperature(part.truth, served)
    thresholds = label_thresholds(part.truth, softmax(served / temperature), labels)
    logits = {"served": served, "prepared": _prepared_logits(runtime, part.pictures, size)}
    figures = {
        way: _figures(part.truth, values / temperature, labels, thresholds)
        for way, values in logits.items()
    }
    show(f"calibrated on {len(part.truth)} validation films: temperature {temperature}")
    for way, scores in figures.items():
        show(f"{way}: macro F1 {scores['macro_f1']}, AUC {scores['auc']}")
    return {
        "temperature": temperature,
        "thresholds": dict(zip(labels, thresholds, strict=True)),
        "metrics": {"validation": figures},
    }


def _figures(
    truth: Labels, logits: NDArray[Any], labels: Sequence[str], thresholds: Sequence[float]
) -> dict[str, Any]:
    probability = softmax(np.asarray(logits, np.float32))
    scores = judge_labels(np.asarray(truth, np.int64), logits, labels)
    scores["val_calibration_error"] = calibration_error(truth, probability)
    figures: dict[str, Any] = {"films": len(truth)}
    figures |= {name.removeprefix("val_"): round(value, 4) for name, value in scores.items()}
    for index, label in enumerate(labels):
        positive = truth == index
        pair = sensitivity_specificity(positive, probability[:, index] >= thresholds[index])
        figures[label] = {
            "films": int(positive.sum()),
            "sensitivity": round(pair[0], 4),
            "specificity": round(pair[1], 4),
        }
    return figures


def _served_logits(networks: NetworkPair, films: Sequence[Path]) -> NDArray[np.float32]:
    rows = []
    for batch in _batches(films):
        rows.append(networks.classify(networks.find_lungs([*map(read_grey, batch)])).logits)
    return np.concatenate(rows)


def _prepared_logits(runtime: Runtime, pictures: Sequence[Path], size: int) -> NDArray[np.float32]:
    rows = []
    for batch in _batches(pictures):
        inputs = np.stack([picture_input(read_grey(picture), size) for picture in batch])
        rows.append(runtime.classify(inputs).logits)
    return np.concatenate(rows)


def _batches(files: Sequence[Path]) -> Iterator[Sequence[Path]]:
    for start in range(0, len(files), BATCH):
        yield files[start : start + BATCH]


def _gate_films(files: Sequence[Path]) -> list[NDArray[np.uint8]]:
    return [made_smaller(read_grey(file), GATE_SIDE) for file in files]


def _part(data: Path, labels: Sequence[str], part: str) -> _Part:
    chosen: list[Record] = [
        film
        for film in read_source(data, "manifest", labels).films
        if film.split == part and not (part == TRAIN and film.duplicate_of)
    ]
    truth = np.array([labels.index(film.label) for film in chosen], np.int64)
    missing = [label for index, label in enumerate(labels) if not (truth == index).any()]
    if missing:
        raise ValueError(f"{data} has no film of {', '.join(missing)} in the split '{part}'")
    films = [data.parent / FILMS / film.image.name for film in chosen]
    return _Part([film.image for film in chosen], films, truth)


def _copy_models(exported: Path, segmenter: Bundle, folder: Path) -> None:
    (folder / "openvino").mkdir(parents=True)
    names = ("segmenter.keras", "openvino/segmenter.xml", "openvino/segmenter.bin")
    for name in names:
        shutil.copyfile(segmenter.file(name), folder / name)
    shutil.copyfile(exported / KERAS_FILE, folder / "classifier.keras")
    for suffix in (".xml", ".bin"):
        source = (exported / OPENVINO_FILE).with_suffix(suffix)
        shutil.copyfile(source, folder / "openvino" / f"classifier{suffix}")


def _training(p: Publication, segmenter: Bundle, origin: Origin) -> dict[str, Any]:
    facts = run_facts(p.run)
    weights = facts["settings"].get("weights")
    facts["settings"]["weights"] = Path(weights).name if weights else ""
    return {
        "segmenter": {"bundle": segmenter.key, "checksum": segmenter.checksum},
        "classifier": facts | {"data": asdict(origin)},
        "gate": {"settings": asdict(p.gate)} if p.gate else None,
    }
