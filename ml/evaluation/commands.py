"""The commands that judge a bundle: `python -m ml evaluate` and its kin."""

from pathlib import Path
from typing import Annotated

import typer

Bundle = Annotated[Path, typer.Argument(help="Folder of the bundle to judge.")]
Data = Annotated[Path, typer.Option(help="Folder of the data set.")]
Resamples = Annotated[int, typer.Option(min=20, help="Resamples of patients for intervals.")]


def evaluate(
    bundle: Bundle,
    data: Annotated[
        Path,
        typer.Option(help="Data set: with manifest.csv, or a folder for each label."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for figures, report and plots.")],
    split: Annotated[
        str,
        typer.Option(help="Part of the data set; `validation` is carved out of train."),
    ] = "test",
    runtime: Annotated[str, typer.Option(help="openvino or tensorflow.")] = "openvino",
    precision: Annotated[str, typer.Option(help="f32, bf16 or int8.")] = "f32",
    resamples: Resamples = 1000,
    write_manifest: Annotated[
        bool, typer.Option(help="Record the figures in the manifest and the model card.")
    ] = False,
) -> None:
    """Read a data set with a bundle; write figures, plots and a report.

    Each scoring of a test part adds a line to SCORINGS.md beside the bundle: score the bundle
    that is to be kept, not one after another to choose among them.
    """
    from ml.evaluation.scoring import Request, score

    request = Request(bundle, data, out, split, runtime, precision, write_manifest, resamples)
    score(request, typer.echo)


def agreement(
    bundle: Bundle,
    native: Annotated[Path, typer.Option(help="Data set of films at their own aspect.")],
    twins: Annotated[Path, typer.Option(help="Data set of the same films, squashed.")],
) -> None:
    """Compare the findings of films at native aspect with those of their squashed twins.

    Read first the figures of `validation`: films of patients that training held out.
    """
    from ml.analyzer import Analyzer
    from ml.evaluation.agreement import agreement as compare
    from ml.evaluation.tables import table

    typer.echo(table(compare(Analyzer.load(bundle), native, twins, typer.echo)))


def shortcuts(
    bundle: Bundle,
    data: Data,
    split: Annotated[str, typer.Option(help="validation, or test for a final report.")] = (
        "validation"
    ),
) -> None:
    """Look for traces of a film's aspect ratio in what is said of it."""
    from ml.analyzer import Analyzer
    from ml.evaluation.scoring import read_part
    from ml.evaluation.shortcuts import shortcuts as look
    from ml.evaluation.tables import table

    analyzer = Analyzer.load(bundle)
    films = read_part(analyzer.bundle, data, split).films
    typer.echo(table(look(analyzer, films, typer.echo)))


def precisions(bundle: Bundle, data: Data, resamples: Resamples = 1000) -> None:
    """Say what bf16 and int8 cost on validation films, and which may be offered."""
    from ml.evaluation.precisions import compare_precisions, offered
    from ml.evaluation.tables import table

    figures = compare_precisions(bundle, data, typer.echo, resamples)
    typer.echo(table(figures))
    typer.echo(f"may be offered: {', '.join(offered(figures))}")


def quantise(
    bundle: Bundle,
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder of the copy; must not be there.")],
) -> None:
    """Copy a bundle and add its networks in int8, made on films of the train part."""
    from ml.bundle import Bundle as LoadedBundle
    from ml.quantisation import quantise as make

    made = make(LoadedBundle.load(bundle), data, out, typer.echo)
    typer.echo(f"{made.key} written to {made.path}, checksum {made.checksum}")
