"""What a manifest of a model bundle must say before its files are kept: no more than that.

Workers, through `ml`, check the rest when they load it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from lungline.errors import BundleRejected

MOST_MANIFEST_BYTES = 4 * 1024 * 1024
MOST_FILES = 64
LONGEST_KEY = 59
"""`name@version` is part of the object key of a lung mask, beside a digest of 64 characters."""
CARD = "MODEL_CARD.md"
NEEDED = frozenset(
    {
        *("segmenter.keras", "openvino/segmenter.xml", "openvino/segmenter.bin"),
        *("classifier.keras", "openvino/classifier.xml", "openvino/classifier.bin"),
        CARD,
    }
)
_FORMATS = (1, 2)
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_LABEL = re.compile(r"[a-z][a-z0-9_]*")
_NOT_KEPT = re.compile(rb"\\u(0000|[dD][89a-fA-F])")
"""NUL and surrogates, which not every database keeps."""
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class BundleFiles:
    """A bundle that somebody sent, as its manifest describes it.

    Attributes:
        name: For instance `paediatric-pneumonia`.
        version: For instance `0.1.0`.
        labels: Names of the label set, in order.
        files: SHA-256 by plain relative path, of every file but the manifest.
        checksum: SHA-256 of the manifest, and so of everything.
        manifest: The whole manifest.
    """

    name: str
    version: str
    labels: tuple[str, ...]
    files: Mapping[str, str]
    checksum: str
    manifest: dict[str, Any]

    @property
    def key(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"


def read_bundle_manifest(raw: bytes) -> BundleFiles:
    """Read a manifest that nobody has looked at yet.

    Raises:
        BundleRejected: It is no manifest of a bundle that this version reads.
    """
    try:
        told = json.loads(raw, parse_constant=_no_number)
        json.dumps(told, allow_nan=False)  # 1e999 is read as infinity
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict) or _NOT_KEPT.search(raw):
        raise BundleRejected("manifest.json is no JSON object that can be kept.")
    if told.get("format") not in _FORMATS:
        raise BundleRejected(
            f"manifest.json is of format {told.get('format')!r:.40}; this version reads "
            f"{' and '.join(map(str, _FORMATS))}."
        )
    name, version = (_plain(told, field) for field in ("name", "version"))
    if len(name) + 1 + len(version) > LONGEST_KEY:
        raise BundleRejected(f"name@version has more than {LONGEST_KEY} characters.")
    checksum = hashlib.sha256(raw).hexdigest()
    return BundleFiles(name, version, _labels(told), _files(told), checksum, told)


def _no_number(name: str) -> None:
    raise ValueError(name)


def _plain(told: Mapping[str, Any], field: str) -> str:
    value = told.get(field)
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise BundleRejected(
            f"The manifest's {field} must be of small letters, digits and `._-`, and begin with "
            "a letter or digit."
        )
    return value


def _labels(told: Mapping[str, Any]) -> tuple[str, ...]:
    labels = told.get("labels")
    names = (
        [label.get("name") if isinstance(label, dict) else None for label in labels]
        if isinstance(labels, list)
        else []
    )
    good = [name for name in names if isinstance(name, str) and _LABEL.fullmatch(name)]
    if not 2 <= len(good) == len(names) == len(set(good)) <= MOST_FILES:
        raise BundleRejected("The manifest must list two or more labels, each with its own name.")
    return tuple(good)


def _files(told: Mapping[str, Any]) -> dict[str, str]:
    files = told.get("files")
    if not isinstance(files, dict) or len(files) > MOST_FILES:
        raise BundleRejected(f"The manifest must list its files, at most {MOST_FILES}.")
    for name, digest in files.items():
        if not _is_inside(name) or not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise BundleRejected("The manifest must give a plain path and a SHA-256 of each file.")
    if missing := sorted(NEEDED - set(files)):
        raise BundleRejected(f"The manifest lists no {missing[0]}, which every bundle has.")
    return dict(files)


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    plain = 0 < len(name) <= 200 and str(path) == name != "." and not path.is_absolute()
    return plain and ".." not in path.parts and name.isprintable() and not set(name) & set("\\:")
