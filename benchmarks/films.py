"""Films for benchmarks: the synthetic demo films, perturbed until each has bytes of its own."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

DEMO_FILMS = Path(__file__).resolve().parent.parent / "ml" / "demofilms" / "films"


def write_films(folder: Path, count: int, seed: int) -> list[Path]:
    """Write `count` JPEG films with distinct bytes and return their paths.

    Args:
        folder: Made when missing.
        count: Number of films.
        seed: Another seed gives other bytes for every film.

    Raises:
        FileNotFoundError: The demo films are not there.
    """
    sources = sorted(DEMO_FILMS.glob("*.png"))
    if not sources:
        raise FileNotFoundError(f"no demo films in {DEMO_FILMS}")
    folder.mkdir(parents=True, exist_ok=True)
    films = [np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)) for path in sources]
    random = np.random.default_rng(seed)
    paths = []
    for index in range(count):
        film = films[index % len(films)].astype(np.float32)
        noisy = film * random.uniform(0.9, 1.1) + random.normal(0, 3, film.shape)
        path = folder / f"film-{index:05d}.jpg"
        cv2.imwrite(str(path), np.clip(noisy, 0, 255).astype(np.uint8))
        paths.append(path)
    return paths
