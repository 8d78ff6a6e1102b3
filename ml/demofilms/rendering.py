"""From a drawn appearance to a PNG film that says what it is."""

import struct
import zlib

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.demofilms.alignment import FRAME

NOTICE = "SYNTHETIC"
_PNG_HEADER_END = 8 + 25  # the signature and the IHDR chunk


def render(appearance: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Give a drawn film a film's shape, sharpness, grain and a burnt-in notice.

    Args:
        appearance: (FRAME * FRAME,) grey values as drawn.
        rng: Draws shape and grain.

    Returns:
        (height, width), 8-bit grey, 1 to 1.35 times as wide as high.
    """
    frame = appearance.reshape(FRAME, FRAME)
    width = round(FRAME * rng.uniform(1.0, 1.35))
    film = cv2.resize(frame, (width, FRAME), interpolation=cv2.INTER_CUBIC)
    film = film + 0.8 * (film - cv2.GaussianBlur(film, (0, 0), 2.0))
    grain = rng.standard_normal(film.shape, dtype=np.float32)
    film = film + 1.5 * cv2.GaussianBlur(grain, (0, 0), 0.7)
    grey = np.asarray(np.clip(film, 0, 255), np.uint8)
    _burn_in(grey)
    return grey


def encode(film: NDArray[np.uint8]) -> bytes:
    """Encode a film as PNG with a text chunk that says that it is synthetic."""
    done, data = cv2.imencode(".png", film, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    if not done:
        raise ValueError("the film could not be encoded as PNG")
    png = bytes(data)
    text = b"tEXtDescription\0" + b"SYNTHETIC film drawn from a statistical model; shows nobody"
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    return png[:_PNG_HEADER_END] + chunk + png[_PNG_HEADER_END:]


def _burn_in(film: NDArray[np.uint8]) -> None:
    place = (3, film.shape[0] - 5)
    for colour, thickness in ((0, 3), (235, 1)):
        cv2.putText(
            film, NOTICE, place, cv2.FONT_HERSHEY_SIMPLEX, 0.35, colour, thickness, cv2.LINE_AA
        )
