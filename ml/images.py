"""Grey pictures of a data set, read from files that are known to be good."""

import os
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray


def read_grey(path: Path) -> NDArray[np.uint8]:
    """Read a picture as (height, width), 8-bit grey.

    Raises:
        ValueError: The file is missing or no picture.
    """
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise ValueError(f"{path} is missing or cannot be read as a picture")
    grey: NDArray[np.uint8] = picture
    return grey


def write_png(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write a picture (height, width), 8-bit grey; the file is there whole or not at all.

    Raises:
        OSError: It cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    side = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        side.write_bytes(bytes(cv2.imencode(".png", picture)[1]))
        os.replace(side, path)
    finally:
        side.unlink(missing_ok=True)
