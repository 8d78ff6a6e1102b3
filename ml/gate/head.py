"""Training of the gate's small network, by Keras."""

import keras
import numpy as np

from ml.gate.gate import Floats, Head

UNITS = 24
EPOCHS = 40


def train_head(inside: Floats, outside: Floats, seed: int) -> Head:
    """Learn to tell films from pictures that are none.

    Args:
        inside: (n, c) coordinates of films.
        outside: (m, c) of other pictures; both kinds weigh the same.
        seed: Of weights and order.
    """
    keras.utils.set_random_seed(seed)
    rows = np.concatenate([inside, outside])
    truth = np.concatenate([np.zeros(len(inside)), np.ones(len(outside))]).astype(np.float32)
    weights = np.where(truth > 0, len(rows) / len(outside), len(rows) / len(inside)) / 2
    model = keras.Sequential(
        [
            keras.Input((rows.shape[1],)),
            keras.layers.Dense(UNITS, activation="relu"),
            keras.layers.Dense(1),
        ]
    )
    model.compile(
        keras.optimizers.AdamW(2e-3, weight_decay=0.02),
        keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.01),
        jit_compile=False,
    )
    model.fit(rows, truth, sample_weight=weights, batch_size=128, epochs=EPOCHS, verbose=0)
    hidden, hidden_bias, out, out_bias = (np.asarray(w, np.float32) for w in model.get_weights())
    return Head(hidden, hidden_bias, out[:, 0], out_bias)
