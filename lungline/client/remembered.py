"""Uploads that were broken off, remembered on this machine: ids and digests, never a name."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

_FOLDER = "uploads"


@dataclass(frozen=True, slots=True)
class Memory:
    """An upload under way.

    Attributes:
        upload_id: The service's id of it.
        secret: Makes the idempotency key of its job, so that a command that was killed between
            the job and its answer makes no second one.
    """

    upload_id: str
    secret: str


class Remembered:
    """A small file for each upload under way."""

    def __init__(self, folder: Path | None) -> None:
        """Keep them below `folder`; None: remember nothing."""
        self._folder = folder and folder / _FOLDER

    def recall(self, url: str, identity: str) -> Memory | None:
        """Find what was kept; None when there is nothing, or it cannot be read."""
        path = self._path(url, identity)
        if path is None:
            return None
        try:
            return Memory(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def keep(self, url: str, identity: str, upload_id: str) -> Memory:
        """Remember an upload until it is a job; where that fails it cannot be resumed."""
        memory = Memory(upload_id, uuid.uuid4().hex)
        path = self._path(url, identity)
        if path is not None:
            with suppress(OSError):
                _write(path, json.dumps(asdict(memory)))
        return memory

    def forget(self, url: str, identity: str) -> None:
        """Forget it."""
        path = self._path(url, identity)
        if path is not None:
            with suppress(OSError):
                path.unlink()

    def _path(self, url: str, identity: str) -> Path | None:
        digest = hashlib.sha256(f"{url}\n{identity}".encode()).hexdigest()
        return self._folder and self._folder / f"{digest}.json"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w") as file:
            file.write(text)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
