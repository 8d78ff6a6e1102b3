"""The runs of a comparison, one after the other; those that have ended are not run again."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from ml.comparison.answers import Answers
from ml.comparison.plan import Plan
from ml.training.finished import trained_model
from ml.training.network import train_network
from ml.training.recipe_films import read_recipe
from ml.training.runs import RunFolder

Show = Callable[[str], None]


def run_all(plan: Plan, data: Path, out: Path, show: Show) -> None:
    """Train what is still to be trained, a seed of all cells before the next seed of any.

    Args:
        plan: What is compared.
        data: Folder that holds a prepared data set, a folder in it for each recipe.
        out: Gets a folder for each run.
        show: Takes each line of progress.

    Raises:
        ValueError: Data and plan do not fit, or `out` holds runs with other settings.
    """
    runs = [(cell, seed) for seed in plan.seeds for cell in plan.cells()]
    for recipe in plan.recipes:
        _check_recipe(data / recipe, plan)
    for number, (cell, seed) in enumerate(runs, start=1):
        run = RunFolder(out / cell.folder(seed))
        settings = plan.settings_of(cell, seed)
        ended = Answers.load(run.path)
        if ended is not None:
            run.fix_settings(replace(settings, labels=ended.labels))
            continue
        show(f"run {number} of {len(runs)}: {cell.backbone}, {cell.recipe}, seed {seed}")
        train_network(data / cell.recipe, run, settings, show)
        _answer(plan, data / cell.recipe, run)
        keras.backend.clear_session()


def _check_recipe(folder: Path, plan: Plan) -> None:
    if not folder.is_dir():
        raise ValueError(
            f"{folder} is not there; make it with: python -m ml prepare --recipe {folder.name}"
        )
    read_recipe(folder, plan.labels, plan.size, plan.films)


def _answer(plan: Plan, folder: Path, run: RunFolder) -> None:
    labels, _, films = read_recipe(folder, plan.labels, plan.size, plan.films)
    said = trained_model(run).predict(films.inputs(), batch_size=64, verbose=0)
    logits = np.asarray(said["logits"], np.float64)
    Answers(labels, films.labels, films.patients, logits).save(run.path)
