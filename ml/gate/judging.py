"""How well a gate tells each kind of other picture from films."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ml.evaluation.metrics import auc
from ml.gate.fitting import Observe
from ml.gate.gate import Gate
from ml.gate.outliers import FROM_FILMS, MADE, Film, varied

VARIANTS = 120
"""Pictures of each kind; sources are taken in turn and changed each time anew."""
FROM_FILMS_JUDGED = ("turned_90", "turned_180", "turned_270", "inverted")
MADE_JUDGED = ("blank", "noise", "drawing")
MOST_PART = 0.25

Show = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class KindFigures:
    """How one kind of picture fares.

    Attributes:
        kind: Its name.
        pictures: How many were judged.
        auroc: Area under the curve of the gate's score against real films, 0..1.
        caught: Share called out of distribution.
    """

    kind: str
    pictures: int
    auroc: float
    caught: float


def judge_gate(
    gate: Gate,
    observe: Observe,
    films: Sequence[Film],
    pictures: Mapping[str, Sequence[Film]],
    seed: int = 5,
    show: Show = print,
) -> tuple[float, list[KindFigures]]:
    """Judge a gate.

    Args:
        gate: The gate.
        observe: Runs its networks.
        films: Real films that took no part in fitting.
        pictures: Sources by kind, beside those that are made here.
        seed: Of the changes.
        show: Takes lines of progress.

    Returns:
        The share of real films called out of distribution, and the figures of each kind.
    """
    inside = gate.scores(observe(films))
    figures = []
    for kind, group in _groups(films, pictures, np.random.default_rng(seed)).items():
        scores = gate.scores(observe(group))
        truth = np.concatenate([np.zeros(len(inside), bool), np.ones(len(scores), bool)])
        area = auc(truth, np.concatenate([inside, scores]))
        figures.append(KindFigures(kind, len(group), area, float(np.mean(scores > 1.0))))
        show(f"{kind}: {len(group)} pictures")
    return float(np.mean(inside > 1.0)), figures


def _groups(
    films: Sequence[Film], pictures: Mapping[str, Sequence[Film]], rng: np.random.Generator
) -> dict[str, list[Film]]:
    groups = {
        kind: [varied(FROM_FILMS[kind](films[i % len(films)], rng), rng) for i in range(VARIANTS)]
        for kind in FROM_FILMS_JUDGED
    }
    groups |= {f"made_{kind}": [MADE[kind](rng) for _ in range(VARIANTS)] for kind in MADE_JUDGED}
    groups |= {
        kind: [varied(_view(sources[i % len(sources)], rng), rng) for i in range(VARIANTS)]
        for kind, sources in pictures.items()
    }
    return groups


def _view(picture: Film, rng: np.random.Generator) -> Film:
    """Mirror now and then, and cut a part off each side."""
    height, width = picture.shape
    sides = (rng.uniform(0, MOST_PART, 4) * (height, height, width, width)).astype(int)
    top, bottom, left, right = (int(side) for side in sides)
    seen = picture[top : height - bottom, left : width - right]
    return np.ascontiguousarray(seen[:, ::-1] if rng.random() < 0.5 else seen)
