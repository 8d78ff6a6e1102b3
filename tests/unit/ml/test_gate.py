"""The gate: fitted on films, it lets films through and calls other pictures out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ml.analyzer import Analyzer, Reading
from ml.bundle import Bundle, write_manifest
from ml.errors import BundleError
from ml.gate.fitting import GateSettings, fit_gate, joint_thresholds
from ml.gate.gate import FILE, REASONS, UNUSUAL, Gate, Head
from ml.gate.judging import FROM_FILMS_JUDGED, judge_gate
from ml.gate.observation import GRID, Observation, lung_numbers
from ml.gate.outliers import FROM_FILMS, MADE, varied
from ml.gate.pictures import packaged
from ml.gate.subspace import Subspace
from ml.lungs import clean_mask
from tests.factories.bundle import tiny_bundle
from tests.factories.datasets import draw_film

SETTINGS = GateSettings(films=40, made=6, variants=1, feature_components=8, lung_components=8)

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def drawn_films(count: int, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [draw_film(index % 3, rng)[0] for index in range(count)]


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny bundle with a gate fitted on drawn films."""
    folder = tmp_path_factory.mktemp("gated")
    bundle = tiny_bundle(folder)
    observe = Analyzer.load(folder).observe
    told: list[str] = []
    gate = fit_gate(drawn_films(40, 1), drawn_films(40, 2), observe, SETTINGS, told.append)
    assert len(told) == 2
    gate.save(folder / FILE)
    write_manifest(folder, **bundle.manifest.model_dump(exclude={"files", "format"}))
    return folder


def read(analyzer: Analyzer, picture: np.ndarray) -> Reading:
    import cv2

    (reading,) = analyzer.read([bytes(cv2.imencode(".png", picture)[1])])
    assert isinstance(reading, Reading)
    return reading


def test_films_pass_and_inverted_ones_do_not(gated: Path) -> None:
    analyzer = Analyzer.load(gated)
    films = [read(analyzer, film) for film in drawn_films(20, 3)]
    inverted = [read(analyzer, 255 - film) for film in drawn_films(20, 3)]

    assert sum(bool(reading.in_distribution) for reading in films) >= 18
    assert not any(reading.in_distribution for reading in inverted)
    for reading in inverted:
        assert set(reading.flags) & set(REASONS.values())


def test_a_bundle_without_a_gate_says_nothing(tmp_path: Path) -> None:
    tiny_bundle(tmp_path)

    assert read(Analyzer.load(tmp_path), drawn_films(1, 3)[0]).in_distribution is None


def test_a_gate_is_the_same_after_it_was_stored(gated: Path, tmp_path: Path) -> None:
    gate = Gate.load(gated / FILE)
    gate.save(tmp_path / FILE)
    films = Analyzer.load(gated).observe(drawn_films(5, 4))

    np.testing.assert_array_equal(
        Gate.load(tmp_path / FILE).distances(films), gate.distances(films)
    )


