"""Runtimes: both say the same, and neither is loaded or calls home unasked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ml.analyzer import Analyzer, Reading
from ml.bundle import Bundle
from ml.errors import BundleError
from ml.runtimes import load_runtime
from tests.factories import films
from tests.fixtures.parts import REPOSITORY

SHIPPED = REPOSITORY / "ml" / "bundles" / "paediatric-pneumonia"

WATCHED = """
import json, sys
calls = []
sys.addaudithook(
    lambda event, _: calls.append(event)
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "urllib.Request")
    or event.startswith(("http.", "subprocess.", "os.posix_spawn"))
    else None
)
import ml.runtimes
lazy = [name for name in ("openvino", "tensorflow", "keras") if name in sys.modules]
import pathlib
from ml.analyzer import Analyzer
analyzer = Analyzer.load(pathlib.Path(sys.argv[1]))
analyzer.read([b""])
print(json.dumps({
    "lazy": lazy,
    "calls": calls,
    "telemetry": sys.modules.get("openvino_telemetry") is not None,
    "tensorflow": "tensorflow" in sys.modules,
}))
"""


def pictures(folder: Path) -> list[bytes]:
    size = Bundle.load(folder, verify=False).preprocessing.segmenter_size
    return [films.png8(seed, size, size) for seed in range(6)]


def test_openvino_loads_alone_and_calls_nobody(tiny: Path) -> None:
    # Given a process that watches its own calls to the outside
    command = [sys.executable, "-W", "error", "-c", WATCHED, str(tiny)]
    # If it loads the CPU runtime and reads
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    # I expect no backend before it was asked for, no TensorFlow, no telemetry, no call
    assert json.loads(done.stdout) == {
        "lazy": [],
        "calls": [],
        "telemetry": False,
        "tensorflow": False,
    }


def test_a_batch_is_read_as_its_films_alone(tiny: Path) -> None:
    runtime = load_runtime("openvino", Bundle.load(tiny))
    batch = np.random.default_rng(0).random((5, 64, 64, 1), np.float32)
    together = runtime.classify(batch)
    assert together.logits.shape == (5, 3)
    assert together.features.shape == (5, 16)
    assert together.activation.shape == (5, 8, 8, 3)
    for index in range(5):
        alone = runtime.classify(batch[index : index + 1])
        np.testing.assert_array_equal(alone.logits[0], together.logits[index])
        np.testing.assert_array_equal(alone.features[0], together.features[index])
        np.testing.assert_array_equal(alone.activation[0], together.activation[index])


def test_results_outlive_the_next_call(tiny: Path) -> None:
    runtime = load_runtime("openvino", Bundle.load(tiny))
    batch = np.random.default_rng(0).random((1, 256, 256, 1), np.float32)
    first = runtime.segment(batch)
    kept = first.copy()
    runtime.segment(1 - batch)
    np.testing.assert_array_equal(first, kept)


def test_a_network_of_another_shape_is_refused(tmp_path: Path) -> None:
    from tests.factories.bundle import tiny_bundle

    tiny_bundle(tmp_path)
    for suffix in ("xml", "bin"):
        segmenter = tmp_path / "openvino" / f"segmenter.{suffix}"
        segmenter.write_bytes((tmp_path / "openvino" / f"classifier.{suffix}").read_bytes())
    with pytest.raises(BundleError):
        load_runtime("openvino", Bundle.load(tmp_path, verify=False))


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    from tests.factories.bundle import tiny_bundle

    tiny_bundle(tmp_path)
    (tmp_path / "openvino" / "segmenter.xml").write_text("<html/>")
    with pytest.raises(BundleError, match="cannot load"):
        load_runtime("openvino", Bundle.load(tmp_path, verify=False))


PARITY = """
import json, pathlib, sys
from ml.analyzer import Analyzer
from tests.unit.ml.test_runtimes import pictures
folder = pathlib.Path(sys.argv[1])
readings = Analyzer.load(folder, "tensorflow").read(pictures(folder))
print(json.dumps([
    {"scores": [f.score for f in r.findings], "activation": r.activation.tolist(),
     "mask": r.lung_mask.tolist()} for r in readings
]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tiny", "shipped"])
def test_openvino_and_tensorflow_agree(name: str, tiny: Path) -> None:
    pytest.importorskip("openvino")
    folder = tiny if name == "tiny" else SHIPPED
    if not (folder / "manifest.json").exists():
        pytest.skip("no bundle is shipped in this checkout")
    # Given what the reference says, in a process of its own
    command = [sys.executable, "-c", PARITY, str(folder)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    reference = json.loads(done.stdout.splitlines()[-1])
    # I expect the CPU runtime to say the same
    for reading, expected in zip(
        Analyzer.load(folder).read(pictures(folder)), reference, strict=True
    ):
        assert isinstance(reading, Reading)
        scores = [finding.score for finding in reading.findings]
        np.testing.assert_allclose(scores, expected["scores"], atol=1e-3)
        np.testing.assert_allclose(reading.activation, expected["activation"], atol=5e-3)
        assert (reading.lung_mask != np.array(expected["mask"])).mean() < 1e-3
