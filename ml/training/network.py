"""Training of any backbone on a prepared recipe, for any label set."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from ml.evaluation.metrics import Floats, auc, confusion, macro_f1
from ml.networks.backbones import backbone_classifier, known_backbone
from ml.networks.head import trained_part
from ml.preparation.picture import as_inputs
from ml.training.loop import Course, Scores, computing_in, run_course
from ml.training.origin import keep_origin
from ml.training.recipe_films import (
    Inputs,
    RecipeBatches,
    RecipeFilms,
    known_augmentation,
    read_recipe,
)
from ml.training.runs import RunFolder
from ml.training.settings import NetworkSettings
from ml.training.statistics import settle_statistics

Show = Callable[[str], None]
_SETTLED_ON, _AT_ONCE = 512, 64
"""Training films that the statistics of normalisation are taken from."""


def train_network(data: Path, run: RunFolder, s: NetworkSettings, show: Show = print) -> None:
    """Train, or continue to train, a classifier; the model ends up in `run.model_path`.

    Args:
        data: Folder of a prepared recipe.
        run: Where settings, history, checkpoint and model go.
        s: Settings; those of the run where it continues. An empty label set is that of the data.
        show: Takes each line of progress.

    Raises:
        ValueError: Data, settings and weights do not fit each other.
    """
    known_backbone(s.backbone, s.size)
    known_augmentation(s.augmentation)
    labels, train, held_out = read_recipe(data, s.labels, s.size, s.films)
    s = replace(s, labels=labels)
    weights = Path(s.weights) if s.weights else None
    keras.utils.set_random_seed(s.seed)
    with computing_in(s.precision):
        model = trained_part(backbone_classifier(s.backbone, len(labels), s.size, weights))
        loss = keras.losses.CategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Nadam(s.rate), loss, jit_compile=False)
        run.fix_settings(s)
        keep_origin(run.path, data)
        show(
            f"{s.backbone}: {len(train.labels)} films to train on, {len(held_out.labels)} to "
            f"validate on, {len(labels)} labels"
        )
        run_course(model, _course(train, held_out, s, show), run)
    save_network(model.get_weights(), s, run.model_path)


def save_network(weights: list[NDArray[np.float32]], s: NetworkSettings, path: Path) -> None:
    """Save the classifier with all its outputs, float32."""
    file = Path(s.weights) if s.weights else None
    model = backbone_classifier(s.backbone, len(s.labels), s.size, file)
    model.set_weights(weights)
    model.save(path)


def judge_labels(truth: NDArray[np.int64], logits: Floats, labels: Sequence[str]) -> Scores:
    """Score logits (n, labels): macro F1, mean AUC of each label against all others, log loss."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probability = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    said = logits.argmax(axis=1)
    places = range(len(labels))
    return {
        "val_macro_f1": macro_f1(confusion(truth, said, len(labels))),
        "val_auc": float(np.mean([auc(truth == p, log_probability[:, p]) for p in places])),
        "val_log_loss": float(-log_probability[np.arange(len(truth)), truth].mean()),
        "val_accuracy": float(np.mean(said == truth)),
    }


def _some(films: RecipeFilms) -> Iterator[Inputs]:
    """Give a few batches of training films, unchanged, the same ones each time."""
    order = np.random.default_rng(0).permutation(len(films.labels))[:_SETTLED_ON]
    for places in np.array_split(order, -(-len(order) // _AT_ONCE)):
        yield as_inputs(films.pixels[places])


def _course(train: RecipeFilms, held_out: RecipeFilms, s: NetworkSettings, show: Show) -> Course:
    how = known_augmentation(s.augmentation)
    inputs = held_out.inputs()

    def judge(model: keras.Model, epoch: int) -> Scores:
        settle_statistics(model, _some(train))
        logits = np.asarray(model.predict(inputs, batch_size=64, verbose=0), np.float64)
        return judge_labels(held_out.labels, logits, s.labels)

    return Course(
        epochs=s.epochs,
        average=s.average,
        batches=lambda epoch: RecipeBatches(train, len(s.labels), how, s.batch, (s.seed, epoch)),
        judge=judge,
        show=show,
    )
