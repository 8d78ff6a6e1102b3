"""What a lower precision costs, measured on validation films."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ml.analyzer import Analyzer
from ml.bundle import Bundle
from ml.datasets import LabelledFilm
from ml.errors import BundleError
from ml.evaluation.answers import Answers, collect
from ml.evaluation.bootstrap import RESAMPLES, Places
from ml.evaluation.evaluate import label_set, read_all
from ml.evaluation.heldout import held_out
from ml.evaluation.intervals import with_intervals
from ml.evaluation.probabilities import same_top
from ml.evaluation.statistics import statistics
from ml.quantisation import quantise
from ml.runtimes import PRECISIONS

LARGEST_LOSS = 0.002
"""A precision may be offered only if no AUC falls by as much."""
_AUCS = ("any_pneumonia.auc", "bacterial_against_viral.auc")
_OTHERS = ("lungs.dice_mean", "gate.in_distribution_share")
Show = Callable[[str], None]


@contextmanager
def analyzer_at(
    path: Path, runtime: str, precision: str, data: Path, show: Show
) -> Iterator[Analyzer]:
    """Load a bundle in a precision; int8 networks it lacks are made for the time being.

    Args:
        path: The bundle's folder.
        runtime: `openvino` or `tensorflow`.
        precision: `f32`, `bf16` or `int8`.
        data: The data set the bundle was trained on, where int8 networks must be made.
        show: Takes lines of progress.

    Raises:
        BundleError: The bundle, the runtime or the precision is not usable.
        ValueError: int8 networks cannot be made from the data set.
    """
    bundle = Bundle.load(path)
    carried = "openvino/classifier-int8.xml" in bundle.files
    if precision != "int8" or runtime != "openvino" or carried:
        yield Analyzer.load(path, runtime, precision=precision)
        return
    with tempfile.TemporaryDirectory() as scratch:
        copy = quantise(bundle, data, Path(scratch) / "bundle", show)
        yield Analyzer.load(copy.path, runtime, precision=precision)


def compare_precisions(
    path: Path, data: Path, show: Show = print, resamples: int = RESAMPLES
) -> dict[str, Any]:
    """Judge each precision against f32 on the validation films of a bundle's training.

    Args:
        path: The bundle's folder.
        data: The data set it was trained on; its test part is not touched.
        show: Takes lines of progress.
        resamples: Of the bootstrap by patient.

    Returns:
        By precision: the AUCs, the mean Dice and what the gate lets in; for those below f32 also
        how much of each AUC is lost, `top1_agreement`, the `largest_difference` of a probability,
        and whether it `may_be_offered`. `not_here` says why a precision cannot be had.

    Raises:
        ValueError: The data set cannot be read, or the bundle does not say what it held out.
        BundleError: The bundle is not usable.
    """
    films = held_out(Bundle.load(path), data).films
    said: dict[str, Answers] = {}
    figures: dict[str, Any] = {"films": len(films)}
    for precision in PRECISIONS:
        show(f"reading in {precision}")
        try:
            with analyzer_at(path, "openvino", precision, data, show) as analyzer:
                labels = label_set(analyzer)
                said[precision] = _answers(analyzer, films, show)
        except BundleError as error:
            if error.code != "precision_missing":
                raise
            figures[precision] = {"not_here": error.message}
        else:
            figures[precision] = judge(said["f32"], said[precision], labels, resamples)
    return figures


def judge(
    reference: Answers, other: Answers, labels: Sequence[str], resamples: int = RESAMPLES
) -> dict[str, Any]:
    """Compare answers of the same films in two precisions; the reference with itself is plain.

    Args:
        reference: In f32.
        other: In another precision.
        labels: The label set.
        resamples: Of the bootstrap by patient.
    """
    if other is reference:
        names = _AUCS + _OTHERS
        return with_intervals(
            reference.patient, lambda at: _figures(reference.take(at), labels, names), resamples
        )
    same = same_top(reference.probability, other.probability)

    def compared(places: Places) -> dict[str, float]:
        before = _figures(reference.take(places), labels, _AUCS)
        after = _figures(other.take(places), labels, _AUCS + _OTHERS)
        losses = {f"{name}_loss": before[name] - after[name] for name in before}
        return after | losses | {"top1_agreement": float(np.mean(same[places]))}

    figures = with_intervals(reference.patient, compared, resamples)
    difference = float(np.abs(reference.probability - other.probability).max())
    return figures | {
        "largest_difference": round(difference, 4),
        "may_be_offered": may_be_offered(reference, other, labels),
    }


def may_be_offered(reference: Answers, other: Answers, labels: Sequence[str]) -> bool:
    """No AUC falls by `LARGEST_LOSS` or more."""
    before, after = (_figures(answers, labels, _AUCS) for answers in (reference, other))
    known = [name for name, value in before.items() if np.isfinite(value)]
    return all(before[name] - after[name] < LARGEST_LOSS for name in known)


def offered(figures: Mapping[str, Any]) -> list[str]:
    """List the precisions that may be offered, f32 first."""
    return [
        name for name in PRECISIONS if name == "f32" or figures[name].get("may_be_offered", False)
    ]


def _figures(answers: Answers, labels: Sequence[str], names: Sequence[str]) -> dict[str, float]:
    figures = statistics(answers, labels)
    return {name.replace(".", "_"): figures[name] for name in names if name in figures}


def _answers(analyzer: Analyzer, films: Sequence[LabelledFilm], show: Show) -> Answers:
    return collect(zip(films, read_all(analyzer, films, show), strict=True))
