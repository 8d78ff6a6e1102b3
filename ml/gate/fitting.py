"""Fits a gate: subspaces on training films, thresholds on validation films."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.gate.gate import Floats, Gate, Head, coordinates, raw_distances
from ml.gate.head import train_head
from ml.gate.observation import Observation
from ml.gate.outliers import FROM_FILMS, MADE, Film, varied
from ml.gate.subspace import Subspace

Observe = Callable[[Sequence[Film]], list[Observation]]
Show = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class GateSettings:
    """How a gate is fitted.

    Attributes:
        films: Most training films it is fitted on; each is seen plain and changed.
        made: Pictures of each kind that is made from nothing.
        variants: Changed copies of each validation film, beside the plain one.
        feature_components: Principal components of the features.
        lung_components: Principal components of the lung numbers.
        false_alarms: Share of validation films that the thresholds let be called out.
        unusual: Share of validation films whose score is flagged as unusual.
        seed: The same seed gives the same gate.
    """

    films: int = 2400
    made: int = 150
    variants: int = 3
    feature_components: int = 96
    lung_components: int = 32
    false_alarms: float = 0.01
    unusual: float = 0.05
    seed: int = 1


def fit_gate(
    train: Sequence[Film],
    validation: Sequence[Film],
    observe: Observe,
    s: GateSettings,
    show: Show = print,
) -> Gate:
    """Fit a gate for the networks behind `observe`.

    Args:
        train: Training films, grey.
        validation: Validation films of other patients; they alone set the thresholds.
        observe: Runs the networks on pictures of any size.
        s: How.
        show: Takes lines of progress.
    """
    rng = np.random.default_rng(s.seed)
    chosen = [train[i] for i in rng.permutation(len(train))[: s.films]]
    show(f"gate: {len(chosen)} training films, plain and changed, and made pictures")
    inside = observe(chosen) + observe([varied(film, rng) for film in chosen])
    outside = observe(list(_outliers(chosen, s, rng)))
    features = Subspace.fit(_rows(inside, "features"), min(s.feature_components, len(inside) - 1))
    lungs = Subspace.fit(_rows(inside, "lungs"), min(s.lung_components, len(inside) - 1))
    head = train_head(
        coordinates(features, lungs, inside), coordinates(features, lungs, outside), s.seed
    )
    show(f"gate: {len(validation)} validation films, plain and {s.variants} times changed")
    held_out = observe(
        [*validation, *(varied(film, rng) for film in validation for _ in range(s.variants))]
    )
    return _with_thresholds(features, lungs, head, held_out, s)


def _with_thresholds(
    features: Subspace, lungs: Subspace, head: Head, films: list[Observation], s: GateSettings
) -> Gate:
    distances = raw_distances(features, lungs, head, films)
    thresholds = joint_thresholds(distances, s.false_alarms)
    scores = (distances / thresholds).max(axis=1)
    unusual = float(min(1.0, np.quantile(scores, 1.0 - s.unusual)))
    return Gate(features, lungs, head, thresholds, round(unusual, 4))


LEAST_ODDS = float(np.logaddexp(0.0, -2.0))
"""The head's threshold is never below one chance in eight, however sure it is of all films."""


def joint_thresholds(distances: Floats, false_alarms: float) -> Floats:
    """Give thresholds that together call no more than a share of these films out.

    Each distance gets the same share of its own, as large as the total allows.

    Args:
        distances: (n, 3).
        false_alarms: The share, 0..1.
    """
    floor = np.array([0.0, 0.0, LEAST_ODDS])

    def at(share: float) -> NDArray[np.float64]:
        return np.asarray(np.maximum(np.quantile(distances, 1.0 - share, axis=0), floor))

    low, high = 0.0, false_alarms
    for _ in range(30):
        middle = (low + high) / 2
        alarms = np.mean((distances > at(middle)).any(axis=1))
        low, high = (middle, high) if alarms <= false_alarms else (low, middle)
    # From the thresholds allowed a little upwards: float32 rounds.
    return np.asarray(at(low) * (1 + 1e-6), np.float32)


def _outliers(films: Sequence[Film], s: GateSettings, rng: np.random.Generator) -> Iterator[Film]:
    """Yield as many pictures of each kind as there are, taking films in turn."""
    for index, film in enumerate(films):
        kinds = list(FROM_FILMS.values())
        yield varied(kinds[index % len(kinds)](film, rng), rng)
    for make in MADE.values():
        for _ in range(s.made):
            yield make(rng)


def _rows(films: Sequence[Observation], name: str) -> Floats:
    return np.stack([getattr(film, name) for film in films])
