"""The Analyzer: films in, findings out, bad films in their place."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from ml import analyzer as analyzer_module
from ml.analyzer import VIEW_SIDE, Analyzer, Reading, softmax
from ml.bundle import Bundle
from ml.decode import DecodeLimits, decode
from ml.errors import BundleError, FilmError
from tests.factories import films


@pytest.fixture(scope="module")
def analyzer(tiny: Path) -> Analyzer:
    return Analyzer.load(tiny)


def read_one(analyzer: Analyzer, data: bytes) -> Reading:
    (reading,) = analyzer.read([data])
    assert isinstance(reading, Reading)
    return reading


def test_a_reading_holds_what_it_promises(analyzer: Analyzer) -> None:
    reading = read_one(analyzer, films.jpeg(1, 200, 150))
    names = [label.name for label in analyzer.bundle.labels]
    assert [finding.label for finding in reading.findings] == names
    assert sum(finding.probability for finding in reading.findings) == pytest.approx(1)
    best = max(reading.findings, key=lambda finding: finding.probability)
    assert reading.top_label == best.label
    assert [f.positive for f in reading.findings] == [
        f.probability >= f.threshold for f in reading.findings
    ]
    assert (reading.width, reading.height) == (200, 150)
    assert reading.lung_mask.shape == (256, 256)
    assert set(np.unique(reading.lung_mask)) == {0, 255}
    assert reading.lung_count == 2
    assert reading.lung_area_share == pytest.approx((reading.lung_mask > 0).mean())
    assert reading.activation.shape[0] == len(names)
    assert (reading.in_distribution, reading.flags, reading.view) == (None, (), None)


def test_the_probability_is_calibrated_and_the_score_is_not(analyzer: Analyzer) -> None:
    reading = read_one(analyzer, films.jpeg(2))
    scores = np.array([finding.score for finding in reading.findings])
    expected = softmax(scores / analyzer.bundle.temperature)
    np.testing.assert_allclose([f.probability for f in reading.findings], expected, rtol=1e-6)


def test_the_activation_map_explains_the_score(analyzer: Analyzer) -> None:
    reading = read_one(analyzer, films.jpeg(3))
    for finding, activation in zip(reading.findings, reading.activation, strict=True):
        assert activation.mean() == pytest.approx(finding.score, abs=1e-4)


def test_the_mask_comes_in_any_geometry(analyzer: Analyzer) -> None:
    reading = read_one(analyzer, films.jpeg(1, 200, 150))
    mask = reading.mask_at(200, 150)
    dark = films.pixels(1, 200, 150) < 110
    assert mask.shape == (150, 200)
    assert ((mask > 0) == cv2.medianBlur(dark.astype(np.uint8), 9).astype(bool)).mean() > 0.95


def test_bad_films_stand_in_their_place(analyzer: Analyzer) -> None:
    # Given good films with bad ones between them
    batch = [b"", films.jpeg(0), films.truncated_png(), films.dicom(1), films.huge_png()]
    # If I read them together
    results = analyzer.read(batch)
    # I expect the errors in place and the good ones read as if alone
    codes = [result.code if isinstance(result, FilmError) else None for result in results]
    assert codes == ["empty_file", None, "truncated", None, "too_many_pixels"]
    for index in (1, 3):
        together, alone = results[index], read_one(analyzer, batch[index])
        assert isinstance(together, Reading)
        assert together.findings == alone.findings
        np.testing.assert_array_equal(together.activation, alone.activation)


@pytest.mark.parametrize("batch", [[], [b"x"], [b"x", b""]])
def test_batches_without_a_good_film(analyzer: Analyzer, batch: list[bytes]) -> None:
    assert [type(result) for result in analyzer.read(batch)] == [FilmError] * len(batch)


def test_few_films_are_held_at_once(analyzer: Analyzer, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given room for two decoded films
    monkeypatch.setattr(analyzer_module, "HELD_PIXELS", 2 * 96 * 80)
    batch = [films.jpeg(seed) for seed in range(5)] + [b"", films.jpeg(5)]
    # I expect waves of two good films, and the same readings
    waves = [len(wave) for wave in analyzer._waves(batch)]
    assert waves == [2, 2, 3]
    readings = analyzer.read(batch)
    monkeypatch.undo()
    for one, other in zip(readings, analyzer.read(batch), strict=True):
        assert isinstance(one, FilmError) or one.findings == other.findings


@pytest.mark.parametrize("data", [films.dicom(4), films.png16(4)])
def test_a_view_is_made_of_what_browsers_cannot_show(analyzer: Analyzer, data: bytes) -> None:
    view = read_one(analyzer, data).view
    assert view is not None
    np.testing.assert_array_equal(decode(view).pixels, decode(data).pixels)


@pytest.mark.parametrize("data", [films.jpeg(4), films.png8(4)])
def test_no_view_is_made_of_what_browsers_show(analyzer: Analyzer, data: bytes) -> None:
    assert read_one(analyzer, data).view is None


def test_a_view_is_no_larger_than_a_screen(analyzer: Analyzer) -> None:
    view = read_one(analyzer, films.png16(0, 3000, 1000)).view
    assert view is not None
    assert decode(view).pixels.shape == (round(1000 * VIEW_SIDE / 3000), VIEW_SIDE)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 300), (3, 2), (2000, 3)])
def test_films_of_odd_shapes_are_read(analyzer: Analyzer, width: int, height: int) -> None:
    reading = read_one(analyzer, films.png8(0, width, height))
    assert (reading.width, reading.height) == (width, height)


def test_without_two_lungs_the_whole_film_is_classified(analyzer: Analyzer) -> None:
    blank = cv2.imencode(".png", np.full((64, 64), 250, np.uint8))[1].tobytes()
    reading = read_one(analyzer, blank)
    region = reading.region
    assert reading.lung_count < 2
    assert (region.x0, region.y0, region.x1, region.y1) == (0, 0, 1, 1)


def test_the_limits_are_the_caller_s(tiny: Path) -> None:
    strict = Analyzer.load(tiny, limits=DecodeLimits(max_side=90))
    (error,) = strict.read([films.jpeg()])
    assert isinstance(error, FilmError)
    assert error.code == "too_many_pixels"


def test_an_unknown_runtime_is_named(tiny: Path) -> None:
    with pytest.raises(BundleError, match="there are openvino, tensorflow"):
        Analyzer.load(tiny, "onnx")


def test_an_altered_bundle_is_not_loaded(tiny: Path, tmp_path: Path) -> None:
    from tests.factories.bundle import tiny_bundle

    tiny_bundle(tmp_path / "other", version="2")
    assert Bundle.load(tmp_path / "other").key == "tiny@2"
    (tmp_path / "other" / "openvino" / "segmenter.bin").write_bytes(b"\0" * 99)
    with pytest.raises(BundleError, match="SHA-256"):
        Analyzer.load(tmp_path / "other")
