"""What tells that two films are one: the same pixels, or the same look."""

import hashlib

import cv2
import numpy as np
from numpy.typing import NDArray

_SIDE = 64
_KEPT = 16


def content_hash(film: NDArray[np.uint8]) -> str:
    """Hash a film's pixels and geometry (SHA-256): the same whatever file they were stored in."""
    height, width = film.shape
    return hashlib.sha256(f"{width}x{height}:".encode() + film.tobytes()).hexdigest()


def perceptual_hash(film: NDArray[np.uint8]) -> str:
    """Hash a film's look: signs of its lowest 16 x 16 cosine frequencies, 256 bits as hex.

    The same for a copy that was scaled, saved as JPEG or made a little brighter, but for a few
    bits. A film is equalised before, so that dark and bright copies are one.
    """
    small = cv2.resize(film, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    spectrum = cv2.dct(cv2.equalizeHist(small).astype(np.float32))[:_KEPT, :_KEPT].ravel()
    return np.packbits(spectrum > np.median(spectrum[1:])).tobytes().hex()
