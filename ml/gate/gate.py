"""The gate's judgement: three distances, each with the threshold that few real films pass.

- `features`: how far the classifier's features lie from those of training films;
- `lungs`: how far the lung map lies from those of training films;
- `turned`: how much both look like those of turned, mirrored upside-down or inverted films and of
  pictures that are no films, by a small network trained on made examples.

The first two are the Mahalanobis distance in the space of the largest principal components, plus
what lies outside that space (Wang et al., CVPR 2022, call that part the residual).
"""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Self
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from ml.errors import BundleError
from ml.gate.observation import Observation
from ml.gate.subspace import Subspace

FILE = "gate.npz"
DISTANCES = ("features", "lungs", "turned")
REASONS = {
    "features": "unlike_training_films",
    "lungs": "unusual_lungs",
    "turned": "turned_or_no_film",
}
UNUSUAL = "unusual_film"
"""The flag of a film that is in distribution, but only just."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says of one film.

    Attributes:
        in_distribution: The film is of the kind the bundle was trained on.
        flags: Why not; or `unusual_film` for one that passes, but only just.
        score: The largest distance as a multiple of its threshold; above 1 is out.
    """

    in_distribution: bool
    flags: tuple[str, ...]
    score: float


@dataclass(frozen=True, slots=True)
class Head:
    """A network of one hidden layer over the subspaces' coordinates.

    Attributes:
        hidden: (coordinates, units) and its bias (units,).
        hidden_bias: See `hidden`.
        out: (units,).
        out_bias: (1,).
    """

    hidden: Floats
    hidden_bias: Floats
    out: Floats
    out_bias: Floats

    def __call__(self, coordinates: Floats) -> Floats:
        """Give the log odds (n,) of being turned or no film, from coordinates (n, c)."""
        units = np.maximum(coordinates @ self.hidden + self.hidden_bias, 0.0)
        odds: Floats = units @ self.out + self.out_bias
        return odds


@dataclass(frozen=True, slots=True)
class Gate:
    """Judges films.

    Attributes:
        features: Subspace of training films' features.
        lungs: Subspace of their lung maps.
        head: Tells turned, inverted and other pictures from films.
        thresholds: (3,) in the order of `DISTANCES`: above is out of distribution.
        unusual: Score above which a film in distribution is flagged as unusual, 0..1.
    """

    features: Subspace
    lungs: Subspace
    head: Head
    thresholds: Floats
    unusual: float

    def distances(self, films: list[Observation]) -> Floats:
        """Give (n, 3) distances, all positive, in the order of `DISTANCES`."""
        return raw_distances(self.features, self.lungs, self.head, films)

    def scores(self, films: list[Observation]) -> Floats:
        """Give (n,): each film's largest distance as a multiple of its threshold."""
        scores: Floats = (self.distances(films) / self.thresholds).max(axis=1)
        return scores

    def judge(self, film: Observation) -> Verdict:
        """Judge one film."""
        ratios = self.distances([film])[0] / self.thresholds
        score = float(ratios.max())
        if score <= 1.0:
            return Verdict(True, (UNUSUAL,) if score > self.unusual else (), score)
        return Verdict(
            False,
            tuple(
                REASONS[name] for name, ratio in zip(DISTANCES, ratios, strict=True) if ratio > 1.0
            ),
            score,
        )

    def save(self, path: Path) -> None:
        """Write the gate; nothing in the file needs unpickling."""
        arrays = {
            **self.features.arrays("features"),
            **self.lungs.arrays("lungs"),
            **{f"head_{name}": getattr(self.head, name) for name in Head.__slots__},
            "thresholds": self.thresholds,
            "unusual": np.float32(self.unusual),
        }
        np.savez_compressed(path, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a gate.

        Raises:
            BundleError: The file is no gate.
        """
        try:
            # From memory: NumPy leaves a file that is no archive open.
            with np.load(BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
                return cls(
                    features=Subspace.of(arrays, "features"),
                    lungs=Subspace.of(arrays, "lungs"),
                    head=Head(*(arrays[f"head_{name}"] for name in Head.__slots__)),
                    thresholds=arrays["thresholds"],
                    unusual=float(arrays["unusual"]),
                )
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            raise BundleError(f"{path} is no gate: {error}. Publish the bundle again.") from error


def coordinates(features: Subspace, lungs: Subspace, films: list[Observation]) -> Floats:
    """Give (n, c): the whitened coordinates of both subspaces and both residuals."""
    parts = []
    for subspace, rows in (
        (features, np.stack([film.features for film in films])),
        (lungs, np.stack([film.lungs for film in films])),
    ):
        along, beside = subspace.split(rows)
        parts += [np.tanh(along / 4.0) * 4.0, np.minimum(beside, 10.0)[:, np.newaxis]]
    return np.concatenate(parts, axis=1).astype(np.float32)


def raw_distances(
    features: Subspace, lungs: Subspace, head: Head, films: list[Observation]
) -> Floats:
    """See `Gate.distances`."""
    odds = head(coordinates(features, lungs, films))
    return np.stack(
        [
            features.distance(np.stack([film.features for film in films])),
            lungs.distance(np.stack([film.lungs for film in films])),
            # Log odds to a positive number that grows without end: softplus.
            np.logaddexp(0.0, odds),
        ],
        axis=1,
    ).astype(np.float32)
