"""The space that training films span, and how far from them a film lies."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Subspace:
    """The largest principal components of training films' numbers.

    Attributes:
        mean: (d,).
        components: (k, d) orthonormal.
        deviations: (k,) standard deviations along them.
        residual: Root mean square length of what lies outside the space.
    """

    mean: Floats
    components: Floats
    deviations: Floats
    residual: float

    @classmethod
    def fit(cls, rows: Floats, count: int) -> Self:
        """Fit on training films.

        Args:
            rows: (n, d), a film each, n > count.
            count: Components to keep.
        """
        mean = rows.mean(axis=0)
        centred = (rows - mean).astype(np.float64)
        values, vectors = np.linalg.eigh(centred.T @ centred / (len(rows) - 1))
        components = np.ascontiguousarray(vectors[:, ::-1][:, :count].T, np.float32)
        deviations = np.sqrt(np.maximum(values[::-1][:count], 1e-12)).astype(np.float32)
        outside = centred - (centred @ components.T) @ components
        residual = float(np.sqrt((outside**2).sum(axis=1).mean()))
        return cls(np.asarray(mean, np.float32), components, deviations, max(residual, 1e-6))

    def split(self, rows: Floats) -> tuple[Floats, Floats]:
        """Give whitened coordinates (n, k), and the length of the rest as a multiple of the usual.

        Args:
            rows: (n, d).
        """
        centred = rows - self.mean
        along = centred @ self.components.T
        squares = np.maximum((centred**2).sum(axis=1) - (along**2).sum(axis=1), 0.0)
        return np.asarray(along / self.deviations), np.asarray(np.sqrt(squares) / self.residual)

    def distance(self, rows: Floats) -> Floats:
        """Give (n,): the root mean square of the coordinates and the residual, 1 being usual."""
        along, beside = self.split(rows)
        distance: Floats = np.sqrt(((along**2).mean(axis=1) + beside**2) / 2)
        return distance

    def arrays(self, prefix: str) -> dict[str, Any]:
        """Give the arrays to be stored, their names beginning with `prefix`."""
        return {
            f"{prefix}_mean": self.mean,
            f"{prefix}_components": self.components,
            f"{prefix}_deviations": self.deviations,
            f"{prefix}_residual": np.float32(self.residual),
        }

    @classmethod
    def of(cls, arrays: Mapping[str, Any], prefix: str) -> Self:
        """Read back what `arrays` gave; KeyError where it is not there."""
        return cls(
            arrays[f"{prefix}_mean"],
            arrays[f"{prefix}_components"],
            arrays[f"{prefix}_deviations"],
            float(arrays[f"{prefix}_residual"]),
        )
