"""Peak memory: of a process tree by the role of each process, or of this process by itself."""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

MIB = 1024 * 1024
ROLES = ("valkey", "gunicorn", "analyze", "expand", "control", "beat")


class PeakMemory:
    """Samples the resident memory of this process's descendants every 0.2 s.

    Attributes:
        peak_mb: Largest sum seen for each role, in MiB.
    """

    def __init__(self) -> None:
        """Watch the tree below this process."""
        self.peak_mb: dict[str, float] = {}
        self._root = psutil.Process()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        """Start sampling."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop sampling."""
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.2):
            for role, size in self._sample().items():
                self.peak_mb[role] = max(size, self.peak_mb.get(role, 0.0))

    def _sample(self) -> dict[str, float]:
        sizes: defaultdict[str, float] = defaultdict(float)
        for process in self._root.children(recursive=True):
            try:
                line = " ".join(process.cmdline())
                size = process.memory_info().rss / MIB
            except psutil.NoSuchProcess:  # it ended between listing and looking
                continue
            sizes[_role(line)] += size
        return {role: round(size, 1) for role, size in sizes.items()}


class OwnPeak:
    """The peak of this process from now on, above what it holds now."""

    def __init__(self) -> None:
        """Let the system forget the peak so far."""
        Path("/proc/self/clear_refs").write_text("5")
        self._idle = _status("VmRSS")

    def growth_mb(self) -> float:
        """By how much it has grown at its peak, in MiB."""
        return (_status("VmHWM") - self._idle) / MIB


def _status(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    if found is None:
        raise RuntimeError(f"the system does not tell {name}")
    return int(found[1]) * 1024


def _role(command_line: str) -> str:
    return next((role for role in ROLES if role in command_line), "other")
