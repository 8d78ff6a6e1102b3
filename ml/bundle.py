"""A model bundle: a folder that says what it is, and can be checked against what it says.

Layout::

    manifest.json                  what is described below
    segmenter.keras                U-Net, (n, S, S, 1) grey in 0..1 -> (n, S, S, 1) lung probability
    classifier.keras               CheXNet say, (n, C, C, 1) -> logits (n, labels),
                                   features (n, f), activation (n, h, w, labels)
    openvino/segmenter.xml .bin    the same two, exported for the CPU runtime
    openvino/classifier.xml .bin
    gate.npz                       what is no film of the kind trained on (optional)
    MODEL_CARD.md                  for people

`manifest.json` holds `format` (this layout's number), name and version, the label set in its order,
operating thresholds, the calibration temperature, the preprocessing, the SHA-256 of every other
file, and what the figures, data and licence of the bundle are. Format 2 says how the classifier's
picture is made, by one of the recipes of a preparation; in format 1 both networks share one
preprocessing, and the classifier sees the lungs' box. Nothing in a bundle is unpickled.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError

from ml.errors import BundleError
from ml.manifest import FORMATS, Label, Manifest
from ml.preparation.picture import PictureSteps
from ml.preprocess import Preprocessing

MANIFEST = "manifest.json"
_CHUNK = 1 << 20

__all__ = ["FORMATS", "MANIFEST", "Bundle", "Label", "Manifest", "write_manifest"]


class Bundle:
    """A loaded bundle: its folder and its manifest.

    Attributes:
        path: The folder.
        manifest: What it says of itself.
        checksum: SHA-256 over the manifest, and so over every file it names.
    """

    def __init__(self, path: Path, manifest: Manifest, checksum: str) -> None:
        self.path = path
        self.manifest = manifest
        self.checksum = checksum

    @classmethod
    def load(cls, path: Path, verify: bool = True) -> Self:
        """Read a bundle's manifest and check its files.

        Args:
            path: The folder.
            verify: Hash every file; without it their presence alone is checked.

        Raises:
            BundleError: Missing or altered file, unknown format, malformed manifest.
        """
        raw = _read_manifest(path)
        bundle = cls(path, _parse(path, raw), hashlib.sha256(raw).hexdigest())
        for name in bundle.manifest.files:
            bundle._check(name, verify=verify)
        return bundle

    def _check(self, name: str, *, verify: bool) -> None:
        file = self.path / name
        if not file.is_file():
            raise BundleError(f"{file} is missing. {_FETCH_AGAIN}", "bundle_file_missing")
        if verify and _sha256(file) != self.manifest.files[name]:
            raise BundleError(
                f"{file} is not the file its manifest names (SHA-256 differs). {_FETCH_AGAIN}",
                "bundle_file_altered",
            )

    def file(self, name: str) -> Path:
        """Give the path of a file the manifest names.

        Raises:
            BundleError: The manifest does not name it.
        """
        if name not in self.manifest.files:
            raise BundleError(
                f"{self.key} carries no {name}. Export it: python -m ml export --help.",
                "bundle_file_missing",
            )
        return self.path / name

    @property
    def key(self) -> str:
        """`name@version`, as jobs and predictions pin it."""
        return f"{self.name}@{self.version}"

    @property
    def name(self) -> str:
        """What the bundle reads."""
        return self.manifest.name

    @property
    def version(self) -> str:
        """Of weights and thresholds together."""
        return self.manifest.version

    @property
    def labels(self) -> tuple[Label, ...]:
        """The label set, in the order of the classifier's outputs."""
        return self.manifest.labels

    @property
    def thresholds(self) -> dict[str, float]:
        """Operating threshold by label name."""
        return self.manifest.thresholds

    @property
    def temperature(self) -> float:
        """Divides the logits before the softmax."""
        return self.manifest.temperature

    @property
    def preprocessing(self) -> Preprocessing:
        """How films become network inputs."""
        return self.manifest.preprocessing

    @property
    def picture(self) -> PictureSteps | None:
        """How films become the classifier's inputs; None: cropped, by `preprocessing`."""
        return self.manifest.picture

    @property
    def classifier_size(self) -> int:
        """Side of the classifier's input, pixels."""
        picture = self.manifest.picture
        return picture.input_size if picture else self.manifest.preprocessing.classifier_size

    @property
    def files(self) -> dict[str, str]:
        """SHA-256 by relative path."""
        return self.manifest.files


_FETCH_AGAIN = "Fetch the bundle again (git checkout, or python -m ml publish)."


def write_manifest(path: Path, **described: Any) -> Bundle:
    """Describe the files of a folder and so make it a bundle.

    Args:
        path: The folder, all its files in place; hidden files are left out.
        **described: The attributes of `Manifest`, without `files` and `format`, which follows
            from whether there is a `picture`.

    Returns:
        The bundle, loaded and verified.

    Raises:
        BundleError: What is described is malformed.
    """
    try:
        layout = FORMATS[-1] if described.get("picture") else FORMATS[0]
        manifest = Manifest(format=layout, files=_checksums(path), **described)
    except ValidationError as error:
        raise BundleError(f"{path} cannot become a bundle: {_causes(error)}") from None
    draft = path / f".{MANIFEST}.new"
    text = json.dumps(manifest.written(), indent=2, ensure_ascii=False)
    draft.write_text(text + "\n", encoding="utf-8")
    os.replace(draft, path / MANIFEST)
    return Bundle.load(path)


def _checksums(path: Path) -> dict[str, str]:
    names = sorted(
        file.relative_to(path).as_posix()
        for file in path.rglob("*")
        if file.is_file() and not file.name.startswith(".")
    )
    return {name: _sha256(path / name) for name in names if name != MANIFEST}


def _read_manifest(path: Path) -> bytes:
    try:
        return (path / MANIFEST).read_bytes()
    except OSError:
        raise BundleError(
            f"{path} is no bundle: it has no readable {MANIFEST}. Name a folder such as "
            "ml/bundles/paediatric-pneumonia.",
            "bundle_missing",
        ) from None


def _parse(path: Path, raw: bytes) -> Manifest:
    try:
        described = json.loads(raw)
    except (ValueError, RecursionError):
        raise BundleError(f"{path / MANIFEST} is no JSON. {_FETCH_AGAIN}") from None
    found = described.get("format") if isinstance(described, dict) else None
    if found not in FORMATS:
        raise BundleError(
            f"{path} has bundle format {found!r}; this version reads formats "
            f"{' and '.join(map(str, FORMATS))}. "
            "Upgrade Lungline, or publish the bundle again.",
            "bundle_format_unknown",
        )
    try:
        return Manifest.model_validate(described)
    except ValidationError as error:
        raise BundleError(f"{path / MANIFEST} is malformed: {_causes(error)}") from None


def _causes(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, item['loc'])) or 'manifest'}: {item['msg']}"
        for item in error.errors(include_url=False)
    )


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
