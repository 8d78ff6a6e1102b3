"""The commands that bring data sets into one form: `manifest` and `prepare`."""

import os
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


def prepare(
    data: Data,
    layout: Layout,
    out: Annotated[Path, typer.Option(help="Folder for pictures and manifests.")],
    recipe: Annotated[
        list[str] | None,
        typer.Option(
            help="whole_clahe, background_removed, lung_crop or segmented_crop; repeat for more."
        ),
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option(help="Bundle that finds lungs where the data set has no mask.")
    ] = None,
    predict_all: Annotated[
        bool, typer.Option(help="Let the bundle find all lungs, whatever masks there are.")
    ] = False,
    labels: Labels = "",
    leave_out_others: Others = False,
    two_lungs_only: Annotated[
        bool, typer.Option(help="Leave out films on which fewer than two lungs are found.")
    ] = False,
    side: Annotated[int, typer.Option(min=32, help="Longest side of the films, pixels.")] = 1024,
    size: Annotated[int, typer.Option(min=16, help="Side of recipes' pictures, pixels.")] = 224,
    clahe_clip: Annotated[float, typer.Option(min=0.0, help="Clip limit; 0: no CLAHE.")] = 3.0,
    clahe_tiles: Annotated[int, typer.Option(min=1, help="Tiles each way.")] = 20,
    validation: Annotated[float, typer.Option(help="Share of the films for validation.")] = 0.1,
    test: Annotated[float, typer.Option(help="Share of the films for the test.")] = 0.1,
    seed: Annotated[int, typer.Option(help="Seed of the division.")] = 1,
    redraw: Annotated[
        bool, typer.Option(help="Divide anew, whatever splits the data set has.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = os.cpu_count() or 1,
) -> None:
    """Make 8-bit pictures, lung masks and splits of a data set; the same command continues.

    Films of one patient, and films that look the same, stay in one split. OUT holds films and
    masks with their manifest; OUT/RECIPE the pictures of a recipe with theirs.
    """
    from ml.bundle import Bundle
    from ml.preparation.prepare import Request
    from ml.preparation.prepare import prepare as make
    from ml.preparation.progress import progress_bar
    from ml.preparation.settings import DivisionSettings, PictureSettings, known_recipes

    if predict_all and bundle is None:
        raise ValueError("--predict-all needs --bundle, which finds the lungs")
    pictures = PictureSettings(
        layout=layout,
        side=side,
        size=size,
        clahe_clip=clahe_clip,
        clahe_tiles=clahe_tiles,
        bundle=Bundle.load(bundle).checksum if bundle else "",
        predict_all=predict_all,
    )
    division = DivisionSettings(
        labels=tuple(names_of(labels)),
        leave_out_others=leave_out_others,
        two_lungs_only=two_lungs_only,
        validation=validation,
        test=test,
        seed=seed,
        redraw=redraw,
    )
    recipes = known_recipes(recipe or ["whole_clahe"])
    make(Request(data, out, recipes, pictures, division, bundle, workers), typer.echo, progress_bar)


def names_of(listed: str) -> list[str]:
    """Take names apart that are listed by commas."""
    return [name.strip() for name in listed.split(",") if name.strip()]
