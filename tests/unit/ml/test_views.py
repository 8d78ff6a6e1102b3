"""What of a film a classifier is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.publish import publish
from ml.training.prepare import PreparedFilms
from ml.training.runs import RunFolder
from ml.training.settings import ClassifierSettings
from ml.training.view_comparison import COLUMNS, compare_views, view_table
from ml.training.views import VIEWS, hide, seen_through


def film_and_mask() -> tuple[np.ndarray, np.ndarray]:
    film = np.random.default_rng(1).integers(0, 256, (100, 120), dtype=np.uint8)
    mask = np.zeros((50, 50), np.uint8)
    mask[10:40, 10:20] = mask[10:40, 30:40] = 255
    return film, mask


def test_hiding_the_lungs_leaves_nothing_of_them_and_their_rim() -> None:
    film, mask = film_and_mask()

    hidden = hide(film, mask, lungs=True)

    assert len(np.unique(hidden[20:80, 24:48])) == 1
    np.testing.assert_array_equal(hidden[:14], film[:14])


def test_hiding_the_surroundings_leaves_the_lungs_alone() -> None:
    film, mask = film_and_mask()

    hidden = hide(film, mask, lungs=False)

    np.testing.assert_array_equal(hidden[24:76, 26:46], film[24:76, 26:46])
    assert len(np.unique(hidden[:16])) == 1
    assert len(np.unique(hidden[30:70, 54:66])) == 1


def test_the_whole_film_is_seen_without_a_box(tmp_path: Path) -> None:
    film, _ = film_and_mask()
    prepared = PreparedFilms(film[None], np.array([[0.2, 0.2, 0.8, 0.8]]), np.array([0]))

    whole = seen_through(prepared, "whole", tmp_path / "no", tmp_path / "no", print)

    assert prepared.box(0) is not None
    assert whole.box(0) is None


def test_an_unknown_view_is_refused(tmp_path: Path) -> None:
    film, _ = film_and_mask()
    prepared = PreparedFilms(film[None], np.zeros((1, 4)), np.array([0]))

    with pytest.raises(ValueError, match="no view 'ribs'; there are lungs, whole"):
        seen_through(prepared, "ribs", tmp_path / "no", tmp_path / "no", print)


def test_each_view_is_trained_alike_on_the_same_films(tmp_path: Path) -> None:
    given: list[tuple[str, str, Path]] = []

    def train(
        data: Path,
        segmenter: Path,
        run: RunFolder,
        s: ClassifierSettings,
        show: Any,
        prepared: Path,
    ) -> None:
        run.fix_settings(s)
        run.append_history({"epoch": 1} | {name: 0.5 + len(given) / 100 for name in COLUMNS})
        given.append((run.path.name, s.view, prepared))

    ended = compare_views(
        *(tmp_path / "data", tmp_path / "segmenter", tmp_path / "views"),
        ClassifierSettings(epochs=1),
        lambda _: None,
        train,
    )

    assert given == [(view, view, tmp_path / "views" / "prepared") for view in VIEWS]
    lines = view_table(ended).splitlines()
    assert lines[2] == "| lungs | 0.500 | 0.500 | 0.500 | 0.500 |"
    assert len(lines) == 2 + len(VIEWS)


def test_only_the_served_view_is_published(tmp_path: Path) -> None:
    runs = RunFolder(tmp_path / "classifier"), RunFolder(tmp_path / "segmenter")
    runs[0].fix_settings(ClassifierSettings(view="lungs_only"))
    for run in runs:
        (run.path / "export").mkdir()
        (run.path / "export" / "model.xml").touch()

    with pytest.raises(ValueError, match="'lungs_only', which is not served"):
        publish(*runs, tmp_path / "bundle", "tiny", "1")
