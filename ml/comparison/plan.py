"""What a comparison compares: `plan.toml`."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ml.networks.backbones import known_backbone
from ml.preparation.settings import known_recipes
from ml.training.recipe_films import known_augmentation
from ml.training.settings import NetworkSettings


@dataclass(frozen=True, slots=True)
class Cell:
    """One row of a comparison.

    Attributes:
        backbone: Its name.
        recipe: Name of what of a film it is shown.
    """

    backbone: str
    recipe: str

    def folder(self, seed: int) -> str:
        """Name the folder of a run."""
        return f"{self.backbone}-{self.recipe}-{seed}"


Names = Annotated[tuple[str, ...], Field(min_length=1)]
Count = Annotated[int, Field(ge=1)]


class Plan(BaseModel):
    """The cells of a comparison, and what all their runs share.

    Attributes:
        backbones: Names, see `ml.networks.backbones`.
        recipes: Names, see `ml.preparation.recipes`.
        seeds: Each cell is trained once with each.
        labels: The label set, in order; empty for that of the data.
        films: Training films at most, of whole patients, the same in all runs; 0 for all.
        size: Side of the input, pixels.
        epochs: Passes over the training films.
        batch: Films a step.
        rate: Learning rate of Nadam.
        augmentation: See `ml.training.recipe_films`.
        precision: Keras dtype policy of the training.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    backbones: Names
    recipes: Names
    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = (1, 2, 3)
    labels: tuple[str, ...] = ()
    films: Annotated[int, Field(ge=0)] = 0
    size: Count = 224
    epochs: Count = 10
    batch: Count = 16
    rate: Annotated[float, Field(gt=0)] = 1e-3
    augmentation: str = "flip_rotate_4"
    precision: Literal["mixed_bfloat16", "float32"] = "mixed_bfloat16"

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        known_recipes(list(self.recipes))
        known_augmentation(self.augmentation)
        for backbone in self.backbones:
            known_backbone(backbone, self.size)
        for field in ("backbones", "recipes", "seeds"):
            listed = getattr(self, field)
            if len(set(listed)) < len(listed):
                raise ValueError(f"{field} lists something twice")
        return self

    def cells(self) -> list[Cell]:
        """Give what is compared, one row of the table each."""
        return [Cell(backbone, recipe) for recipe in self.recipes for backbone in self.backbones]

    def settings_of(self, cell: Cell, seed: int) -> NetworkSettings:
        """Give the settings of one run."""
        return NetworkSettings(
            labels=self.labels,
            backbone=cell.backbone,
            view=cell.recipe,
            augmentation=self.augmentation,
            size=self.size,
            epochs=self.epochs,
            batch=self.batch,
            rate=self.rate,
            films=self.films,
            seed=seed,
            precision=self.precision,
        )


def read_plan(path: Path) -> Plan:
    """Read a plan.

    Raises:
        ValueError: It is not there, is no TOML, or plans what cannot be done.
    """
    try:
        written = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{path} is no TOML: {error}") from None
    try:
        return Plan.model_validate(written)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        said = first["msg"].removeprefix("Value error, ")
        raise ValueError(f"{path}: {where + ': ' if where else ''}{said}") from None
