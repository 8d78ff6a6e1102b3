"""The tiny bundle, once a session."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.factories.bundle import tiny_bundle


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the tiny bundle."""
    folder = tmp_path_factory.mktemp("bundles") / "tiny"
    tiny_bundle(folder)
    return folder
