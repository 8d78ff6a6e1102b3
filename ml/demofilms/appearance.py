"""Principal components of aligned films, and random draws from them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class AppearanceModel:
    """What films of one label look like.

    Attributes:
        mean: (pixels,) mean film, grey values.
        components: (count, pixels) orthonormal directions of largest variance.
        deviations: (count,) standard deviations along them, grey values.
    """

    mean: NDArray[np.float32]
    components: NDArray[np.float32]
    deviations: NDArray[np.float32]

    def sample(self, rng: np.random.Generator, spread: float) -> NDArray[np.float32]:
        """Draw a film (pixels,) from a normal distribution along the components.

        Args:
            rng: Where the draw comes from.
            spread: Factor on the standard deviations.
        """
        along = rng.standard_normal(len(self.deviations), dtype=np.float32) * spread
        return np.asarray(self.mean + (along * self.deviations) @ self.components, np.float32)


def fit_appearance(films: NDArray[np.float32], count: int) -> AppearanceModel:
    """Fit a model on aligned films.

    Args:
        films: (n, pixels), grey values; all patients of one label.
        count: Components to keep, fewer than n.

    Raises:
        ValueError: There are too few films for so many components.
    """
    if count >= len(films):
        raise ValueError(f"{count} components need more than {count} films, not {len(films)}")
    mean = films.mean(axis=0)
    centred = films - mean
    # Far fewer films than pixels: the n x n matrix of products has the same eigenvectors.
    values, vectors = np.linalg.eigh(centred @ centred.T)
    values, vectors = values[::-1][:count], vectors[:, ::-1][:, :count]
    components = (centred.T @ vectors / np.sqrt(values)).T
    deviations = np.sqrt(values / (len(films) - 1))
    return AppearanceModel(
        np.asarray(mean, np.float32), components.astype(np.float32), deviations.astype(np.float32)
    )
