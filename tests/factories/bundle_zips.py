"""Zips of bundles that hold no models: as much of a bundle as adding one looks at."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

from lungline.bundle_files import CARD, NEEDED, BundleFiles, read_bundle_manifest

LABELS = ("normal", "pneumonia")


def bundle_parts(name: str = "chest", version: str = "1", **changes: Any) -> dict[str, bytes]:
    """The files of a bundle by path; `changes` are of the manifest."""
    files = {path: f"{path} of {name}@{version}".encode() for path in NEEDED - {CARD}}
    files[CARD] = b"# A card\n\nFor research only.\n"
    manifest = {
        "format": 1,
        "name": name,
        "version": version,
        "labels": [{"name": label, "display": label} for label in LABELS],
        "files": {path: hashlib.sha256(data).hexdigest() for path, data in files.items()},
        "thresholds": dict.fromkeys(LABELS, 0.5),
        "metrics": {"test": {"auc": 0.9}},
        "licence": "Apache-2.0",
    } | changes
    return {"manifest.json": json.dumps(manifest).encode(), **files}


def described(parts: Mapping[str, bytes]) -> tuple[BundleFiles, bytes]:
    """What a bundle's manifest says, and the manifest."""
    raw = parts["manifest.json"]
    return read_bundle_manifest(raw), raw


def zipped(parts: Mapping[str, bytes], folder: str = "") -> bytes:
    """A zip of files, below a folder."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(folder + name, data)
    return buffer.getvalue()
