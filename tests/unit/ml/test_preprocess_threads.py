"""A CLAHE object shared between threads gives wrong pictures: each thread has its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np

from ml.preprocess import Preprocessing, _clahe, segmenter_input
from tests.factories import films

P = Preprocessing()


def test_each_thread_has_its_own_equaliser() -> None:
    together = Barrier(4)

    def own(_: int) -> int:
        first = _clahe(2.0, 4)
        together.wait()
        assert _clahe(2.0, 4) is first
        assert _clahe(3.0, 4) is not first
        together.wait()
        return id(first)

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(own, range(4)))) == 4


def test_films_prepared_in_threads_are_those_prepared_alone() -> None:
    pictures = [films.pixels(seed, 300 + seed, 280) for seed in range(60)]
    alone = [segmenter_input(picture, P) for picture in pictures]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda picture: segmenter_input(picture, P), pictures))
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_array_equal(one, other)
