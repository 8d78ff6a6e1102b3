"""The validation part of a bundle's training run: patients its classifier never saw."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ml.bundle import Bundle
from ml.datasets import Dataset, LabelledFilm, read_manifest, split_by_patient

PART = "validation"


def held_out(bundle: Bundle, data: Path) -> Dataset:
    """Carve the validation films out of a train part, as the bundle's training did.

    The segmenter held out other patients: masks that it was trained on are left out, so that the
    lung figures are of films new to it as well.

    Args:
        bundle: Its manifest holds seed and share of the split.
        data: The data set that the bundle was trained on.

    Raises:
        ValueError: The manifest does not say how the films were divided, or the data set has no
            train part.
    """
    films = read_manifest(data, "train")
    chosen = _carved(films, _settings(bundle, "classifier"))
    unseen = _patients(
        _carved([film for film in films if film.mask], _settings(bundle, "segmenter"))
    )
    kept = [film if film.patient in unseen else replace(film, mask=None) for film in chosen]
    return Dataset(data.resolve().name, PART, kept)


def trained_on(bundle: Bundle, data: Path) -> list[LabelledFilm]:
    """Give the rest of the train part: the films that the classifier was trained on.

    Raises:
        ValueError: As for `held_out`.
    """
    films = read_manifest(data, "train")
    away = _patients(_carved(films, _settings(bundle, "classifier")))
    return [film for film in films if film.patient not in away]


def _settings(bundle: Bundle, network: str) -> tuple[float, int]:
    """Give share and seed of a network's split."""
    facts: Any = bundle.manifest.training.get(network)
    settings = facts.get("settings") if isinstance(facts, Mapping) else None
    if not isinstance(settings, Mapping) or not {"validation", "seed"} <= set(settings):
        raise ValueError(
            f"{bundle.key} does not say how its validation films were carved out: its manifest "
            f"lacks training.{network}.settings with validation and seed. Publish it again."
        )
    return float(settings["validation"]), int(settings["seed"])


def _carved(films: Sequence[LabelledFilm], settings: tuple[float, int]) -> list[LabelledFilm]:
    return split_by_patient(films, *settings)[1]


def _patients(films: Sequence[LabelledFilm]) -> set[str]:
    return {film.patient for film in films}
