"""A film with its contrast equalised locally, by the figures that its bundle equalises with."""

from __future__ import annotations

import cv2
import numpy as np

from storage.results.render.contrast import Contrast
from storage.results.render.film import Grey


def equalise(film: Grey, contrast: Contrast) -> Grey:
    """Equalise contrast locally (CLAHE; Zuiderveld, Graphics Gems IV, 1994).

    The networks see the same done to a smaller square; its tiles lie at the same places.
    """
    tiles = (contrast.clahe_tiles, contrast.clahe_tiles)
    # Made anew each time: one that threads share gives wrong pictures.
    equaliser = cv2.createCLAHE(clipLimit=contrast.clahe_clip, tileGridSize=tiles)
    return np.asarray(equaliser.apply(film), np.uint8)
