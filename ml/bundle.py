"""A model bundle: a folder that says what it is, and can be checked against what it says.

Layout, format 1::

    manifest.json                  what is described below
    segmenter.keras                U-Net, (n, S, S, 1) grey in 0..1 -> (n, S, S, 1) lung probability
    classifier.keras               CheXNet, (n, C, C, 1) -> logits (n, labels),
                                   activation (n, h, w, labels)
    openvino/segmenter.xml .bin    the same two, exported for the CPU runtime
    openvino/classifier.xml .bin
    MODEL_CARD.md                  for people

`manifest.json` holds `format` (this layout's number), name and version, the label set in its order,
operating thresholds, the calibration temperature, the preprocessing, the SHA-256 of every other
file, and what the figures, data and licence of the bundle are. Nothing in a bundle is unpickled.
"""

import hashlib
import json
import os
from dataclasses import fields
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ml.errors import BundleError
from ml.preprocess import Preprocessing

MANIFEST = "manifest.json"
FORMAT = 1
_NAME = r"^[a-z0-9][a-z0-9._-]*$"
_CHUNK = 1 << 20


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Label(_Frozen):
    """One class of a label set.

    Attributes:
        name: Stable, for programs: `bacterial_pneumonia`.
        display: For people: `Bacterial pneumonia`.
        snomed_ct: SNOMED CT concept id, digits; None where there is none.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    display: str
    snomed_ct: str | None = Field(default=None, pattern=r"^[0-9]{6,18}$")


class Manifest(_Frozen):
    """What a bundle says of itself.

    Attributes:
        format: Number of the folder's layout.
        name: What the bundle reads.
        version: Of the weights and thresholds together.
        labels: In the order of the classifier's outputs.
        thresholds: Calibrated probability from which each label is positive, 0..1.
        temperature: Logits are divided by it before the softmax.
        preprocessing: How films become network inputs.
        files: SHA-256 by relative path, of every file but the manifest.
        metrics: Figures as `evaluate` printed them.
        training: Data, seeds and commands the weights came from.
        licence: Of the weights, with the attribution the data ask for.
    """

    format: Literal[1] = 1
    name: str = Field(pattern=_NAME)
    version: str = Field(pattern=_NAME)
    labels: Annotated[tuple[Label, ...], Field(min_length=2)]
    thresholds: dict[str, Annotated[float, Field(ge=0.0, le=1.0)]]
    temperature: float = Field(gt=0.0)
    preprocessing: Preprocessing
    files: dict[str, Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]]
    metrics: dict[str, Any] = {}
    training: dict[str, Any] = {}
    licence: str = ""

    @field_validator("preprocessing", mode="before")
    @classmethod
    def _known_steps(cls, value: Any) -> Any:
        """A step this code does not know would silently be left out."""
        if isinstance(value, dict):
            unknown = set(value) - {field.name for field in fields(Preprocessing)}
            if unknown:
                raise ValueError(f"unknown preprocessing {sorted(unknown)}")
        return value

    @field_validator("files")
    @classmethod
    def _inside(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if not _is_inside(name):
                raise ValueError(f"{name!r} is no plain path inside the bundle")
        return value

    @model_validator(mode="after")
    def _threshold_for_each_label(self) -> Self:
        names = [label.name for label in self.labels]
        if len(set(names)) != len(names) or set(names) != set(self.thresholds):
            raise ValueError("labels must be unique, each with its threshold")
        return self


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
    def files(self) -> dict[str, str]:
        """SHA-256 by relative path."""
        return self.manifest.files


_FETCH_AGAIN = "Fetch the bundle again (git checkout, or python -m ml publish)."


def write_manifest(path: Path, **described: Any) -> Bundle:
    """Describe the files of a folder and so make it a bundle.

    Args:
        path: The folder, all its files in place; hidden files are left out.
        **described: The attributes of `Manifest`, without `files` and `format`.

    Returns:
        The bundle, loaded and verified.

    Raises:
        BundleError: What is described is malformed.
    """
    try:
        manifest = Manifest(files=_checksums(path), **described)
    except ValidationError as error:
        raise BundleError(f"{path} cannot become a bundle: {_causes(error)}") from None
    draft = path / f".{MANIFEST}.new"
    text = json.dumps(manifest.model_dump(mode="json"), indent=2, ensure_ascii=False)
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
    if found != FORMAT:
        raise BundleError(
            f"{path} has bundle format {found!r}; this version reads format {FORMAT}. "
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


def _is_inside(name: str) -> bool:
    """A relative POSIX path in its one plain spelling, so it can only lead further in."""
    path = PurePosixPath(name)
    plain = name not in ("", ".") and str(path) == name and not path.is_absolute()
    return plain and ".." not in path.parts and not set(name) & set("\\:\0")


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
