"""Division of films into training and validation, all films of a patient on one side."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import numpy as np


class Grouped(Protocol):
    """A film with its label, and whose it is."""

    @property
    def label(self) -> Any:
        """Index or name of the label; labels can be ordered."""
        ...

    @property
    def patient(self) -> str:
        """What must not be divided."""
        ...


AnyFilm = TypeVar("AnyFilm", bound=Grouped)


def split_by_patient(
    films: Sequence[AnyFilm], share: float, seed: int
) -> tuple[list[AnyFilm], list[AnyFilm]]:
    """Carve a validation part out of films, by patient and in proportion for each label.

    Args:
        films: Films of a train part.
        share: Share of each label's films to hold out, 0..1.
        seed: The same seed always gives the same division.

    Returns:
        Training films and validation films, each in the given order.
    """
    rng = np.random.default_rng(seed)
    held_out: set[str] = set()
    for label in sorted({film.label for film in films}):
        held_out |= _draw_patients([f for f in films if f.label == label], share, rng, held_out)
    train = [film for film in films if film.patient not in held_out]
    return train, [film for film in films if film.patient in held_out]


def _draw_patients(
    films: Sequence[Grouped], share: float, rng: np.random.Generator, already: set[str]
) -> set[str]:
    """Draw patients until they hold the wanted share of these films; earlier draws count."""
    sizes: dict[str, int] = defaultdict(int)
    for film in films:
        sizes[film.patient] += 1
    wanted = share * len(films) - sum(sizes[patient] for patient in sorted(already & set(sizes)))
    candidates = sorted(set(sizes) - already)
    drawn: set[str] = set()
    for index in rng.permutation(len(candidates)):
        if wanted <= 0:
            break
        drawn.add(candidates[index])
        wanted -= sizes[candidates[index]]
    return drawn
