"""Quality flags: what makes findings doubtful."""

from __future__ import annotations

import numpy as np
import pytest

from ml.quality import (
    FEWER_THAN_TWO_LUNGS,
    LOW_CONTRAST,
    LUNGS_CUT_OFF,
    border_share,
    contrast,
    quality_flags,
)

FILM = np.tile(np.linspace(20, 230, 128).astype(np.uint8), (96, 1))


def mask(top: int = 10) -> np.ndarray:
    made = np.zeros((64, 64), np.uint8)
    made[top:50, 8:24] = made[top:50, 40:56] = 255
    return made


def test_a_good_film_has_no_flag() -> None:
    assert quality_flags(FILM, mask(), 2) == ()


@pytest.mark.parametrize(
    ("film", "lungs", "count", "flag"),
    [
        (FILM, mask(), 1, FEWER_THAN_TWO_LUNGS),
        (FILM // 8 + 100, mask(), 2, LOW_CONTRAST),
        (FILM, mask(top=0), 2, LUNGS_CUT_OFF),
    ],
)
def test_each_doubt_has_its_flag(
    film: np.ndarray, lungs: np.ndarray, count: int, flag: str
) -> None:
    assert quality_flags(film, lungs, count) == (flag,)


def test_contrast_ignores_a_few_extreme_pixels() -> None:
    film = np.full((400, 400), 100, np.uint8)
    film[:2], film[-2:] = 0, 255

    assert contrast(film) == 0.0


def test_contrast_of_a_large_film_is_that_of_the_same_film_small() -> None:
    large = np.kron(FILM, np.ones((16, 16), np.uint8))

    assert contrast(large) == pytest.approx(contrast(FILM), abs=2)


def test_border_share_is_of_the_worst_side() -> None:
    assert border_share(mask(top=0)) == 0.5
    assert border_share(mask()) == 0.0
