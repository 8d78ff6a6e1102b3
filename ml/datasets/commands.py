"""The commands that bring data sets into one form: `python -m ml manifest`."""

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[Path, typer.Argument(help="Folder of the data set.")]
Layout = Annotated[str, typer.Option(help="nia, rsna, nih, folders (one a class) or manifest.")]
Labels = Annotated[
    str, typer.Option(help="The label set, in order, by commas; usually that of the layout.")
]
Others = Annotated[bool, typer.Option(help="Leave out films of other labels, and list them.")]


def manifest(
    data: Data,
    layout: Layout,
    out: Annotated[Path, typer.Option(help="Folder for manifest.csv and its kin.")],
    labels: Labels = "",
    leave_out_others: Others = False,
) -> None:
    """Read a data set of any layout into one manifest; no film is opened.

    Writes manifest.csv, manifest.parquet, unusable.csv (every film that cannot be used, with the
    reason) and remarks.csv, and prints counts.
    """
    from ml.datasets.counting import overview
    from ml.datasets.layouts import read_source
    from ml.datasets.writing import row_of, write_manifest

    source = read_source(data, layout, names_of(labels), leave_out_others=leave_out_others)
    rows = [row_of(film, out) for film in source.films]
    write_manifest(out, rows, source.unusable, source.remarks)
    typer.echo(overview(source))
    typer.echo(f"\nmanifest written to {out}")


def names_of(listed: str) -> list[str]:
    """Take names apart that are listed by commas."""
    return [name.strip() for name in listed.split(",") if name.strip()]
