"""Bundles: what is written is what is loaded, and nothing that was altered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ml.bundle import MANIFEST, Bundle, Label, write_manifest
from ml.errors import BundleError
from ml.preprocess import Preprocessing

LABELS = (
    Label(name="normal", display="Normal", snomed_ct="17621005"),
    Label(name="pneumonia", display="Pneumonia"),
)
DESCRIBED: dict[str, Any] = {
    "name": "some-bundle",
    "version": "1.2",
    "labels": LABELS,
    "thresholds": {"normal": 0.5, "pneumonia": 0.25},
    "temperature": 1.5,
    "preprocessing": Preprocessing(clahe_clip=3.5),
    "metrics": {"auc": 0.97},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "openvino").mkdir()
    (tmp_path / "segmenter.keras").write_bytes(b"segmenter")
    (tmp_path / "openvino" / "segmenter.xml").write_bytes(b"<net/>")
    (tmp_path / ".DS_Store").write_bytes(b"not ours")
    return tmp_path


def changed(folder: Path, **values: Any) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | values))


def error_of(folder: Path) -> BundleError:
    with pytest.raises(BundleError) as caught:
        Bundle.load(folder)
    return caught.value


def test_what_is_written_is_loaded(folder: Path) -> None:
    written = write_manifest(folder, **DESCRIBED)
    bundle = Bundle.load(folder)
    assert bundle.key == "some-bundle@1.2"
    assert bundle.labels == LABELS
    assert bundle.thresholds == {"normal": 0.5, "pneumonia": 0.25}
    assert bundle.temperature == 1.5
    assert bundle.preprocessing == Preprocessing(clahe_clip=3.5)
    assert bundle.manifest.metrics == {"auc": 0.97}
    assert set(bundle.files) == {"segmenter.keras", "openvino/segmenter.xml"}
    assert bundle.checksum == written.checksum
    assert bundle.file("segmenter.keras").read_bytes() == b"segmenter"


def test_writing_again_changes_nothing(folder: Path) -> None:
    first = write_manifest(folder, **DESCRIBED)
    assert write_manifest(folder, **DESCRIBED).checksum == first.checksum


def test_an_altered_file_is_found(folder: Path) -> None:
    write_manifest(folder, **DESCRIBED)
    (folder / "segmenter.keras").write_bytes(b"Segmenter")
    error = error_of(folder)
    assert error.code == "bundle_file_altered"
    assert "segmenter.keras" in error.message
    assert Bundle.load(folder, verify=False).name == "some-bundle"


def test_a_missing_file_is_found_even_unverified(folder: Path) -> None:
    write_manifest(folder, **DESCRIBED)
    (folder / "openvino" / "segmenter.xml").unlink()
    with pytest.raises(BundleError, match=r"segmenter\.xml is missing"):
        Bundle.load(folder, verify=False)


def test_a_folder_without_manifest_is_no_bundle(folder: Path) -> None:
    assert error_of(folder).code == "bundle_missing"
    assert error_of(folder / "nowhere").code == "bundle_missing"


@pytest.mark.parametrize("number", [0, 3, "1", None, [1]])
def test_an_unknown_format_is_refused(folder: Path, number: Any) -> None:
    write_manifest(folder, **DESCRIBED)
    changed(folder, format=number)
    error = error_of(folder)
    assert error.code == "bundle_format_unknown"
    assert "reads formats 1 and 2" in error.message


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"format": 1}', "\ufeff{}", '{"format": NaN}', "[" * 100_000]
)
def test_a_malformed_manifest_is_refused(folder: Path, text: str) -> None:
    (folder / MANIFEST).write_text(text)
    assert error_of(folder).code in ("bundle_invalid", "bundle_format_unknown")


@pytest.mark.parametrize(
    "name",
    [
        "../secret",
        "/etc/passwd",
        "a/../../b",
        "a//b",
        "./a",
        "a/",
        "",
        ".",
        "..",
        "a\\..\\b",
        "c:x",
        "a\0b",
    ],
)
def test_a_file_outside_the_bundle_cannot_be_named(folder: Path, name: str) -> None:
    write_manifest(folder, **DESCRIBED)
    changed(folder, files={name: "0" * 64})
    assert "no plain path" in error_of(folder).message


@pytest.mark.parametrize(
    "values",
    [
        {"surprise": 1},
        {"temperature": 0},
        {"thresholds": {"normal": 0.5}},
        {"thresholds": {"normal": 0.5, "pneumonia": 1.5}},
        {"labels": [{"name": "normal", "display": "Normal"}] * 2},
        {"labels": []},
        {"name": "No Spaces"},
        {"files": {"segmenter.keras": "abc"}},
        {"preprocessing": {"clahe_clip": 2.0, "unknown_step": True}},
    ],
)
def test_a_manifest_that_does_not_add_up_is_refused(folder: Path, values: dict[str, Any]) -> None:
    write_manifest(folder, **DESCRIBED)
    changed(folder, **values)
    assert error_of(folder).code == "bundle_invalid"


def test_what_cannot_be_loaded_is_not_written(folder: Path) -> None:
    with pytest.raises(BundleError, match="temperature"):
        write_manifest(folder, **(DESCRIBED | {"temperature": -1.0}))
    assert not (folder / MANIFEST).exists()


def test_a_file_the_manifest_does_not_name_is_not_given(folder: Path) -> None:
    bundle = write_manifest(folder, **DESCRIBED)
    with pytest.raises(BundleError, match="carries no classifier"):
        bundle.file("classifier.keras")
