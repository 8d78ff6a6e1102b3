"""Training of CheXNet on lung crops of growing size."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from ml.datasets import LABELS, read_manifest, split_by_patient
from ml.evaluation.metrics import Floats, auc
from ml.networks.chexnet import chexnet
from ml.networks.head import trained_part
from ml.training.batches import BalancedBatches, clean_inputs, perturbed_inputs
from ml.training.loop import Course, Scores, computing_in, run_course
from ml.training.prepare import PreparedFilms, prepare
from ml.training.runs import RunFolder
from ml.training.schedule import adamw
from ml.training.settings import ClassifierSettings
from ml.training.views import seen_through

Show = Callable[[str], None]
# Seeds of the perturbed validation sets that judge models: two draws a film.
PERTURBED_SEEDS = (101, 102)


def train_classifier(
    data: Path,
    segmenter: Path,
    run: RunFolder,
    s: ClassifierSettings,
    show: Show = print,
    prepared: Path | None = None,
) -> None:
    """Train, or continue to train, a classifier; the model ends up in `run.model_path`.

    Args:
        data: Folder of the data set.
        segmenter: The trained segmenter, which says where to crop.
        run: Where settings, prepared films, history, checkpoint and model go.
        s: Settings; those of the run where it continues.
        show: Takes each line of progress.
        prepared: Folder of prepared films that runs share; None for the run's own.
    """
    run.fix_settings(s)
    keras.utils.set_random_seed(s.seed)
    folder = prepared or run.path / "prepared"
    train, held_out = prepared_parts(data, segmenter, folder, s, show)
    steps = len(BalancedBatches(train, len(LABELS), s.batch, s.sizes[0], (s.seed, 0)))
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=s.smoothing)
    with computing_in(s.precision):
        model = trained_part(chexnet(len(LABELS)))
        model.compile(adamw(s.rate, s.decay, s.epochs * steps), loss, jit_compile=False)
        run_course(model, _course(train, held_out, s, show), run)
    save_served(model.get_weights(), s.sizes[-1], run.model_path)


def prepared_parts(
    data: Path, segmenter: Path, folder: Path, s: ClassifierSettings, show: Show
) -> tuple[PreparedFilms, PreparedFilms]:
    """Give the training and the validation films of a run, prepared."""
    train, held_out = split_by_patient(read_manifest(data, "train"), s.validation, s.seed)
    show(f"classifier: {len(train)} films to train on, {len(held_out)} to validate on")
    parts = [("train", train), ("validation", held_out)]
    seen = [
        seen_through(
            prepare(films, segmenter, folder / f"{part}.npz", show),
            *(s.view, segmenter, folder / f"{part}-masks.npz", show),
        )
        for part, films in parts
    ]
    return seen[0], seen[1]


def save_served(weights: list[NDArray[np.float32]], size: int, path: Path) -> None:
    """Save the classifier with both outputs at the size at which it reads, float32."""
    model = chexnet(len(LABELS), size)
    model.set_weights(weights)
    model.save(path)


def judge_logits(labels: NDArray[np.int64], logits: Floats) -> Scores:
    """Score logits (n, 3): AUC of any pneumonia, AUC of bacterial against viral, log loss."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probability = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    pneumonia = labels > 0
    return {
        "auc_pneumonia": auc(pneumonia, -log_probability[:, 0]),
        "auc_bacterial": auc(labels[pneumonia] == 1, (logits[:, 1] - logits[:, 2])[pneumonia]),
        "log_loss": float(-log_probability[np.arange(len(labels)), labels].mean()),
        "accuracy": float(np.mean(logits.argmax(axis=1) == labels)),
    }


def _course(
    train: PreparedFilms, held_out: PreparedFilms, s: ClassifierSettings, show: Show
) -> Course:
    return Course(
        epochs=s.epochs,
        average=s.average,
        batches=lambda epoch: BalancedBatches(
            train, len(LABELS), s.batch, s.size_of(epoch), (s.seed, epoch)
        ),
        judge=lambda model, epoch: _judge(model, held_out, s.size_of(epoch)),
        show=show,
    )


def _judge(model: keras.Model, held_out: PreparedFilms, size: int) -> Scores:
    scores: Scores = {"size": size}
    plain = judge_logits(held_out.labels, _logits(model, clean_inputs(held_out, size)))
    scores |= {f"val_{name}": value for name, value in plain.items()}
    hard = [_logits(model, perturbed_inputs(held_out, size, seed)) for seed in PERTURBED_SEEDS]
    labels = np.tile(held_out.labels, len(PERTURBED_SEEDS))
    perturbed = judge_logits(labels, np.concatenate(hard))
    return scores | {f"perturbed_{name}": value for name, value in perturbed.items()}


def _logits(model: keras.Model, inputs: NDArray[np.float32]) -> Floats:
    return np.asarray(model.predict(inputs, batch_size=64, verbose=0), dtype=np.float64)
