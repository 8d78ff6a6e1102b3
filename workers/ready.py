"""The file by which a child says that it has loaded its bundle and can read."""

from __future__ import annotations

import os
from pathlib import Path

from lungline.settings import Settings

SUFFIX = ".ready"


class ReadyFile:
    """`<data folder>/run/<worker id>.ready`, there while a child is ready."""

    def __init__(self, settings: Settings, worker_id: str) -> None:
        """Name the file; nothing is written yet."""
        self._path = settings.data_dir / "run" / f"{worker_id}{SUFFIX}"

    def set(self) -> None:
        """Say that this child is ready."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(f"{os.getpid()}\n", encoding="ascii")

    def clear(self) -> None:
        """Say that it is not, or no more."""
        self._path.unlink(missing_ok=True)


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
