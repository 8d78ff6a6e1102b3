"""Reference (b): what a first version does: Keras `predict`, one film after the other.

Run as a process of its own, so that TensorFlow's memory and threads disturb nothing else:
`python -m benchmarks.naive BUNDLE FOLDER` prints seconds per film.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path


def time_naive_loop(bundle: Path, folder: Path) -> float:
    """Seconds per film of the naive loop over the films in `folder`."""
    command = [sys.executable, "-m", "benchmarks.naive", str(bundle), str(folder)]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(run.stdout.split()[-1])


def _seconds_per_film(bundle: Path, folder: Path) -> float:
    import keras

    from ml.bundle import Bundle
    from ml.decode import decode
    from ml.lungs import clean_mask
    from ml.preprocess import classifier_input, lung_region, segmenter_input

    preprocessing = Bundle.load(bundle).preprocessing
    segmenter = keras.saving.load_model(bundle / "segmenter.keras", compile=False, safe_mode=True)
    classifier = keras.saving.load_model(bundle / "classifier.keras", compile=False, safe_mode=True)

    def read(path: Path) -> None:
        film = decode(path.read_bytes()).pixels
        lungs = segmenter.predict(segmenter_input(film, preprocessing)[None], verbose=0)
        mask, _ = clean_mask(lungs[0, ..., 0])
        region = lung_region(mask, preprocessing)
        classifier.predict(classifier_input(film, region, preprocessing)[None], verbose=0)

    films = sorted(folder.iterdir())
    read(films[0])  # tracing is not counted
    started = time.perf_counter()
    for path in films[1:]:
        read(path)
    return (time.perf_counter() - started) / (len(films) - 1)


if __name__ == "__main__":
    print(_seconds_per_film(Path(sys.argv[1]), Path(sys.argv[2])))
