"""`python -m ml explore`: a look at a data set."""

from pathlib import Path
from typing import Annotated

import typer

from ml.datasets.commands import Data, Labels, Others, names_of


def explore(
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder for page, figures and pictures.")],
    layout: Annotated[
        str, typer.Option(help="manifest (as `prepare` leaves it), nia, rsna, nih or folders.")
    ] = "manifest",
    labels: Labels = "",
    leave_out_others: Others = False,
    most: Annotated[int, typer.Option(min=1, help="Films of each class to open.")] = 300,
    samples: Annotated[int, typer.Option(min=1, help="Films of each class to show.")] = 4,
    seed: Annotated[int, typer.Option(help="Seed of the draw of both.")] = 1,
    clahe_clip: Annotated[float, typer.Option(min=0.0, help="Clip limit of the recipes.")] = 3.0,
    clahe_tiles: Annotated[int, typer.Option(min=1, help="Tiles each way of the recipes.")] = 20,
) -> None:
    """Look at a data set: counts, sizes, grey values, lungs, and films before and after recipes.

    Writes explore.html (one file, all pictures in it), explore.json and pictures/*.png.
    """
    from dataclasses import replace

    from ml.exploration.explore import Request
    from ml.exploration.explore import explore as look
    from ml.preparation.progress import progress_bar
    from ml.preparation.recipes import EQUALISATION

    p = replace(EQUALISATION, clahe_clip=clahe_clip, clahe_tiles=clahe_tiles)
    chosen = tuple(names_of(labels))
    request = Request(data, layout, out, chosen, leave_out_others, most, samples, seed, p)
    look(request, typer.echo, progress_bar)
