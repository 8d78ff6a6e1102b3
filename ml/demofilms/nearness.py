"""How near synthetic films come to the films they were modelled on."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 64
PERCENTILE = 1.0


def signature(film: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Reduce a film to (SIDE * SIDE,) grey values of mean 0 and variance 1.

    Squashed, so that geometry does not hide a likeness; standardised, so that exposure does not.
    """
    small = cv2.resize(film, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    centred = small - small.mean()
    return np.asarray(centred / max(float(centred.std()), 1e-6), np.float32)


def distances(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Root mean square differences (n, m) between the signatures (n, k) and (m, k)."""
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1)[None, :] - 2 * a @ b.T
    return np.asarray(np.sqrt(np.maximum(squares, 0) / a.shape[1]), np.float32)


def least_allowed(signatures: NDArray[np.float32], patients: Sequence[str]) -> float:
    """Give the 1st percentile of the distances between films of different patients.

    Args:
        signatures: (n, k) of the training films.
        patients: Whose film each is.
    """
    owners = np.unique(np.asarray(patients), return_inverse=True)[1]
    apart = np.triu(owners[:, None] != owners[None, :], k=1)
    return float(np.percentile(distances(signatures, signatures)[apart], PERCENTILE))
