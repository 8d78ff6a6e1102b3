"""Networks of 8-bit integers, made from a bundle's own after training (NNCF).

Post-training quantisation looks at what the networks see and compute on a few hundred films and
chooses the scale of each layer from it. The films are those that the classifier was trained on:
validation is what the result is judged by.
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ml.analyzer import Analyzer
from ml.bundle import Bundle, write_manifest
from ml.datasets import LabelledFilm
from ml.evaluation.evaluate import read_all
from ml.evaluation.heldout import trained_on
from ml.runtimes import Classified, Runtime, load_runtime
from ml.runtimes.base import Batch
from ml.runtimes.openvino import NETWORKS, network_file
from ml.runtimes.untracked import import_openvino

FILMS = 300
Show = Callable[[str], None]


class Recorder:
    """A runtime that keeps what its networks were shown.

    Attributes:
        name: Of the runtime that computes.
        seen: By network, each film's input, (1, side, side, 1).
    """

    def __init__(self, runtime: Runtime) -> None:
        self.name = runtime.name
        self.seen: dict[str, list[Batch]] = {network: [] for network in NETWORKS}
        self._runtime = runtime

    def segment(self, batch: Batch) -> Batch:
        """See `Runtime.segment`."""
        self._keep("segmenter", batch)
        return self._runtime.segment(batch)

    def classify(self, batch: Batch) -> Classified:
        """See `Runtime.classify`."""
        self._keep("classifier", batch)
        return self._runtime.classify(batch)

    def _keep(self, network: str, batch: Batch) -> None:
        self.seen[network] += [batch[place : place + 1].copy() for place in range(len(batch))]


def quantise(bundle: Bundle, data: Path, folder: Path, show: Show = print) -> Bundle:
    """Make a copy of a bundle that carries its networks in int8 as well.

    Args:
        bundle: What to copy.
        data: The data set it was trained on.
        folder: Where the copy goes; must not be there.
        show: Takes lines of progress.

    Returns:
        The copy, its manifest's checksums those of its files.

    Raises:
        ValueError: The folder is there, the data set cannot be read, the bundle does not say
            which films it was trained on, or NNCF is not installed.
    """
    if folder.exists():
        raise ValueError(f"{folder} is there already; name a folder that is not")
    films = spread_out(trained_on(bundle, data), FILMS)
    seen = inputs_of(bundle, films, show)
    shutil.copytree(bundle.path, folder, ignore=shutil.ignore_patterns(".*"))
    for network in NETWORKS:
        show(f"quantising the {network} on {len(seen[network])} films")
        file = network_file(bundle, network, "f32")
        _save(_quantised(file, seen[network]), folder / "openvino" / f"{network}-int8.xml")
    return write_manifest(folder, **bundle.manifest.model_dump(exclude={"files", "format"}))


def spread_out(films: Sequence[LabelledFilm], most: int) -> list[LabelledFilm]:
    """Take at most so many films, evenly from a list that is in the order of labels."""
    count = min(most, len(films))
    return [films[len(films) * place // count] for place in range(count)]


def inputs_of(bundle: Bundle, films: Sequence[LabelledFilm], show: Show) -> dict[str, list[Batch]]:
    """Give what each network is shown when these films are read as they are served."""
    recorder = Recorder(load_runtime("openvino", bundle))
    for _ in read_all(Analyzer(bundle, recorder), films, show):
        pass
    return recorder.seen


def _quantised(file: Path, inputs: Sequence[Batch]) -> Any:
    core = import_openvino().Core()
    try:
        import nncf
    except ModuleNotFoundError as error:
        raise ValueError(f"int8 needs the package {error.name}: pip install '.[train]'") from None
    network = core.read_model(file)
    network.reshape(list(inputs[0].shape))
    return nncf.quantize(network, nncf.Dataset(inputs), subset_size=len(inputs))


def _save(network: Any, file: Path) -> None:
    import_openvino().save_model(network, file, compress_to_fp16=False)
