"""What the gate costs, against the forward pass of the two networks, in the same run.

`make bench-gate` prints, last, one line of JSON: `gate_vs_forward`, `gate_ms`, `forward_ms` (for a
film, medians over the rounds). The gate's part is describing the lung map and judging the film;
what it looks at, the networks have computed already.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from typing import Annotated

import cv2
import numpy as np
import typer

from benchmarks.films import DEMO_FILMS
from lungline.bundles import find_bundle
from lungline.settings import load_settings
from ml.bundle import Bundle
from ml.gate.gate import FILE, Gate
from ml.gate.observation import Observation, lung_numbers
from ml.lungs import clean_mask
from ml.networks.pair import NetworkPair
from ml.preprocess import segmenter_input
from ml.runtimes import load_runtime


def main(
    rounds: Annotated[int, typer.Option(help="Rounds; the figures are their medians.")] = 5,
) -> None:
    """Measure what the gate adds to the forward pass."""
    settings = load_settings()
    bundle = Bundle.load(find_bundle(settings.bundles_dir, settings.bundle).path)
    cv2.setNumThreads(1)
    films = [
        np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)
        for path in sorted(DEMO_FILMS.glob("*.png"))
    ]
    runtime = load_runtime("openvino", bundle)
    networks = NetworkPair(runtime, bundle)
    gate = Gate.load(bundle.file(FILE))
    inputs = np.stack([segmenter_input(film, bundle.preprocessing) for film in films])
    maps = runtime.segment(inputs)
    masks = [clean_mask(lung) for lung in maps]
    crops = np.stack([lungs.picture for lungs in networks.find_lungs(films)])
    features = runtime.classify(crops).features

    def forward() -> None:
        runtime.segment(inputs)
        runtime.classify(crops)

    def judge() -> None:
        for lung, (mask, count), row in zip(maps, masks, features, strict=True):
            gate.judge(Observation(row, lung_numbers(lung, mask, count)))

    timed = [(_seconds(forward), _seconds(judge)) for _ in range(rounds)]
    each = 1000 / len(films)
    figures = {
        "gate_vs_forward": round(statistics.median(added / base for base, added in timed), 4),
        "gate_ms": round(statistics.median(added for _, added in timed) * each, 3),
        "forward_ms": round(statistics.median(base for base, _ in timed) * each, 3),
    }
    print(json.dumps(figures))


def _seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    typer.run(main)
