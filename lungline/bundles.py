"""What the service needs to know of a model bundle without loading it: its name and its labels.

The API pins `name@version` on a job at submit; only workers, through `ml`, open the models.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lungline.errors import BundleNotFound

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class BundleRef:
    """A bundle on disk.

    Attributes:
        name: For instance `paediatric-pneumonia`.
        version: For instance `0.1.0`.
        labels: Ordered names of the label set.
        path: The bundle's folder.
    """

    name: str
    version: str
    labels: tuple[str, ...]
    path: Path

    @property
    def key(self) -> str:
        """`name@version`, as jobs and predictions carry it."""
        return f"{self.name}@{self.version}"


def list_bundles(root: Path) -> Iterator[BundleRef]:
    """Yield the bundles below `root`, oldest version first."""
    refs = [_read(manifest) for manifest in sorted(root.glob(f"**/{MANIFEST}"))]
    yield from sorted(refs, key=lambda ref: (ref.name, _version_order(ref.version)))


def find_bundle(root: Path, wanted: str) -> BundleRef:
    """Find a bundle by `name` (its newest version) or `name@version`.

    Raises:
        BundleNotFound: No bundle below `root` answers to this name.
    """
    name, _, version = wanted.partition("@")
    matches = [
        ref
        for ref in list_bundles(root)
        if ref.name == name and (not version or ref.version == version)
    ]
    if not matches:
        known = ", ".join(ref.key for ref in list_bundles(root)) or "none"
        raise BundleNotFound(f"There is no model bundle {wanted!r}; known bundles: {known}.")
    return matches[-1]


def _read(manifest: Path) -> BundleRef:
    content = json.loads(manifest.read_text(encoding="utf-8"))
    labels = tuple(str(label["name"]) for label in content["labels"])
    return BundleRef(str(content["name"]), str(content["version"]), labels, manifest.parent)


def _version_order(version: str) -> tuple[tuple[int, str], ...]:
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in version.split("."))
