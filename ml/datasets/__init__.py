"""Data sets: films with their labels, patients and masks, and how they are divided."""

from ml.datasets.dataset import WHOLE, Dataset, read_dataset
from ml.datasets.films import LABELS, PNEUMONIA, LabelledFilm
from ml.datasets.manifest import read_manifest
from ml.datasets.split import split_by_patient

__all__ = [
    "LABELS",
    "PNEUMONIA",
    "WHOLE",
    "Dataset",
    "LabelledFilm",
    "read_dataset",
    "read_manifest",
    "split_by_patient",
]
