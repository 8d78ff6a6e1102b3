import numpy as np
import pytest

from ml.evaluation.bootstrap import resample, spreads


def test_patients_are_drawn_with_all_their_films() -> None:
    # Given patients with one, two and three films, in no order
    patients = np.array(["c", "b", "a", "c", "b", "c"])
    for places in resample(patients, count=50, seed=1):
        # I expect every film of a patient as often as the patient's others
        counts = np.bincount(places, minlength=6)
        assert counts[0] == counts[3] == counts[5]
        assert counts[1] == counts[4]
        assert counts[0] + counts[1] + counts[2] == 3


def test_all_patients_are_drawn_alike() -> None:
    patients = [f"p{n}" for n in range(8)]
    counts = sum(np.bincount(places, minlength=8) for places in resample(patients, 2000))
    np.testing.assert_allclose(counts, 2000, rtol=0.1)


def test_the_standard_error_of_a_mean_is_the_known_one() -> None:
    values = np.random.default_rng(0).normal(0, 1, 400)
    patients = [str(n) for n in range(400)]
    spread = spreads(patients, lambda at: {"mean": float(values[at].mean())}, 2000)["mean"]
    error = values.std() / np.sqrt(400)
    assert spread.error == pytest.approx(error, rel=0.06)
    middle = values.mean()
    assert (spread.low, spread.high) == (
        pytest.approx(middle - 1.96 * error, abs=0.01),
        pytest.approx(middle + 1.96 * error, abs=0.01),
    )


def test_films_of_one_patient_count_as_one() -> None:
    # Given 100 patients with four equal films each
    values = np.repeat(np.random.default_rng(0).normal(0, 1, 100), 4)
    patients = np.repeat(np.arange(100).astype(str), 4)
    spread = spreads(patients, lambda at: {"mean": float(values[at].mean())}, 2000)["mean"]
    # I expect the error of a mean of 100 values, not of 400
    assert spread.error == pytest.approx(values.std() / np.sqrt(100), rel=0.06)


def test_a_figure_that_few_resamples_give_is_left_out() -> None:
    drawn = spreads(["a", "b"], lambda at: {"all": 1.0, "never": float("nan")}, 20)
    assert set(drawn) == {"all"}
    assert (drawn["all"].error, drawn["all"].low, drawn["all"].high) == (0.0, 1.0, 1.0)


def test_the_same_seed_gives_the_same_draws() -> None:
    first, again, other = (
        [places.tolist() for places in resample(["a", "b", "c"], 5, seed)] for seed in (1, 1, 2)
    )
    assert first == again != other
