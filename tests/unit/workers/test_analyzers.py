from __future__ import annotations

from pathlib import Path

import pytest

from lungline.settings import Settings
from workers.analyzers import Analyzers, BundleAbsent, bundle_loader


class CountingLoader:
    def __init__(self) -> None:
        self.loaded: list[str] = []

    def __call__(self, bundle: str):
        self.loaded.append(bundle)
        return object()


def test_a_bundle_is_loaded_once():
    load = CountingLoader()
    analyzers = Analyzers(load)

    assert analyzers.get("a@1") is analyzers.get("a@1")

    assert load.loaded == ["a@1"]


def test_only_the_last_used_bundles_are_kept():
    load = CountingLoader()
    analyzers = Analyzers(load)
    keys = [f"a@{version}" for version in range(3)]

    for key in [*keys[:-1], keys[0], keys[-1]]:
        analyzers.get(key)
    analyzers.get(keys[0])
    analyzers.get(keys[1])

    assert load.loaded == [*keys, keys[1]]


def test_an_unknown_bundle_says_which_are_known(tmp_path: Path):
    load = bundle_loader(Settings(bundles_dir=tmp_path))

    with pytest.raises(BundleAbsent, match="none"):
        load("nowhere@1")
