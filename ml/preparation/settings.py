"""What a preparation is made of; both parts are written into its folder."""

from dataclasses import asdict, dataclass
from typing import Any

from ml.datasets.parts import Shares
from ml.preparation.picture import PictureSteps
from ml.preparation.recipes import RECIPES


@dataclass(frozen=True, slots=True)
class PictureSettings:
    """How pictures are made; a folder keeps to what it was begun with.

    Attributes:
        layout: Of the source.
        side: Longest side of films and masks, pixels; larger ones are made smaller.
        size: Side of the recipes' squares, pixels.
        clahe_clip: Clip limit of the equalisation; 0 leaves it out.
        clahe_tiles: Tiles each way.
        lung_margin: Margin round the lungs' box, as a share of it.
        bundle: Checksum of the bundle that finds lungs where the source has no mask; empty for
            none.
        predict_all: Let the bundle find all lungs, whatever masks the source has.
    """

    layout: str
    side: int = 1024
    size: int = 224
    clahe_clip: float = 3.0
    clahe_tiles: int = 20
    lung_margin: float = 0.10
    bundle: str = ""
    predict_all: bool = False

    def steps(self, recipe: str, input_size: int | None = None) -> PictureSteps:
        """Give the steps of a recipe, for a network of such an input; None: of the square's."""
        return PictureSteps(
            recipe=recipe,
            side=self.side,
            size=self.size,
            input_size=input_size or self.size,
            clahe_clip=self.clahe_clip,
            clahe_tiles=self.clahe_tiles,
            lung_margin=self.lung_margin,
        )


@dataclass(frozen=True, slots=True)
class DivisionSettings:
    """Which films are taken and how they are divided; written down with every manifest.

    Attributes:
        labels: The label set, in order; none for that of the layout.
        leave_out_others: List films of other labels instead of failing.
        two_lungs_only: Leave out films on which fewer than two lungs are found, and list them.
        validation: Share of the films for validation.
        test: Share of the films for the test.
        seed: Of the division.
        redraw: Divide anew, whatever splits the source has.
    """

    labels: tuple[str, ...] = ()
    leave_out_others: bool = False
    two_lungs_only: bool = False
    validation: float = 0.1
    test: float = 0.1
    seed: int = 1
    redraw: bool = False

    def __post_init__(self) -> None:
        # What cannot be divided so is better said before hours of work.
        self.shares()

    def shares(self) -> Shares:
        """Give the shares of the parts.

        Raises:
            ValueError: They leave a part empty.
        """
        return Shares(self.validation, self.test)

    def described(self) -> dict[str, Any]:
        """Give them as they are written down."""
        return asdict(self)


def known_recipes(names: list[str]) -> tuple[str, ...]:
    """Make sure that there are such recipes.

    Raises:
        ValueError: One is unknown.
    """
    unknown = [name for name in names if name not in RECIPES]
    if unknown:
        raise ValueError(f"there is no recipe '{unknown[0]}'; there are {', '.join(RECIPES)}")
    return tuple(dict.fromkeys(names))
