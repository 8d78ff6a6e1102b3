"""The data folder of an embedded stack, and the socket of its broker."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

# A Unix socket's path has 108 bytes on Linux and 104 on macOS, its closing zero included.
LONGEST_SOCKET_PATH = 100
SOCKET = "broker.sock"


@dataclass(slots=True)
class Folders:
    """What lies where below `data`.

    Attributes:
        data: The data folder, absolute: database, objects, and the folders below.
        broker: The broker's append-only file.
        logs: One log file a part.
        run: What is true only while the stack runs: sockets, ready files.
    """

    data: Path
    _short: Path | None = field(default=None, init=False)

    @property
    def broker(self) -> Path:  # noqa: D102  # described above
        return self.data / "broker"

    @property
    def logs(self) -> Path:  # noqa: D102
        return self.data / "logs"

    @property
    def run(self) -> Path:  # noqa: D102
        return self.data / "run"

    @property
    def socket(self) -> Path:
        """The broker's socket: in `run`, or in a short temporary folder when that is too deep.

        Raises:
            RuntimeError: It is too deep, and `prepare` has not made the other folder yet.
        """
        if self._short is None and _too_long(self.run / SOCKET):
            raise RuntimeError("prepare the folders before asking for their socket")
        return (self._short or self.run) / SOCKET

    @property
    def broker_url(self) -> str:
        """The broker's URL for Celery."""
        return f"redis+socket://{quote(str(self.socket))}?virtual_host=0"

    @property
    def admin_key(self) -> Path:
        """The first API key, made when keys are needed and there is none."""
        return self.data / "admin.key"

    def prepare(self) -> None:
        """Make the folders, readable by their owner only, and forget the run before."""
        shutil.rmtree(self.run, ignore_errors=True)
        for folder in (self.data, self.broker, self.logs, self.run):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _too_long(self.run / SOCKET):
            # TMPDIR may be deep as well.
            shortest = min(tempfile.gettempdir(), "/tmp", key=len)  # noqa: S108
            self._short = Path(tempfile.mkdtemp(prefix="lungline-", dir=shortest))

    def set_broker_aside(self) -> Path:
        """Begin with an empty broker; return where the data that it had are now."""
        aside = self.data / f"broker.damaged-{time.time_ns()}"
        self.broker.rename(aside)
        self.broker.mkdir(mode=0o700)
        return aside

    def tidy(self) -> None:
        """Remove what was true only while the stack ran."""
        shutil.rmtree(self.run, ignore_errors=True)
        if self._short is not None:
            shutil.rmtree(self._short, ignore_errors=True)
            self._short = None


def _too_long(socket: Path) -> bool:
    return len(os.fsencode(socket)) > LONGEST_SOCKET_PATH
