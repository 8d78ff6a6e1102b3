"""A film of a data set with what is known about it."""

from dataclasses import dataclass
from pathlib import Path

LABELS = ("normal", "bacterial_pneumonia", "viral_pneumonia")
PNEUMONIA = -1
"""In place of a label's index: pneumonia, and the data set does not say of which kind."""


@dataclass(frozen=True, slots=True)
class LabelledFilm:
    """One film of a data set.

    Attributes:
        image: The film's file.
        mask: Its human-made lung mask, where there is one.
        label: Index into the label set; `PNEUMONIA` where only that is known.
        patient: Whose film it is, within the data set.
        sure_mask: True where film and mask were paired by more than order and looks.
        age_group: Of the patient, where the data set says.
        sex: `female` or `male`, where the data set says.
        original_size: (width, height) of the film in pixels before the data set scaled it, where
            the data set says.
    """

    image: Path
    mask: Path | None
    label: int
    patient: str
    sure_mask: bool
    age_group: str | None = None
    sex: str | None = None
    original_size: tuple[int, int] | None = None
