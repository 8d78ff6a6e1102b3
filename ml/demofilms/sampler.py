"""The demo films: so many of each label, none near to a training film."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.datasets import LABELS, LabelledFilm, read_manifest
from ml.demofilms.alignment import frame_outline, outline, to_frame
from ml.demofilms.appearance import AppearanceModel, fit_appearance
from ml.demofilms.nearness import distances, least_allowed, signature
from ml.demofilms.rendering import encode, render
from ml.images import read_grey

MAX_DRAWS = 500
Show = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the demo films are drawn.

    Attributes:
        each: Films of each label.
        components: Principal components of each label's model.
        spread: Factor on the standard deviations along them.
        fitted: Most films a label's model is fitted on (memory: 0.26 MB each).
        seed: The same seed gives the same films.
    """

    each: int = 8
    components: int = 200
    spread: float = 1.0
    fitted: int = 1200
    seed: int = 7


def make_demo_films(data: Path, out: Path, s: Sampling, show: Show = print) -> list[Path]:
    """Draw the demo films and write them as `synthetic-<label>-NN.png`.

    A draw that comes nearer to any training film than the 1st percentile of the distances
    between training films of different patients is thrown away.

    Args:
        data: Folder of the data set whose train part the models are fitted on.
        out: Folder for the films.
        s: How to draw.
        show: Takes lines of progress.
    """
    films = read_manifest(data, "train")
    known = np.stack([signature(read_grey(film.image)) for film in films])
    least = least_allowed(known, [film.patient for film in films])
    show(f"1st percentile of distances between training films of different patients: {least:.3f}")
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for label, name in enumerate(LABELS):
        model = label_model([film for film in films if film.label == label], s)
        rng = np.random.default_rng((s.seed, label))
        for number in range(1, s.each + 1):
            film, nearest = draw_apart(model, known, least, s.spread, rng)
            path = out / f"synthetic-{name.replace('_', '-')}-{number:02}.png"
            path.write_bytes(encode(film))
            show(f"{path.name}: nearest training film at {nearest:.3f}")
            written.append(path)
    return written


def label_model(films: Sequence[LabelledFilm], s: Sampling) -> AppearanceModel:
    """Fit the appearance of one label's films, aligned by their surest masks."""
    traced = [
        (film, found)
        for film in [f for f in films if f.mask and f.sure_mask][: s.fitted]
        if film.mask and (found := outline(read_grey(film.mask)))
    ]
    target = frame_outline(np.stack([borders for _, (_, borders) in traced]))
    aligned = [to_frame(read_grey(film.image), *found, target) for film, found in traced]
    return fit_appearance(np.stack([film.ravel() for film in aligned]), s.components)


def draw_apart(
    model: AppearanceModel,
    known: NDArray[np.float32],
    least: float,
    spread: float,
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint8], float]:
    """Draw until a film keeps its distance from all known ones; give it and that distance.

    Raises:
        ValueError: No draw was far enough away.
    """
    for _ in range(MAX_DRAWS):
        film = render(model.sample(rng, spread), rng)
        nearest = float(distances(signature(film)[np.newaxis], known).min())
        if nearest >= least:
            return film, nearest
    raise ValueError(f"none of {MAX_DRAWS} draws kept a distance of {least:.3f}")
