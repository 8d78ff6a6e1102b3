"""Training of the U-Net on human-made lung masks."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from ml.datasets import LabelledFilm, read_manifest, split_by_patient
from ml.evaluation.metrics import overlap
from ml.images import read_grey
from ml.lungs import clean_mask
from ml.networks.unet import unet
from ml.preprocess import SEGMENTER_SIZE, Preprocessing, segmenter_input
from ml.training.loop import Course, Scores, computing_in, run_course
from ml.training.perturb import TRAINING, degrade, expose, rotate
from ml.training.runs import RunFolder
from ml.training.schedule import adamw
from ml.training.settings import SegmenterSettings

Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]
Show = Callable[[str], None]


def train_segmenter(data: Path, run: RunFolder, s: SegmenterSettings, show: Show = print) -> None:
    """Train, or continue to train, a segmenter; the model ends up in `run.model_path`.

    Args:
        data: Folder of the data set.
        run: Where settings, history, checkpoint and model go.
        s: Settings; those of the run where it continues.
        show: Takes each line of progress.
    """
    run.fix_settings(s)
    keras.utils.set_random_seed(s.seed)
    train, held_out = split_by_patient(
        [film for film in read_manifest(data, "train") if film.mask], s.validation, s.seed
    )
    show(f"segmenter: {len(train)} films to train on, {len(held_out)} to validate on")
    pairs, validation = _load_pairs(train), _load_pairs(held_out)
    course = Course(
        s.epochs,
        s.average,
        lambda epoch: MaskBatches(pairs, s.batch, s.seed, epoch),
        lambda trained, _: judge_masks(trained, validation),
        show,
    )
    with computing_in(s.precision):
        model = unet(SEGMENTER_SIZE, s.base)
        optimizer = adamw(s.rate, s.decay, s.epochs * (len(pairs) // s.batch))
        model.compile(optimizer, dice_and_entropy, jit_compile=False)
        run_course(model, course, run)
    final = unet(SEGMENTER_SIZE, s.base)
    final.set_weights(model.get_weights())
    final.save(run.model_path)


def dice_and_entropy(truth: Any, lung: Any) -> Any:
    """Dice loss and binary cross-entropy, added, per film.

    Args:
        truth: (n, h, w, 1), 0 or 1.
        lung: (n, h, w, 1), probability.
    """
    both = ops.sum(truth * lung, axis=(1, 2, 3))
    either = ops.sum(truth, axis=(1, 2, 3)) + ops.sum(lung, axis=(1, 2, 3))
    dice = 1.0 - (2.0 * both + 1.0) / (either + 1.0)
    entropy = ops.mean(keras.losses.binary_crossentropy(truth, lung), axis=(1, 2))
    return dice + entropy


class MaskBatches(keras.utils.PyDataset):
    """The batches of one epoch: films and masks, changed alike."""

    def __init__(self, pairs: Sequence[Pair], batch: int, seed: int, epoch: int) -> None:
        super().__init__(workers=2, max_queue_size=8)
        self._pairs = pairs
        self._batch = batch
        self._key = (seed, epoch)
        self._order = np.random.default_rng(self._key).permutation(len(pairs))

    def __len__(self) -> int:
        return len(self._pairs) // self._batch

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        chosen = self._order[index * self._batch : (index + 1) * self._batch]
        rng = np.random.default_rng((*self._key, index + 1))
        films, masks = zip(*(self._changed(self._pairs[i], rng) for i in chosen), strict=True)
        return np.stack(films), np.stack(masks)

    def _changed(
        self, pair: Pair, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        film, mask = pair
        if rng.random() < 0.5:
            film, mask = np.ascontiguousarray(film[:, ::-1]), np.ascontiguousarray(mask[:, ::-1])
        turn = rng.uniform(-TRAINING.rotation, TRAINING.rotation)
        film, mask = rotate(film, turn), rotate(mask, turn, repeat_edge=False)
        film, mask = _reframe(film, mask, rng)
        film = degrade(expose(film, rng, TRAINING), rng, TRAINING)
        return segmenter_input(film, Preprocessing()), _target(mask)


def judge_masks(model: keras.Model, pairs: Sequence[Pair]) -> Scores:
    """Score cleaned masks against human ones: Dice (mean and 5th percentile), two lungs found."""
    films = np.stack([segmenter_input(film, Preprocessing()) for film, _ in pairs])
    predicted = np.asarray(model.predict(films, batch_size=32, verbose=0))[..., 0]
    dices, twos = [], 0
    for lung, (_, truth) in zip(predicted, pairs, strict=True):
        mask, lungs = clean_mask(lung)
        twos += lungs == 2
        dices.append(overlap(mask > 0, _target(truth)[..., 0] > 0.5)[0])
    return {
        "val_dice": float(np.mean(dices)),
        "val_dice_p5": float(np.percentile(dices, 5)),
        "val_two_lungs": twos / len(pairs),
    }


def _reframe(film: NDArray[np.uint8], mask: NDArray[np.uint8], rng: np.random.Generator) -> Pair:
    """Crop or pad each side by itself: other collimation, other aspect ratio."""
    height, width = film.shape
    sides = rng.uniform(-0.12, 0.1, 4) * (height, height, width, width)
    top, bottom, left, right = np.rint(sides).astype(int)
    box = np.s_[max(0, top) : height - max(0, bottom), max(0, left) : width - max(0, right)]
    pads = ((max(0, -top), max(0, -bottom)), (max(0, -left), max(0, -right)))
    dark = int(rng.integers(0, 60))
    return np.pad(film[box], pads, constant_values=dark), np.pad(mask[box], pads)


def _target(mask: NDArray[np.uint8]) -> NDArray[np.float32]:
    size = (SEGMENTER_SIZE, SEGMENTER_SIZE)
    resized = cv2.resize(mask, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized >= 128, np.float32)[..., np.newaxis]


def _load_pairs(films: Sequence[LabelledFilm]) -> list[Pair]:
    return [(read_grey(f.image), read_grey(f.mask)) for f in films if f.mask]
