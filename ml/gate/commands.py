"""`python -m ml outliers`: how well a bundle's gate does its work."""

from pathlib import Path
from typing import Annotated

import typer


def outliers(
    bundle: Annotated[Path, typer.Argument(help="Folder of the bundle whose gate is judged.")],
    data: Annotated[Path, typer.Option(help="Folder of the data set; it holds manifest.csv.")],
    dicom: Annotated[
        Path | None,
        typer.Option(help="Folder of DICOM files of other body parts and machines."),
    ] = None,
    adults: Annotated[
        Path | None, typer.Option(help="Folder of chest films of adults, reported apart.")
    ] = None,
    write_manifest: Annotated[
        bool, typer.Option(help="Record the figures in the manifest and the model card.")
    ] = False,
) -> None:
    """Print, for each kind of picture that is no film of a child's chest, how well it is told.

    Real films are the validation films of the bundle's split; turned, inverted, blank, noisy and
    drawn pictures are made; photographs, drawings and ultrasound come with scikit-image and
    pydicom. The test part is not touched: `evaluate` tells how many of its films are called out.
    """
    from ml.analyzer import Analyzer
    from ml.gate.report import judge_bundle, record, table

    analyzer = Analyzer.load(bundle)
    figures = judge_bundle(analyzer, data, dicom, adults, lambda line: typer.echo(line, err=True))
    typer.echo(table(figures))
    if write_manifest:
        typer.echo(f"checksum now {record(analyzer.bundle, figures).checksum}")
