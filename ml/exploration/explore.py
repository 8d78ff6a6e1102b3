"""A look at a data set from start to end: counts, plots, sample sheets, one page."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ml.datasets.counting import NOT_TOLD, in_order, overview
from ml.datasets.layouts import read_source
from ml.datasets.records import Note, Record, Source
from ml.evaluation.pages import inline, render
from ml.exploration.measuring import Measured, measure, sample
from ml.exploration.plots import Look, write_plots
from ml.exploration.sheets import write_sheets
from ml.preparation.recipes import EQUALISATION
from ml.preprocess import Preprocessing

_TEMPLATE = Path(__file__).parent / "explore.html.j2"
_TABLES: dict[str, Callable[[Record], str | None]] = {
    "age group": lambda film: film.age_group,
    "sex": lambda film: film.sex,
    "split": lambda film: film.split,
}
Watch = Callable[[Iterable[Measured], int], Iterable[Measured]]


@dataclass(frozen=True, slots=True)
class Request:
    """What to look at.

    Attributes:
        data: The data set's folder.
        layout: Of that folder.
        out: Where page, figures and pictures go.
        labels: The label set; none for that of the layout.
        leave_out_others: List films of other labels instead of failing.
        most: Films of each class to open for grey values, sizes and lungs.
        samples: Films of each class on its sample sheet.
        seed: Of the draw of these.
        p: Equalisation and margin of the recipes.
    """

    data: Path
    layout: str
    out: Path
    labels: tuple[str, ...] = ()
    leave_out_others: bool = False
    most: int = 300
    samples: int = 4
    seed: int = 1
    p: Preprocessing = EQUALISATION


def explore(
    request: Request, show: Callable[[str], None], watch: Watch = lambda films, _: films
) -> Path:
    """Look at a data set, print counts, write `explore.html`, `explore.json` and the pictures.

    Returns:
        The page.

    Raises:
        ValueError: The data set cannot be used, or no film of it can be read.
    """
    source = read_source(
        request.data,
        request.layout,
        request.labels,
        leave_out_others=request.leave_out_others,
    )
    chosen = sample(source.films, source.labels, request.most, request.seed)
    unread: list[Note] = []
    measured = list(watch(measure(chosen, unread), len(chosen)))
    if not measured:
        raise ValueError(
            f"{request.data} has no film to look at: the first of {len(chosen)} {unread[0].reason}"
        )
    source.remarks.extend(unread)
    show(overview(source))
    look = Look(source.labels, source.films, measured)
    pictures = request.out / "pictures"
    plots = write_plots(look, pictures)
    drawn = sample([one.film for one in measured], source.labels, request.samples, request.seed)
    sheets = write_sheets(drawn, source.labels, request.samples, request.p, pictures)
    figures = figures_of(look, source)
    text = json.dumps(figures, indent=2, ensure_ascii=False)
    (request.out / "explore.json").write_text(text + "\n", encoding="utf-8")
    page = request.out / "explore.html"
    values = {
        "name": request.data.resolve().name,
        "layout": source.layout,
        "figures": figures,
        "plots": [
            (title, {theme: inline(file) for theme, file in files.items()})
            for title, files in plots.items()
        ],
        "sheets": {label: inline(file) for label, file in sheets.items()},
    }
    page.write_text(render(_TEMPLATE, **values), encoding="utf-8")
    show(f"\nreport written to {page}")
    return page


def figures_of(look: Look, source: Source) -> dict[str, Any]:
    """Give the figures behind the plots, for programs and for the page's tables."""
    return {
        "films": len(look.films),
        "patients": len({film.patient for film in look.films}),
        "opened": len(look.measured),
        "labels": list(look.labels),
        "counts": {title: _counts(look, told) for title, told in _TABLES.items()},
        "measured": {label: _measures(look.of(label)) for label in look.labels},
        "unusable": _by_reason(source.unusable),
        "remarks": _by_reason(source.remarks),
    }


def _counts(look: Look, told: Callable[[Record], str | None]) -> dict[str, dict[str, int]]:
    counts = Counter((film.label, told(film) or NOT_TOLD) for film in look.films)
    names = in_order({name for _, name in counts})
    return {label: {name: counts[label, name] for name in names} for label in look.labels}


def _measures(films: Sequence[Measured]) -> dict[str, Any]:
    shares = [one.lung_share for one in films if one.lung_share is not None]
    return {
        "films": len(films),
        "width": _middle([one.size[0] for one in films]),
        "height": _middle([one.size[1] for one in films]),
        "aspect ratio": _middle([one.size[0] / one.size[1] for one in films]),
        "mean grey": _middle([one.mean for one in films]),
        "lung share": _middle(shares),
        "two lungs": sum(one.lungs == 2 for one in films),
        "no mask": sum(one.lungs is None for one in films),
    }


def _middle(values: Sequence[float]) -> list[float] | None:
    """Give 5th percentile, median and 95th percentile; None of nothing."""
    if not values:
        return None
    return [round(float(value), 3) for value in np.percentile(values, (5, 50, 95))]


def _by_reason(notes: Sequence[Note]) -> dict[str, int]:
    return dict(Counter(note.reason for note in notes).most_common(20))
