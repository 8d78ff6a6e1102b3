from pathlib import Path

import cv2
import numpy as np
import pytest

from ml.demofilms.alignment import FRAME, frame_outline, outline, to_frame
from ml.demofilms.appearance import fit_appearance
from ml.demofilms.nearness import distances, least_allowed, signature
from ml.demofilms.rendering import encode, render
from ml.demofilms.sampler import Sampling, draw_apart, make_demo_films
from tests.factories.datasets import draw_film, write_dataset
from tests.fixtures.parts import REPOSITORY

COMMITTED = sorted((REPOSITORY / "ml" / "demofilms" / "films").glob("*.png"))
SMALL = Sampling(each=2, components=4, seed=1)


def test_same_seed_draws_the_same_films(tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "data")
    lines: list[str] = []
    films = make_demo_films(data, tmp_path / "a", SMALL, lines.append)
    again = make_demo_films(data, tmp_path / "b", SMALL, lines.append)
    assert [film.name for film in films] == [
        f"synthetic-{label}-0{number}.png"
        for label in ("normal", "bacterial-pneumonia", "viral-pneumonia")
        for number in (1, 2)
    ]
    assert [a.read_bytes() for a in films] == [b.read_bytes() for b in again]


def test_outlines_coincide_in_the_frame() -> None:
    rng = np.random.default_rng(3)
    drawn = [draw_film(0, rng) for _ in range(6)]
    traced = [(film, mask, outline(mask)) for film, mask in drawn]
    target = frame_outline(np.stack([found[1] for _, _, found in traced if found]))
    masks = [to_frame(mask, *found, target) > 127 for _, mask, found in traced if found]
    rows = slice(FRAME // 3, 2 * FRAME // 3)
    lefts = [mask[rows].argmax(axis=1) for mask in masks]
    assert np.ptp(np.stack(lefts), axis=0).max() <= 6
    assert outline(np.zeros((96, 96), dtype=np.uint8)) is None


def test_draws_have_the_spread_of_the_films_they_are_modelled_on() -> None:
    rng = np.random.default_rng(0)
    films = (100 + rng.normal(size=(200, 3)) * (9, 4, 1) @ rng.normal(size=(3, 50))).astype("f4")
    model = fit_appearance(films, 3)
    draws = np.stack([model.sample(rng, 1.0) for _ in range(2000)])
    assert np.allclose(draws.mean(axis=0), films.mean(axis=0), atol=1.5)
    assert np.allclose(draws.std(axis=0), films.std(axis=0), rtol=0.1)
    with pytest.raises(ValueError, match="need more than 200 films"):
        fit_appearance(films, 200)


def test_distance_sees_neither_exposure_nor_geometry() -> None:
    film, _ = draw_film(0, np.random.default_rng(1))
    other, _ = draw_film(2, np.random.default_rng(2))
    changed = cv2.resize((film * 0.5 + 20).astype(np.uint8), (180, 120))
    a, b, c = (signature(f)[np.newaxis] for f in (film, changed, other))
    assert distances(a, a)[0, 0] < 1e-3
    assert distances(a, b)[0, 0] < 0.3 < distances(a, c)[0, 0]


def test_distances_within_a_patient_do_not_lower_the_limit() -> None:
    rng = np.random.default_rng(1)
    apart = rng.normal(size=(4, 100)).astype(np.float32)
    twins = np.concatenate([apart, apart + 1e-4])
    assert least_allowed(twins, ["a", "b", "c", "d"] * 2) > 1.0


def test_draws_that_come_too_near_are_thrown_away() -> None:
    rng = np.random.default_rng(1)
    films = rng.normal(120, 20, size=(20, FRAME * FRAME)).astype(np.float32)
    known = np.zeros((1, 64 * 64), dtype=np.float32)
    with pytest.raises(ValueError, match="none of 500 draws"):
        draw_apart(fit_appearance(films, 2), known, 99.0, 1.0, rng)


def test_film_says_in_its_file_that_it_is_synthetic() -> None:
    film = render(np.full(FRAME * FRAME, 120, dtype=np.float32), np.random.default_rng(0))
    png = encode(film)
    assert b"tEXtDescription\0SYNTHETIC" in png
    decoded = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert np.array_equal(decoded, film)
    assert film[-20:, :90].max() > 200


def test_committed_films() -> None:
    assert len(COMMITTED) == 24
    for film in COMMITTED:
        assert film.name.startswith("synthetic-")
        assert film.stat().st_size < 60_000
        assert b"tEXtDescription\0SYNTHETIC" in film.read_bytes()
