"""The Analyzer: a bundle loaded once, films read many times."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.bundle import Bundle
from ml.decode import DecodeLimits, Film, decode
from ml.errors import FilmError
from ml.gate import Gate, Observation, Verdict
from ml.gate.gate import FILE as GATE
from ml.lungs import lung_area_share
from ml.networks.pair import Lungs, NetworkPair
from ml.quality import quality_flags
from ml.reading import Finding, Reading
from ml.runtimes import Classified, Runtime, load_runtime

__all__ = ["Analyzer", "Finding", "Reading"]

VIEW_SIDE = 2048
"""Longest side of the picture made for a browser: more than a screen shows."""

HELD_PIXELS = 64_000_000
"""Decoded pixels (one byte each) held at once. Sixteen films of 2,000 x 2,000 go through the
networks together; of the largest films, one at a time."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A film whose lungs are found, its pixels let go."""

    lungs: Lungs
    shape: tuple[int, int]
    flags: tuple[str, ...]
    view: bytes | None


class Analyzer:
    """Reads films with one bundle. Not to be shared between threads.

    Attributes:
        bundle: The bundle it reads with.
        runtime_name: What computes the networks.
        limits: What a film may cost.
        gate: Judges whether a film is of the kind trained on; None: the bundle carries none.
    """

    def __init__(
        self, bundle: Bundle, runtime: Runtime, limits: DecodeLimits | None = None
    ) -> None:
        self.bundle = bundle
        self.runtime_name = runtime.name
        self.limits = limits or DecodeLimits()
        self._networks = NetworkPair(runtime, bundle)
        self.gate = Gate.load(bundle.file(GATE)) if GATE in bundle.files else None

    @classmethod
    def load(
        cls,
        path: Path,
        runtime: str = "openvino",
        *,
        precision: str = "f32",
        limits: DecodeLimits | None = None,
        verify: bool = True,
    ) -> Self:
        """Load a bundle into a runtime, on one compute thread.

        Args:
            path: The bundle's folder.
            runtime: `openvino` or `tensorflow`.
            precision: `f32`; with OpenVINO also `bf16`, and `int8` where the bundle carries it.
            limits: What a film may cost.
            verify: Check the bundle's checksums.

        Raises:
            BundleError: The bundle or the runtime is not usable.
        """
        bundle = Bundle.load(path, verify=verify)
        # Parallelism is the worker's processes; OpenCV's own pool would only get in their way.
        cv2.setNumThreads(1)
        return cls(bundle, load_runtime(runtime, bundle, precision), limits)

    def read(self, films: Sequence[bytes]) -> list[Reading | FilmError]:
        """Read a batch of films.

        Decoded films are held until their lungs are cut out, at most `HELD_PIXELS` of them.

        Args:
            films: The files' bytes.

        Returns:
            In the order given, a reading or the error of the film that could not be read.
        """
        seen = [film for wave in self._waves(films) for film in self._see(wave)]
        readings = iter(self._classify([one for one in seen if isinstance(one, _Seen)]))
        return [one if isinstance(one, FilmError) else next(readings) for one in seen]

    def observe(self, films: Sequence[NDArray[np.uint8]]) -> list[Observation]:
        """Give what the gate sees of decoded films, grey and of any size."""
        return self._networks.observe(films)

    def _waves(self, films: Sequence[bytes]) -> Iterator[list[Film | FilmError]]:
        """Decode films, as many at a time as may be held."""
        wave: list[Film | FilmError] = []
        held = 0
        for data in films:
            film = self._decode(data)
            size = film.pixels.size if isinstance(film, Film) else 0
            if wave and held + size > HELD_PIXELS:
                yield wave
                wave, held = [], 0
            wave.append(film)
            held += size
        yield wave

    def _decode(self, data: bytes) -> Film | FilmError:
        try:
            return decode(data, self.limits)
        except FilmError as error:
            return error

    def _see(self, wave: list[Film | FilmError]) -> list[_Seen | FilmError]:
        """Find the lungs of a wave of films and keep of each what the classifier needs."""
        films = [one.pixels for one in wave if isinstance(one, Film)]
        lungs = iter(self._networks.find_lungs(films))
        return [one if isinstance(one, FilmError) else _seen(one, next(lungs)) for one in wave]

    def _classify(self, films: list[_Seen]) -> list[Reading]:
        if not films:
            return []
        said = self._networks.classify([film.lungs for film in films])
        probabilities = softmax(said.logits / self.bundle.temperature)
        return [
            self._reading(film, said, index, probabilities[index])
            for index, film in enumerate(films)
        ]

    def _reading(
        self, film: _Seen, said: Classified, index: int, probabilities: NDArray[np.float64]
    ) -> Reading:
        findings = self._findings(said.logits[index], probabilities)
        verdict = self._judge(Observation(said.features[index], film.lungs.numbers))
        height, width = film.shape
        return Reading(
            findings=findings,
            top_label=findings[int(np.argmax(probabilities))].label,
            lung_mask=film.lungs.mask,
            lung_count=film.lungs.count,
            lung_area_share=lung_area_share(film.lungs.mask),
            region=film.lungs.region,
            activation=np.ascontiguousarray(np.moveaxis(said.activation[index], -1, 0)),
            width=width,
            height=height,
            view=film.view,
            in_distribution=verdict.in_distribution if verdict else None,
            flags=(verdict.flags if verdict else ()) + film.flags,
        )

    def _judge(self, film: Observation) -> Verdict | None:
        return self.gate.judge(film) if self.gate else None

    def _findings(
        self, scores: NDArray[np.float32], probabilities: NDArray[np.float64]
    ) -> tuple[Finding, ...]:
        findings = []
        for label, score, probability in zip(
            self.bundle.labels, scores.tolist(), probabilities.tolist(), strict=True
        ):
            threshold = self.bundle.thresholds[label.name]
            findings.append(
                Finding(label.name, probability, score, threshold, probability >= threshold)
            )
        return tuple(findings)


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Turn logits (n, labels) into probabilities that sum to 1 along the last axis."""
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=-1, keepdims=True)
    exponentials = np.exp(shifted)
    probabilities: NDArray[np.float64] = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return probabilities


def _seen(film: Film, lungs: Lungs) -> _Seen:
    height, width = film.pixels.shape
    flags = quality_flags(film.pixels, lungs.mask, lungs.count)
    return _Seen(lungs, (height, width), flags, _view(film))


def _view(film: Film) -> bytes | None:
    """Make the PNG that a browser shows in place of bytes it does not know."""
    if film.native8:
        return None
    height, width = film.pixels.shape
    scale = min(1.0, VIEW_SIDE / max(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    pixels = film.pixels
    if scale < 1.0:
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    return bytes(cv2.imencode(".png", pixels)[1])
