"""A film with its contrast equalised locally, by the figures that its bundle equalises with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from storage.results.render.film import Grey


@dataclass(frozen=True, slots=True)
class Contrast:
    """How contrast is treated; the names are those of the manifest's `preprocessing`.

    Attributes:
        clahe_clip: Clip limit of the equalisation.
        clahe_tiles: Tiles each way.
    """

    clahe_clip: float = 2.0
    clahe_tiles: int = 4


def equalise(film: Grey, contrast: Contrast) -> Grey:
    """Equalise contrast locally (CLAHE; Zuiderveld, Graphics Gems IV, 1994).

    The networks see the same done to a smaller square; its tiles lie at the same places.
    """
    tiles = (contrast.clahe_tiles, contrast.clahe_tiles)
    # Made anew each time: one that threads share gives wrong pictures.
    equaliser = cv2.createCLAHE(clipLimit=contrast.clahe_clip, tileGridSize=tiles)
    return np.asarray(equaliser.apply(film), np.uint8)


def contrast_in(manifest: Mapping[str, Any]) -> Contrast:
    """Tell how a bundle treats contrast; one that says nothing, by the usual figures."""
    usual, said = Contrast(), manifest.get("preprocessing", {})
    return Contrast(
        float(said.get("clahe_clip", usual.clahe_clip)),
        int(said.get("clahe_tiles", usual.clahe_tiles)),
    )
