"""The runs of a comparison, one after the other; those that have ended are not run again."""

import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import keras
import numpy as np

from ml.comparison.answers import Answers
from ml.comparison.plan import Plan
from ml.training.finished import trained_model
from ml.training.network import train_network
from ml.training.recipe_films import read_recipe
from ml.training.runs import RunFolder
from ml.training.settings import NetworkSettings

Show = Callable[[str], None]
RUNS_A_PROCESS = 4


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
    for recipe in plan.recipes:
        _check_recipe(data / recipe, plan)
    runs = [(cell, seed) for seed in plan.seeds for cell in plan.cells()]
    with _processes() as processes:
        for number, (cell, seed) in enumerate(runs, start=1):
            folder, settings = out / cell.folder(seed), plan.settings_of(cell, seed)
            ended = Answers.load(folder)
            if ended is not None:
                RunFolder(folder).fix_settings(replace(settings, labels=ended.labels))
                continue
            show(f"run {number} of {len(runs)}: {cell.backbone}, {cell.recipe}, seed {seed}")
            processes.submit(_run, data / cell.recipe, folder, settings).result()


def _processes() -> ProcessPoolExecutor:
    """One process at a time; TensorFlow keeps half a gigabyte of each run that a process made."""
    return ProcessPoolExecutor(
        1,
        mp_context=get_context("spawn"),
        initializer=_die_at_interrupt,
        max_tasks_per_child=RUNS_A_PROCESS,
    )


def _die_at_interrupt() -> None:
    """Let Ctrl-C end the process without a word: its parent tells."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _run(recipe: Path, folder: Path, settings: NetworkSettings) -> None:
    run = RunFolder(folder)
    train_network(recipe, run, settings)
    labels, _, films = read_recipe(recipe, settings.labels, settings.size, settings.films)
    said = trained_model(run).predict(films.inputs(), batch_size=64, verbose=0)
    logits = np.asarray(said["logits"], np.float64)
    Answers(labels, films.labels, films.patients, logits).save(folder)
    keras.backend.clear_session()


def _check_recipe(folder: Path, plan: Plan) -> None:
    if not folder.is_dir():
        raise ValueError(
            f"{folder} is not there; make it with: python -m ml prepare --recipe {folder.name}"
        )
    read_recipe(folder, plan.labels, plan.size, plan.films)
