"""A tiny data set in the layout of the real one: drawn films, masks, patients."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 96
_KINDS = (("NORMAL", "none"), ("PNEUMONIA", "bacteria"), ("PNEUMONIA", "virus"))


SPLIT = {"settings": {"seed": 1, "validation": 0.3}}
TRAINING = {"segmenter": SPLIT, "classifier": SPLIT}
"""What the manifest of a bundle says that held out three tenths of the train part."""


def write_dataset(
    folder: Path, patients: int = 6, films_each: int = 2, test: int = 2, told: bool = False
) -> Path:
    """Write `patients` patients of each label to train on, and `test` films of each to test.

    Args:
        folder: Made where it is not there.
        patients: Of each label, in the train part.
        films_each: Films of each of these.
        test: Patients of each label with one film, in the test part.
        told: The manifest tells age and sex.
    """
    rng = np.random.default_rng(4)
    rows = []
    for kind, (label, etiology) in enumerate(_KINDS):
        for split, people, each in (("train", patients, films_each), ("test", test, 1)):
            for person in range(people):
                for number in range(each):
                    name = f"{split}-{etiology}-{person}-{number}.png"
                    _write_film(folder, name, kind, rng)
                    rows.append(
                        {
                            "image": f"images/{name}",
                            "lung_mask": f"lung_masks/{name}",
                            "label": label,
                            "etiology": etiology,
                            "split": split,
                            "patient_id": f"{split}-{etiology}-{person}",
                            "duplicate_of": "",
                            "lung_mask_evidence": "dims+order",
                            "orig_width": 1000 + 50 * person + 10 * number,
                            "orig_height": 900,
                        }
                        | ({"sex": "FM"[person % 2], "age": 1 + person} if told else {})
                    )
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def write_folders(folder: Path, names: Sequence[str], films: int = 3) -> Path:
    """Write a folder of films for each of the names, by turns of the three kinds."""
    rng = np.random.default_rng(5)
    for kind, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for number in range(films):
            film, _ = draw_film(kind % len(_KINDS), rng)
            assert cv2.imwrite(str(folder / name / f"{kind}-{number}.png"), film)
    return folder


def draw_film(kind: int, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw two dark lungs on a grey chest, and their mask; other kinds have brighter spots."""
    mask = np.zeros((SIDE, SIDE), dtype=np.uint8)
    for x in (30, 66):
        centre = (x + int(rng.integers(-3, 4)), 48 + int(rng.integers(-4, 5)))
        cv2.ellipse(mask, centre, (12, 28), 0, 0, 360, 255, thickness=cv2.FILLED)
    film = np.where(mask > 0, 70, 170).astype(np.int16)
    film[40:60, 25:35] += 40 * kind
    film += rng.integers(-12, 13, film.shape, dtype=np.int16)
    return np.clip(film, 0, 255).astype(np.uint8), mask


def _write_film(folder: Path, name: str, kind: int, rng: np.random.Generator) -> None:
    film, mask = draw_film(kind, rng)
    for part, picture in (("images", film), ("lung_masks", mask)):
        (folder / part).mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(folder / part / name), picture)
