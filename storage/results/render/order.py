"""What is to be drawn, in words that another process can be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from storage.results.render.contrast import Contrast

Kind = Literal["film", "mask", "heatmap", "clahe", "overlay"]


@dataclass(frozen=True, slots=True)
class Order:
    """One picture. The film's bytes go beside it, and the lung mask's where it is drawn.

    Attributes:
        kind: Which picture.
        size: Longest side, in pixels.
        region: x0, y0, x1, y1 of what the classifier saw, 0 to 1 of the film.
        activation: (h, w), the class activation map over that region.
        fade: Whether a heatmap's alpha is the heat itself.
        contrast: How a `clahe` picture is equalised.
    """

    kind: Kind
    size: int
    region: Sequence[float] = ()
    activation: Sequence[Sequence[float]] = ()
    fade: bool = False
    contrast: Contrast = Contrast()  # noqa: RUF009  # it is frozen

    @classmethod
    def told(cls, words: Mapping[str, Any]) -> Self:
        """Make one of its words, as `dataclasses.asdict` gives them."""
        return cls(**{**words, "contrast": Contrast(**words["contrast"])})
