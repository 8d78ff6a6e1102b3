"""Points at which a process of the stack strikes: kills, stops or hurts itself, once.

A strike is a file. A process that comes to its point and can remove the file carries it out: so
however many processes come there, one of them does, and a process that is started anew does not.
"""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import psutil

POINTS = ("before claim", "after claim", "in inference", "after artifacts", "after commit")
"""Of a worker that reads films, in their order; after the commit the permit is not acknowledged."""

ENQUEUE = "before enqueue"
"""Of the API, after its commit."""

STRUCK = "struck"
"""The process that struck last."""

DEADLY, STORE, CLOCK = "deadly.json", "store.json", "clock.json"
"""Files that say as long as they stand what goes wrong: films by SHA-256, the store's mode, and the
clock's seconds."""


def arm(folder: Path, point: str, **how: Any) -> None:
    """Let the next process that comes to a point strike."""
    side = folder / ".armed"
    side.write_text(json.dumps(how))
    side.rename(_file(folder, point))


def set_mode(folder: Path, name: str, **mode: str) -> None:
    """Let something go wrong from now on; with no mode, go well again."""
    side = folder / f".{name}"
    side.write_text(json.dumps(mode))
    side.rename(folder / name)


def read_mode(folder: Path, name: str) -> dict[str, str]:
    """What goes wrong now."""
    file = folder / name
    return json.loads(file.read_text()) if file.exists() else {}


def armed(folder: Path, point: str) -> bool:
    """Whether nobody has struck yet."""
    return _file(folder, point).exists()


def disarm(folder: Path) -> list[str]:
    """Take back the strikes that nobody carried out; give their names."""
    left = [file for file in folder.glob("strike-*") if not file.suffix]
    for file in left:
        file.unlink()
    return [file.name for file in left]


def pass_point(folder: Path, point: str) -> None:
    """Strike, if this process is the one."""
    file = _file(folder, point)
    if not file.exists():
        return
    mine = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        file.rename(mine)
    except FileNotFoundError:  # another process was quicker
        return
    how = json.loads(mine.read_text())
    (folder / STRUCK).write_text(str(os.getpid()))
    number = signal.Signals[how.get("signal", "SIGKILL")]
    for pid in [*(_family() if how.get("whole") else ()), os.getpid()]:
        os.kill(pid, number)


def _family() -> list[int]:
    """The parent of this process, and its other children: none of them does another thing."""
    parent = psutil.Process(os.getppid())
    return [parent.pid, *(child.pid for child in parent.children() if child.pid != os.getpid())]


def _file(folder: Path, point: str) -> Path:
    return folder / f"strike-{point.replace(' ', '-')}"
