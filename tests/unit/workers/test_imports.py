"""The parents carry neither ml nor a runtime: what a fork would copy, or hang on."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.fixtures.parts import REPOSITORY

HEAVY = ("ml", "tensorflow", "keras", "openvino", "cv2")


@pytest.mark.parametrize("module", ["workers.worker", "workers.beat", "workers.expand"])
def test_no_parent_loads_ml_or_a_runtime(module: str):
    # The expander checks pictures with OpenCV; of ml it needs nothing.
    heavy = [name for name in HEAVY if not (module == "workers.expand" and name == "cv2")]
    program = f"import sys, {module}; print([m for m in {heavy!r} if m in sys.modules])"

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"


def test_an_unknown_part_is_refused_with_the_list_of_parts():
    done = subprocess.run(
        [sys.executable, "-m", "workers", "nothing"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 2
    assert "analyze" in done.stderr
