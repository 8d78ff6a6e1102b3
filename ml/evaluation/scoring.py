"""One scoring from start to end: read, compute, draw, write, log."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ml.analyzer import Analyzer
from ml.bundle import Bundle
from ml.datasets import Dataset, read_dataset
from ml.datasets.manifest import MANIFEST, manifest_rows
from ml.evaluation.bootstrap import RESAMPLES
from ml.evaluation.evaluate import Evaluation, evaluate
from ml.evaluation.heldout import PART, held_out
from ml.evaluation.plots import write_plots
from ml.evaluation.precisions import analyzer_at
from ml.evaluation.report import write_films, write_html, write_json
from ml.evaluation.scorings import log_scoring
from ml.evaluation.sheets import write_sheets
from ml.evaluation.tables import table
from ml.preparation.prepare import PICTURES
from ml.preparation.recipes import RECIPES

Show = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Request:
    """What to score.

    Attributes:
        bundle: The bundle's folder.
        data: The data set's folder.
        out: Where figures, report and plots go; made where it is not there.
        split: Part of the data set; `validation` is carved out of its train part.
        runtime: `openvino` or `tensorflow`.
        precision: `f32`, `bf16` or `int8`; the last two with OpenVINO alone.
        record: Write the figures into the bundle's manifest and model card.
        resamples: Of the bootstrap by patient.
    """

    bundle: Path
    data: Path
    out: Path
    split: str = "test"
    runtime: str = "openvino"
    precision: str = "f32"
    record: bool = False
    resamples: int = RESAMPLES


def score(request: Request, show: Show = print) -> Evaluation:
    """Judge a bundle, print the figures, write figures, report, plots and a line a film.

    Raises:
        ValueError: The data set cannot be read, or the bundle does not fit it.
        BundleError: The bundle or the runtime is not usable.
    """
    if request.record and request.split != "test":
        raise ValueError(f"the manifest holds figures of the part test, not {request.split}")
    bundle = Bundle.load(request.bundle)
    dataset = read_part(bundle, request.data, request.split)
    how = (request.runtime, request.precision)
    with analyzer_at(request.bundle, *how, request.data, show) as analyzer:
        evaluation = evaluate(analyzer, dataset.films, show, request.resamples)
        return _report(request, bundle, dataset, analyzer, evaluation, show)


def _report(
    request: Request,
    bundle: Bundle,
    dataset: Dataset,
    analyzer: Analyzer,
    evaluation: Evaluation,
    show: Show,
) -> Evaluation:
    """Print, log and write what came out; the analyzer reads the worst films once more."""
    show(table(evaluation.figures))
    now = datetime.now(UTC)
    context = {
        "data": dataset.name,
        "split": dataset.part,
        "runtime": request.runtime,
        "precision": request.precision,
        "date": now.strftime("%Y-%m-%d"),
    }
    if dataset.part == "test":
        log = request.bundle.parent / "SCORINGS.md"
        log_scoring(log, bundle, context, evaluation.figures, now)
    _write(request.out, bundle, analyzer, context, evaluation)
    show(f"report written to {request.out / 'report.html'}")
    if request.record:
        _record(bundle, dataset, evaluation, show)
    return evaluation


def read_part(bundle: Bundle, data: Path, split: str) -> Dataset:
    """Read a part of a data set; `validation` is the part the bundle's training held out.

    A data set that has a part called `validation` of its own gives that.

    Raises:
        ValueError: The data set cannot be read, has no such part, or is of pictures that a recipe
            made: a bundle reads films.
    """
    if data.name in RECIPES and (data.parent / PICTURES).is_file():
        raise ValueError(
            f"{data} holds pictures that a recipe made, and a bundle makes them itself: name the "
            f"preparation, {data.parent}"
        )
    if split == PART and not _has_part(data, split):
        return held_out(bundle, data)
    return read_dataset(data, split, [label.name for label in bundle.labels])


def _has_part(data: Path, split: str) -> bool:
    listed = data / MANIFEST
    if not listed.is_file():
        return (data / split).is_dir()
    return any(row.get("split") == split for row in manifest_rows(listed))


def _write(
    out: Path,
    bundle: Bundle,
    analyzer: Analyzer,
    context: dict[str, str],
    evaluation: Evaluation,
) -> None:
    write_json(out / "figures.json", bundle, context, evaluation.figures)
    write_films(out / "films.csv", evaluation)
    plots = write_plots(evaluation, out / "plots")
    sheets = write_sheets(analyzer, evaluation, out / "plots")
    write_html(out / "report.html", bundle, context, evaluation, plots, sheets)


def _record(bundle: Bundle, dataset: Dataset, evaluation: Evaluation, show: Show) -> None:
    from ml.publish import record_figures

    recorded = record_figures(bundle, dataset.part, evaluation.figures)
    show(f"checksum now {recorded.checksum}")
