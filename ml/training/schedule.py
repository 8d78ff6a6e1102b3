"""The learning rate over a run: a linear warm-up, then a cosine down to nearly nothing."""

import keras

WARMUP_STEPS = 150
FLOOR = 0.01


def warm_cosine(rate: float, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Give the schedule of a run.

    Args:
        rate: Highest learning rate.
        steps: Steps of the whole run.
    """
    warmup = min(WARMUP_STEPS, max(1, steps // 10))
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=rate * FLOOR,
        decay_steps=max(1, steps - warmup),
        alpha=FLOOR,
        warmup_target=rate,
        warmup_steps=warmup,
    )


def adamw(rate: float, decay: float, steps: int) -> keras.optimizers.Optimizer:
    """Give AdamW on that schedule, without decay of biases and normalisation weights."""
    optimizer = keras.optimizers.AdamW(
        warm_cosine(rate, steps), weight_decay=decay, global_clipnorm=1.0
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer
