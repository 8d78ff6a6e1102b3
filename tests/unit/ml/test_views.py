"""What of a film a classifier is shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ml.publish import publish
from ml.training.comparison import compare_views, view_table
from ml.training.prepare import PreparedFilms
from ml.training.runs import RunFolder
from ml.training.segmenter import train_segmenter
from ml.training.settings import ClassifierSettings, SegmenterSettings
from ml.training.views import VIEWS, hide, seen_through
from tests.factories.datasets import write_dataset

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


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


@pytest.mark.slow
def test_views_are_compared_and_only_the_served_one_is_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_dataset(tmp_path / "data", patients=4, films_each=2, test=1)
    masks = RunFolder(tmp_path / "segmenter")
    quick = SegmenterSettings(epochs=1, batch=4, base=2, validation=0.25, precision="float32")
    train_segmenter(data, masks, quick, lambda _: None)
    settings = ClassifierSettings(
        epochs=1, sizes=(32,), shares=(1.0,), batch=4, validation=0.25, precision="float32"
    )
    shown = {"lungs_only": VIEWS["lungs_only"]}
    monkeypatch.setattr("ml.training.comparison.VIEWS", shown)

    ended = compare_views(data, masks.model_path, tmp_path / "views", settings, lambda _: None)

    assert list(ended) == ["lungs_only"]
    assert view_table(ended).count("\n") == 2
    run = RunFolder(tmp_path / "views" / "lungs_only")
    for folder in (run, masks):
        (folder.path / "export").mkdir()
        (folder.path / "export" / "model.xml").touch()
    with pytest.raises(ValueError, match="'lungs_only', which is not served"):
        publish(run, masks, tmp_path / "bundle", "tiny", "1")
