"""Model bundles over HTTP: listed, added, activated, removed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any
from urllib.parse import quote
from zipfile import ZIP_DEFLATED, ZipFile

from lungline.bundle_files import read_bundle_manifest
from lungline.bundles import MANIFEST
from lungline.client.errors import InputUnusable
from lungline.client.transport import Transport
from lungline.errors import BundleRejected

PIECE_BYTES = 1024 * 1024
Model = Mapping[str, Any]


class Models:
    """What a client can ask of model bundles; changes need a key with the scope `admin`."""

    def __init__(self, transport: Transport) -> None:
        """Ask through a connection."""
        self._transport = transport

    def all(self) -> list[Model]:
        """List all that jobs can name."""
        return list(self._transport.get("/v1/models")["items"])

    def get(self, key: str) -> Model:
        """Show one, by `name` or `name@version`, with its figures and its card."""
        return dict(self._transport.get(_path(key)))

    def add(self, path: Path) -> Model:
        """Add a bundle: its folder, or a zip of it.

        Raises:
            InputUnusable: There is no bundle at the path.
        """
        with TemporaryFile() as packed:
            if path.is_dir():
                _pack(path, packed)
            else:
                _copy(path, packed)
            size = packed.tell()

            def body() -> Iterator[bytes]:
                packed.seek(0)
                while piece := packed.read(PIECE_BYTES):
                    yield piece

            headers = {"Content-Type": "application/zip", "Content-Length": str(size)}
            return dict(self._transport.post("/v1/models", body=body, headers=headers))

    def activate(self, key: str, *, default: bool = False) -> Model:
        """Let the name mean this version; with `default`, also jobs that name none get it."""
        return dict(self._transport.post_json(f"{_path(key)}/activate", {"default": default}))

    def remove(self, key: str) -> None:
        """Remove an added bundle, by `name@version`."""
        self._transport.delete(_path(key))


def _path(key: str) -> str:
    return f"/v1/models/{quote(key, safe='@')}"


def _pack(folder: Path, to: IO[bytes]) -> None:
    """Zip what the manifest of a folder names, and nothing else that lies there."""
    try:
        raw = (folder / MANIFEST).read_bytes()
        files = read_bundle_manifest(raw).files
        with ZipFile(to, "w", ZIP_DEFLATED) as archive:
            archive.writestr(MANIFEST, raw)
            for name in files:
                archive.write(folder / name, name)
    except BundleRejected as error:
        raise InputUnusable(f"{folder}: {error.message}") from None
    except OSError as error:
        raise InputUnusable(
            f"{folder} is no model bundle: {error.filename} cannot be read ({error.strerror})"
        ) from None


def _copy(path: Path, to: IO[bytes]) -> None:
    try:
        with path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                to.write(piece)
    except OSError as error:
        raise InputUnusable(f"{path} cannot be read: {error.strerror}") from None