def test_a_damaged_gate_is_told(gated: Path) -> None:
    bundle = Bundle.load(gated)
    whole = (gated / FILE).read_bytes()
    (gated / FILE).write_bytes(whole[: len(whole) // 2])
    try:
        with pytest.raises(BundleError, match="is no gate"):
            Gate.load(bundle.file(FILE))
        with pytest.raises(BundleError, match="SHA-256 differs"):
            Analyzer.load(gated)
    finally:
        (gated / FILE).write_bytes(whole)


def test_both_runtimes_lead_to_the_same_verdict(gated: Path) -> None:
    films = drawn_films(6, 5) + [255 - film for film in drawn_films(6, 5)]
    gate = Gate.load(gated / FILE)
    scores = [
        gate.scores(Analyzer.load(gated, name).observe(films))
        for name in ("openvino", "tensorflow")
    ]

    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-3)


def test_thresholds_together_call_out_no_more_than_the_share() -> None:
    distances = np.abs(np.random.default_rng(6).normal(3, 1, (2000, 3))).astype(np.float32)

    for share in (0.01, 0.05):
        called = (distances > joint_thresholds(distances, share)).any(axis=1).mean()
        assert 0.8 * share <= called <= share


def test_a_film_that_only_just_passes_is_flagged_as_unusual() -> None:
    plain = Subspace(
        np.zeros(4, np.float32), np.eye(2, 4, dtype=np.float32), np.ones(2, np.float32), 1.0
    )
    head = Head(
        np.zeros((6, 1), np.float32),
        np.zeros(1, np.float32),
        np.zeros(1, np.float32),
        np.array([-9.0], np.float32),
    )
    gate = Gate(plain, plain, head, np.array([1.0, 1.0, 1.0], np.float32), unusual=0.8)

    def judge(length: float) -> tuple[bool, tuple[str, ...]]:
        row = np.array([length * 2, 0, 0, 0], np.float32)  # distance: length
        verdict = gate.judge(Observation(row, np.zeros(4, np.float32)))
        return verdict.in_distribution, verdict.flags

    assert judge(0.5) == (True, ())
    assert judge(0.9) == (True, (UNUSUAL,))
    assert judge(1.1) == (False, (REASONS["features"],))


def test_a_subspace_tells_along_from_beside() -> None:
    rng = np.random.default_rng(7)
    rows = (rng.normal(0, [5, 3, 0.1, 0.1], (500, 4)) + 10).astype(np.float32)
    subspace = Subspace.fit(rows, 2)

    usual = subspace.distance(rows)
    beside = subspace.distance(np.array([[10, 10, 12, 10]], np.float32))
    along = subspace.distance(np.array([[40, 10, 10, 10]], np.float32))

    assert np.sqrt(np.mean(usual**2)) == pytest.approx(1.0, abs=0.05)
    assert beside[0] > usual.max()
    assert along[0] > usual.max()


def test_lung_numbers_say_where_the_lungs_are() -> None:
    probability = np.zeros((64, 64), np.float32)
    probability[16:48, 8:24] = probability[16:48, 40:56] = 1.0
    numbers = lung_numbers(probability, *clean_mask(probability))

    grid, rest = numbers[: GRID * GRID].reshape(GRID, GRID), numbers[GRID * GRID :]
    assert grid[8, 3] == 1.0
    assert grid[0, 0] == 0.0
    np.testing.assert_allclose(rest, [8 / 64, 16 / 64, 56 / 64, 48 / 64, 1, 0.25, 0, 0, 0.5])


@pytest.mark.parametrize("kind", [*FROM_FILMS, *MADE])
def test_pictures_are_made_again_from_the_same_seed(kind: str) -> None:
    film = drawn_films(1, 8)[0]

    def make() -> np.ndarray:
        rng = np.random.default_rng(9)
        picture = FROM_FILMS[kind](film, rng) if kind in FROM_FILMS else MADE[kind](rng)
        return varied(picture, rng)

    assert make().dtype == np.uint8
    assert make().ndim == 2
    np.testing.assert_array_equal(make(), make())


def test_packages_ship_the_pictures_that_judge_a_gate() -> None:
    found = packaged()

    assert {kind: len(pictures) for kind, pictures in found.items()} == {
        "photograph": 13,
        "drawing": 8,
        "ultrasound": 3,
    }
    assert all(p.dtype == np.uint8 and p.ndim == 2 for group in found.values() for p in group)


def test_judging_counts_each_kind(gated: Path) -> None:
    analyzer = Analyzer.load(gated)
    assert analyzer.gate is not None

    alarms, kinds = judge_gate(
        analyzer.gate,
        analyzer.observe,
        drawn_films(12, 10),
        {"white": [np.full((64, 64), 255, np.uint8)]},
        show=lambda _: None,
    )

    found = {kind.kind: kind for kind in kinds}
    assert 0 <= alarms <= 0.5
    assert {*FROM_FILMS_JUDGED, "white"} < set(found)
    assert found["inverted"].auroc > 0.95
    assert found["white"].caught == 1.0
