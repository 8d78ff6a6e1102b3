"""What a bundle says of itself: `manifest.json`, checked as it is read."""

from dataclasses import fields
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ml.preprocess import Preprocessing

FORMAT = 1
_NAME = r"^[a-z0-9][a-z0-9._-]*$"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Label(_Frozen):
    """One class of a label set.

    Attributes:
        name: Stable, for programs: `bacterial_pneumonia`.
        display: For people: `Bacterial pneumonia`.
        snomed_ct: SNOMED CT concept id, digits; None where there is none.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    display: str
    snomed_ct: str | None = Field(default=None, pattern=r"^[0-9]{6,18}$")


class Manifest(_Frozen):
    """What a bundle says of itself.

    Attributes:
        format: Number of the folder's layout.
        name: What the bundle reads.
        version: Of the weights and thresholds together.
        labels: In the order of the classifier's outputs.
        thresholds: Calibrated probability from which each label is positive, 0..1.
        temperature: Logits are divided by it before the softmax.
        preprocessing: How films become network inputs.
        files: SHA-256 by relative path, of every file but the manifest.
        metrics: Figures as `evaluate` printed them.
        training: Data, seeds and commands the weights came from.
        licence: Of the weights, with the attribution the data ask for.
    """

    format: Literal[1] = 1
    name: str = Field(pattern=_NAME)
    version: str = Field(pattern=_NAME)
    labels: Annotated[tuple[Label, ...], Field(min_length=2)]
    thresholds: dict[str, Annotated[float, Field(ge=0.0, le=1.0)]]
    temperature: float = Field(gt=0.0)
    preprocessing: Preprocessing
    files: dict[str, Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]]
    metrics: dict[str, Any] = {}
    training: dict[str, Any] = {}
    licence: str = ""

    @field_validator("preprocessing", mode="before")
    @classmethod
    def _known_steps(cls, value: Any) -> Any:
        """A step this code does not know would silently be left out."""
        if isinstance(value, dict):
            unknown = set(value) - {field.name for field in fields(Preprocessing)}
            if unknown:
                raise ValueError(f"unknown preprocessing {sorted(unknown)}")
        return value

    @field_validator("files")
    @classmethod
    def _inside(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if not _is_inside(name):
                raise ValueError(f"{name!r} is no plain path inside the bundle")
        return value

    @model_validator(mode="after")
    def _threshold_for_each_label(self) -> Self:
        names = [label.name for label in self.labels]
        if len(set(names)) != len(names) or set(names) != set(self.thresholds):
            raise ValueError("labels must be unique, each with its threshold")
        return self


def _is_inside(name: str) -> bool:
    """A relative POSIX path in its one plain spelling, so it can only lead further in."""
    path = PurePosixPath(name)
    plain = name not in ("", ".") and str(path) == name and not path.is_absolute()
    return plain and ".." not in path.parts and not set(name) & set("\\:\0")
