"""Data sets: films with their labels, patients and masks, and how they are divided."""

from ml.datasets.films import LABELS, LabelledFilm, read_manifest
from ml.datasets.split import split_by_patient

__all__ = ["LABELS", "LabelledFilm", "read_manifest", "split_by_patient"]
