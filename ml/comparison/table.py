"""A comparison as a table: Markdown for people, CSV for programs."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from ml.comparison.scoring import Score
from ml.comparison.seed_project import PUBLISHED_F1

Costs = Mapping[str, Mapping[str, float]]
HEADINGS = (
    *("backbone", "recipe", "seeds", "macro F1", "95 % over seeds", "AUC", "against the best"),
    *("p", "parameters", "MACs", "films/s", "seed project's F1"),
)
COLUMNS = (
    *("backbone", "recipe", "seeds", "macro_f1", "macro_f1_low", "macro_f1_high", "auc"),
    *("difference", "difference_low", "difference_high", "p"),
    *("parameters", "macs", "films_per_second", "seed_project_f1"),
)


def markdown(scores: Sequence[Score], costs: Costs) -> str:
    """Lay the scores out, the best cell in bold."""
    lines = [HEADINGS, ("---",) * 2 + ("--:",) * (len(HEADINGS) - 2)]
    lines += [_told(score, costs[score.cell.backbone]) for score in scores]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _told(score: Score, cost: Mapping[str, float]) -> tuple[str, ...]:
    published = PUBLISHED_F1.get(score.cell)
    best = score.against is None
    mark = "**" if best else ""
    against, p = (
        ("the best", "")
        if score.against is None
        else (
            f"{score.against.difference:+.3f} ({_ends(score.against.interval)})",
            f"{score.against.p:.3f}",
        )
    )
    return (
        f"{mark}{score.cell.backbone}{mark}",
        f"{mark}{score.cell.recipe}{mark}",
        str(score.seeds),
        f"{mark}{score.macro_f1:.3f}{mark}",
        _ends(score.interval) if score.interval else "",
        f"{score.auc:.3f}",
        against,
        p,
        f"{cost['parameters'] / 1e6:.2f} M",
        f"{cost['macs'] / 1e6:.0f} M",
        f"{cost['films_per_second']:.0f}",
        "" if published is None else f"{published:.3f}",
    )


def _ends(interval: tuple[float, float]) -> str:
    return f"{interval[0]:.3f} to {interval[1]:.3f}"


def write_csv(scores: Sequence[Score], costs: Costs, path: Path) -> None:
    """Write one row a cell; what is not known is empty."""
    with path.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines)
        writer.writerow(COLUMNS)
        writer.writerows(_row(score, costs[score.cell.backbone]) for score in scores)


def _row(score: Score, cost: Mapping[str, float]) -> list[object]:
    against = score.against
    figures = [
        score.macro_f1,
        *(score.interval or (None, None)),
        score.auc,
        *((against.difference, *against.interval, against.p) if against else (None,) * 4),
    ]
    return [
        score.cell.backbone,
        score.cell.recipe,
        score.seeds,
        *("" if figure is None else f"{figure:.4f}" for figure in figures),
        int(cost["parameters"]),
        int(cost["macs"]),
        f"{cost['films_per_second']:.1f}",
        PUBLISHED_F1.get(score.cell, ""),
    ]
