"""What a training run is made of; written into its folder and compared when it continues."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SegmenterSettings:
    """Settings of a segmenter run.

    Attributes:
        epochs: Passes over the training films.
        batch: Films a step.
        rate: Highest learning rate, reached after the warm-up.
        decay: Weight decay of AdamW, per unit of learning rate.
        average: Decay of the exponential average of the weights, a step.
        base: Filters of the U-Net at full resolution.
        seed: Seeds the split, the weights and each film's augmentation.
        validation: Share of films held out, by patient.
        precision: Keras dtype policy of the forward and backward pass.
    """

    epochs: int = 4
    batch: int = 16
    rate: float = 2e-3
    decay: float = 0.01
    average: float = 0.99
    base: int = 8
    seed: int = 1
    validation: float = 0.1
    precision: str = "mixed_bfloat16"


@dataclass(frozen=True, slots=True)
class ClassifierSettings:
    """Settings of a classifier run.

    Attributes:
        epochs: Epochs, each of as many films as the training part has.
        sizes: Side of the input in pixels for each stretch of training; the last is served.
        shares: Share of the epochs spent at each size.
        batch: Films a step.
        rate: Highest learning rate, reached after the warm-up.
        decay: Weight decay of AdamW, per unit of learning rate.
        average: Decay of the exponential average of the weights, a step.
        smoothing: Label smoothing.
        seed: Seeds the split, the weights, the draws of films and each film's augmentation.
        validation: Share of films held out, by patient.
        precision: Keras dtype policy of the forward and backward pass.
        view: What of a film is shown, see `ml.training.views`.
    """

    epochs: int = 12
    sizes: tuple[int, ...] = (64, 96, 128)
    shares: tuple[float, ...] = (0.4, 0.3, 0.3)
    batch: int = 32
    rate: float = 1e-3
    decay: float = 0.05
    average: float = 0.995
    smoothing: float = 0.05
    seed: int = 1
    validation: float = 0.1
    precision: str = "mixed_bfloat16"
    view: str = "lungs"

    def size_of(self, epoch: int) -> int:
        """Give the input's side at an epoch, counted from 0."""
        ends = [sum(self.shares[: i + 1]) * self.epochs for i in range(len(self.shares))]
        for end, size in zip(ends, self.sizes, strict=True):
            if epoch < round(end):
                return size
        return self.sizes[-1]


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """Settings of a run of any backbone on a prepared recipe.

    Attributes:
        labels: The label set, in order; empty for that of the data.
        backbone: See `ml.networks.backbones`.
        weights: File the trunk starts from; empty for random weights.
        view: The recipe that the films were prepared by; its folder's name.
        augmentation: See `ml.training.recipe_films`.
        size: Side of the input, pixels.
        epochs: Passes over the training films.
        batch: Films a step.
        rate: Learning rate of Nadam.
        average: Decay of the exponential average of the weights, a step.
        films: Training films at most, of whole patients, whatever the seed; 0 for all.
        seed: Seeds the weights, the order of films and their augmentation.
        precision: Keras dtype policy of the forward and backward pass.
    """

    labels: tuple[str, ...] = ()
    backbone: str = "densenet121"
    weights: str = ""
    view: str = "whole_clahe"
    augmentation: str = "flip_rotate_4"
    size: int = 224
    epochs: int = 10
    batch: int = 16
    rate: float = 1e-3
    average: float = 0.99
    films: int = 0
    seed: int = 1
    precision: str = "mixed_bfloat16"
