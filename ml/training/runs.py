"""A run's folder: its settings, its history, its checkpoint, its best or final weights."""

import csv
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import keras
import numpy as np
from numpy.typing import NDArray

from ml.fixed_settings import fix_settings
from ml.training.settings import ClassifierSettings, NetworkSettings, SegmenterSettings

Weights = list[NDArray[Any]]


class RunFolder:
    """Files of one training run.

    The checkpoint is written to a side file and renamed, so a run that is killed while it writes
    continues from the epoch before.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    @classmethod
    def of(cls, path: Path) -> Self:
        """Open the folder of a run that was begun.

        Raises:
            ValueError: There is none.
        """
        if not (path / "settings.json").is_file():
            raise ValueError(f"{path} holds no run: name a folder that `python -m ml train` made")
        return cls(path)

    @property
    def model_path(self) -> Path:
        """The trained model, weights averaged, once the run has ended."""
        return self.path / "model.keras"

    def fix_settings(
        self, settings: SegmenterSettings | ClassifierSettings | NetworkSettings
    ) -> None:
        """Write the settings, or make sure that a run which continues has the same ones.

        Raises:
            ValueError: The folder holds a run with other settings.
        """
        # A run from before a setting existed ran with what is its default now.
        usual = asdict(type(settings)())
        fix_settings(self.path / "settings.json", asdict(settings), usual, "a run")

    def settings(self) -> dict[str, Any]:
        """Read the settings back."""
        loaded: dict[str, Any] = json.loads(
            (self.path / "settings.json").read_text(encoding="utf-8")
        )
        return loaded

    def save_checkpoint(self, model: keras.Model, averaged: Weights, epoch: int) -> None:
        """Keep the state after so many epochs: weights, optimiser and averaged weights."""
        state = {f"optimizer_{i}": np.asarray(v) for i, v in enumerate(model.optimizer.variables)}
        state |= {f"weight_{i}": w for i, w in enumerate(model.get_weights())}
        state |= {f"averaged_{i}": w for i, w in enumerate(averaged)}
        side = self.path / "checkpoint.part.npz"
        np.savez(side, epoch=epoch, allow_pickle=False, **state)
        os.replace(side, self.path / "checkpoint.npz")

    def load_checkpoint(self, model: keras.Model) -> tuple[int, Weights] | None:
        """Put a kept state into a compiled model; give its epochs and averaged weights."""
        path = self.path / "checkpoint.npz"
        if not path.exists():
            return None
        model.optimizer.build(model.trainable_variables)
        with np.load(path, allow_pickle=False) as state:
            count = len(model.weights)
            model.set_weights([state[f"weight_{i}"] for i in range(count)])
            for i, variable in enumerate(model.optimizer.variables):
                variable.assign(state[f"optimizer_{i}"])
            return int(state["epoch"]), [state[f"averaged_{i}"] for i in range(count)]

    def averaged_weights(self) -> Weights:
        """Read the averaged weights of the last epoch.

        Raises:
            ValueError: No epoch has ended yet.
        """
        path = self.path / "checkpoint.npz"
        if not path.exists():
            raise ValueError(f"{self.path} has no checkpoint: no epoch of it has ended")
        with np.load(path, allow_pickle=False) as state:
            count = sum(name.startswith("averaged_") for name in state.files)
            return [state[f"averaged_{i}"] for i in range(count)]

    def append_history(self, row: dict[str, float | int]) -> None:
        """Add an epoch to `history.csv`; an epoch that was run before a kill is replaced."""
        path = self.path / "history.csv"
        rows = [r for r in self.history() if int(float(r["epoch"])) < row["epoch"]]
        with path.open("w", newline="", encoding="utf-8") as lines:
            writer = csv.DictWriter(lines, fieldnames=list(row))
            writer.writeheader()
            writer.writerows([*rows, row])

    def history(self) -> list[dict[str, Any]]:
        """Read the epochs run so far."""
        path = self.path / "history.csv"
        if not path.exists():
            return []
        with path.open(newline="", encoding="utf-8") as lines:
            return list(csv.DictReader(lines))
