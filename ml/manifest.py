"""What a bundle says of itself: `manifest.json`, checked as it is read."""

from dataclasses import fields
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from ml.preparation.picture import PictureSteps
from ml.preprocess import Preprocessing

FORMATS = (1, 2)
"""Numbers of the layout: 2 says how the classifier's picture is made, 1 has it cropped to the
lungs and equalised as the segmenter's."""
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
        preprocessing: How films become network inputs; where there is a `picture`, the segmenter's.
        picture: How films become the classifier's inputs; None: as `preprocessing` says, cropped
            to the lungs.
        files: SHA-256 by relative path, of every file but the manifest.
        metrics: Figures as `evaluate` printed them.
        training: Data, seeds and commands the weights came from.
        licence: Of the weights, with the attribution the data ask for.
    """

    format: Literal[1, 2] = 1
    name: str = Field(pattern=_NAME)
    version: str = Field(pattern=_NAME)
    labels: Annotated[tuple[Label, ...], Field(min_length=2)]
    thresholds: dict[str, Annotated[float, Field(ge=0.0, le=1.0)]]
    temperature: float = Field(gt=0.0)
    preprocessing: Preprocessing
    picture: PictureSteps | None = None
    files: dict[str, Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]]
    metrics: dict[str, Any] = {}
    training: dict[str, Any] = {}
    licence: str = ""

    @field_validator("preprocessing", "picture", mode="before")
    @classmethod
    def _known_steps(cls, value: Any, info: ValidationInfo) -> Any:
        """A step this code does not know would silently be left out."""
        steps = Preprocessing if info.field_name == "preprocessing" else PictureSteps
        if isinstance(value, dict):
            unknown = set(value) - {field.name for field in fields(steps)}
            if unknown:
                raise ValueError(f"unknown {info.field_name} {sorted(unknown)}")
        return value

    @field_validator("files")
    @classmethod
    def _inside(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if not _is_inside(name):
                raise ValueError(f"{name!r} is no plain path inside the bundle")
        return value

    @model_validator(mode="after")
    def _format_of_its_picture(self) -> Self:
        if (self.picture is not None) != (self.format == 2):
            raise ValueError("format 2 has a picture, and format 1 has none")
        return self

    @model_validator(mode="after")
    def _threshold_for_each_label(self) -> Self:
        names = [label.name for label in self.labels]
        if len(set(names)) != len(names) or set(names) != set(self.thresholds):
            raise ValueError("labels must be unique, each with its threshold")
        return self

    def described(self) -> dict[str, Any]:
        """Give what it says, but for format and files, which follow from that and the folder."""
        return self.model_dump(exclude={"files", "format"} | self._left_out())

    def written(self) -> dict[str, Any]:
        """Give it as it is written; one without a picture as format 1 has always been."""
        return self.model_dump(mode="json", exclude=self._left_out())

    def _left_out(self) -> set[str]:
        return set() if self.picture else {"picture"}


def _is_inside(name: str) -> bool:
    """A relative POSIX path in its one plain spelling, so it can only lead further in."""
    path = PurePosixPath(name)
    plain = name not in ("", ".") and str(path) == name and not path.is_absolute()
    return plain and ".." not in path.parts and not set(name) & set("\\:\0")
