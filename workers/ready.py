"""The file by which a child says that it has loaded its bundle and can read, or why it cannot."""

from __future__ import annotations

import os
from pathlib import Path

from lungline.settings import Settings

SUFFIX = ".ready"
UNUSABLE = ".unusable"


class ReadyFile:
    """`<data folder>/run/<worker id>.ready`, there while a child is ready.

    In its place stands `<worker id>.unusable`, with the reason, when the bundle cannot be loaded or
    the child cannot start at all.
    """

    def __init__(self, settings: Settings, worker_id: str) -> None:
        """Name the file; nothing is written yet."""
        run = settings.data_dir / "run"
        self._path = run / f"{worker_id}{SUFFIX}"
        self._unusable = run / f"{worker_id}{UNUSABLE}"

    def set(self) -> None:
        """Say that this child is ready."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(f"{os.getpid()}\n", encoding="ascii")

    def refuse(self, reason: str) -> None:
        """Say why this child will not be ready."""
        self._unusable.parent.mkdir(parents=True, exist_ok=True)
        self._unusable.write_text(f"{reason}\n", encoding="utf-8")

    def clear(self) -> None:
        """Say that it is not ready, or no more."""
        self._path.unlink(missing_ok=True)
        self._unusable.unlink(missing_ok=True)


def clear_stale(folder: Path, host: str) -> None:
    """Remove what children left behind that were killed together with their parent."""
    for path in folder.glob(f"{host}-*{SUFFIX}"):
        pid = path.read_text(encoding="ascii").strip()
        if not pid.isdigit() or not _alive(int(pid)):
            path.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
