"""Model bundles that were added while the service ran: fetched from the store, kept on disk."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lungline.bundle_files import read_bundle_manifest
from lungline.bundles import MANIFEST
from lungline.errors import BundleRejected, ObjectNotFound
from lungline.telemetry import get_logger
from storage.bundles import Bundles, StoredBundle, object_key
from storage.objects import ObjectStore
from workers.analyzers import BundleUnusable, fetched_folder
from workers.parts import Parts

log = get_logger(__name__)

CHUNK = 8 * 1024 * 1024


def fetch_bundle(parts: Parts, key: str) -> Path:
    """Fetch an added bundle, unless it is here, and give its folder.

    Each file is verified while it comes; the folder is there whole or not at all.

    Raises:
        BundleUnusable: There is no such bundle, or the store has other bytes than were added.
        PartUnavailable: The store or the database failed.
    """
    root = fetched_folder(parts.settings)
    stored = Bundles(parts.repository.database, parts.settings).stored(key)
    if stored is None:
        raise BundleUnusable(f"There is no model bundle {key!r}; it may have been removed.")
    root.mkdir(parents=True, exist_ok=True)
    place = root / key
    with _alone(root):
        if not _is(place, stored):
            shutil.rmtree(place, ignore_errors=True)
            _tidy(parts, root)
            draft = root / f".{key}.part"
            shutil.rmtree(draft, ignore_errors=True)
            try:
                _download(parts.store, stored, draft)
                os.rename(draft, place)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
            log.info("bundle fetched", bundle=key, bytes=stored.size)
    return place


def _download(store: ObjectStore, stored: StoredBundle, folder: Path) -> None:
    manifest = folder / MANIFEST
    _copy(store, stored.checksum, stored.checksum, manifest)
    try:
        files = read_bundle_manifest(manifest.read_bytes()).files
    except BundleRejected as error:
        raise BundleUnusable(error.message) from error
    for name, digest in files.items():
        _copy(store, stored.checksum, digest, folder / name)


def _copy(store: ObjectStore, checksum: str, digest: str, to: Path) -> None:
    """Copy an object in pieces, and make sure that it is what was added."""
    to.parent.mkdir(parents=True, exist_ok=True)
    found, start, key = hashlib.sha256(), 0, object_key(checksum, digest)
    try:
        with to.open("wb") as file:
            while piece := store.get_range(key, start, CHUNK):
                found.update(piece)
                file.write(piece)
                start += len(piece)
    except ObjectNotFound:
        raise BundleUnusable("A file of the model bundle is gone from the store.") from None
    if found.hexdigest() != digest:
        raise BundleUnusable("The store has other bytes of the model bundle than were added.")


def _is(place: Path, stored: StoredBundle) -> bool:
    """Whether a folder is that bundle: its loading verifies the files against the manifest."""
    manifest = place / MANIFEST
    return (
        manifest.is_file() and hashlib.sha256(manifest.read_bytes()).hexdigest() == stored.checksum
    )


def _tidy(parts: Parts, root: Path) -> None:
    """Let go of folders whose bundles were removed."""
    bundles = Bundles(parts.repository.database, parts.settings)
    for place in root.iterdir():
        if place.is_dir() and not place.name.startswith(".") and bundles.stored(place.name) is None:
            shutil.rmtree(place, ignore_errors=True)


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Let one process of this machine fetch at a time; the others find what it fetched."""
    with (root / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
