import threading

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.lungs import (
    WHOLE_FILM,
    Region,
    clean_mask,
    count_lungs,
    lung_area_share,
    lung_box,
    mask_at,
)
from ml.preprocess import Preprocessing, classifier_input, lung_region, segmenter_input
from tests.factories.datasets import draw_film

P = Preprocessing(classifier_size=64, lung_margin=0.1)


def two_lungs() -> NDArray[np.uint8]:
    mask = np.zeros((256, 256), dtype=np.uint8)
    mask[50:200, 40:110] = 255
    mask[60:210, 140:220] = 255
    return mask


def test_inputs_are_square_one_channel_and_within_range() -> None:
    film = np.random.default_rng(0).integers(0, 256, (300, 411), dtype=np.uint8)
    for made, side in (
        (segmenter_input(film, P), 256),
        (classifier_input(film, Region(0.1, 0.2, 0.9, 0.8), P), 64),
    ):
        assert made.shape == (side, side, 1)
        assert made.dtype == np.float32
        assert made.min() >= 0.0
        assert made.max() <= 1.0


def test_region_is_the_box_of_both_lungs_with_its_margin() -> None:
    region = lung_region(two_lungs(), P)
    width, height = 180 / 256, 160 / 256
    expected = (40 / 256 - width * 0.1, 50 / 256 - height * 0.1)
    assert np.allclose((region.x0, region.y0), expected)
    assert np.allclose((region.x1, region.y1), (220 / 256 + width * 0.1, 210 / 256 + height * 0.1))


def test_region_stays_on_the_film() -> None:
    mask = np.zeros((256, 256), dtype=np.uint8)
    mask[0:250, 0:120] = mask[0:250, 130:256] = 255
    assert lung_region(mask, P).x0 == 0.0
    assert lung_region(mask, P).y1 == 1.0


def test_region_is_the_whole_film_where_lungs_are_missing_or_tiny() -> None:
    one = two_lungs()
    one[:, 130:] = 0
    tiny = np.zeros((256, 256), dtype=np.uint8)
    tiny[10:40, 10:20] = tiny[10:40, 30:40] = 255
    for mask in (one, tiny, np.zeros((256, 256), dtype=np.uint8)):
        assert lung_region(mask, P) == WHOLE_FILM


def test_crop_does_not_see_the_films_aspect_ratio() -> None:
    film, mask = draw_film(0, np.random.default_rng(2))
    stretched = cv2.resize(film, (2 * film.shape[1], film.shape[0]), interpolation=cv2.INTER_LINEAR)
    region = lung_region(mask, P)
    plain, wide = classifier_input(film, region, P), classifier_input(stretched, region, P)
    assert np.abs(plain - wide).mean() < 0.05


def test_crop_holds_what_lies_in_the_region() -> None:
    film = np.zeros((200, 100), dtype=np.uint8)
    film[:, 50:] = 200
    p = Preprocessing(classifier_size=64, stretch_percentile=0.0)
    assert np.ptp(classifier_input(film, Region(0.6, 0.1, 0.9, 0.9), p)) == 0.0
    assert classifier_input(film, Region(0.0, 0.0, 1.0, 1.0), p)[32, [10, 50], 0].std() > 0.1


def test_smallest_region_and_film_still_give_an_input() -> None:
    film = np.full((1, 1), 90, dtype=np.uint8)
    assert classifier_input(film, Region(0.99, 0.99, 1.0, 1.0), P).shape == (64, 64, 1)


def test_exposure_that_clips_nothing_changes_little() -> None:
    film, _ = draw_film(1, np.random.default_rng(3))
    dark = (film.astype(np.float32) * 0.5 + 10).astype(np.uint8)
    assert np.abs(segmenter_input(film, P) - segmenter_input(dark, P)).mean() < 0.05


def test_threads_do_not_disturb_each_other() -> None:
    rng = np.random.default_rng(5)
    films = [rng.integers(0, 256, (224, 224), dtype=np.uint8) for _ in range(8)]
    alone = [segmenter_input(film, P) for film in films]
    together: dict[int, list[NDArray[np.float32]]] = {}

    def read(thread: int) -> None:
        together[thread] = [segmenter_input(film, P) for film in films for _ in range(5)][::5]

    threads = [threading.Thread(target=read, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for answers in together.values():
        assert all(np.array_equal(a, b) for a, b in zip(alone, answers, strict=True))


def test_cleaning_keeps_two_lungs_and_fills_holes() -> None:
    probability = (two_lungs() / 255).astype(np.float32) * 0.9
    probability[100:110, 60:70] = 0.0
    probability[5:15, 5:15] = 0.8
    probability[230:250, 100:120] = 0.6
    mask, lungs = clean_mask(probability)
    assert lungs == count_lungs(mask) == 2
    assert np.array_equal(mask, two_lungs())
    assert lung_area_share(mask) == (150 * 70 + 150 * 80) / 256**2


def test_cleaning_drops_specks() -> None:
    probability = np.zeros((256, 256), dtype=np.float32)
    probability[0:20, 0:20] = 1.0
    mask, lungs = clean_mask(probability)
    assert lungs == 0
    assert not mask.any()
    assert lung_box(mask) is None


def test_mask_comes_back_in_the_films_geometry() -> None:
    mask = mask_at(two_lungs(), 512, 128)
    assert mask.shape == (128, 512)
    assert set(np.unique(mask)) == {0, 255}
    assert abs(lung_area_share(mask) - lung_area_share(two_lungs())) < 0.01
