"""What an embedded stack consists of: the parts, their commands, and the order of stopping."""

from __future__ import annotations

import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from lungline.settings import Settings, environment_of
from lungline.stack.broker import broker_command
from lungline.stack.folders import Folders
from lungline.stack.listener import url_of

BROKER = "broker"
MIGRATE = "migrate"
API = "api"
WORKERS = ("analyze", "expand", "control")
BEAT = "beat"

# First what makes work, then what does it, then what tells of it, last what carries it.
STOP_ORDER: tuple[tuple[str, ...], ...] = ((BEAT,), WORKERS, (API,), (BROKER,))

# A worker's soft shutdown takes 10 s at most (lungline/queueing.py) before it hands films back.
WORKER_GRACE_SECONDS = 15.0
# gunicorn gives uploads under way 20 s (api/gunicorn.py).
API_GRACE_SECONDS = 22.0
GRACE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class PartSpec:
    """How one part runs.

    Attributes:
        name: Also the name of its log file.
        command: The command line; it runs in the checkout.
        grace_seconds: Time between asking it to stop and killing it.
        orphan_signal: What the kernel sends it when the supervisor itself is killed.
        keep: File descriptors that it inherits.
    """

    name: str
    command: tuple[str, ...]
    grace_seconds: float = GRACE_SECONDS
    orphan_signal: signal.Signals = signal.SIGKILL
    keep: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is needed to start a stack.

    Attributes:
        settings: As the parts shall see them.
        checkout: The folder that holds the server's modules.
        folders: The data folder, prepared.
        listener: The API's socket, listening.
    """

    settings: Settings
    checkout: Path
    folders: Folders
    listener: socket.socket

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every part."""
        return {**environment_of(self.settings), "PYTHONUNBUFFERED": "1"}

    @property
    def broker(self) -> PartSpec:
        """Valkey; it writes out its data when it is orphaned."""
        command = broker_command(self.folders)
        return PartSpec(BROKER, command, orphan_signal=signal.SIGTERM)

    @property
    def migrate(self) -> PartSpec:
        """Brings the database's tables up to date, makes the first key if need be, and ends."""
        key = ("--admin-key-file", str(self.folders.admin_key)) if self.settings.keys_needed else ()
        return PartSpec(MIGRATE, _python("storage", "migrate", *key))

    @property
    def api(self) -> PartSpec:
        """Gunicorn on the socket that the supervisor holds."""
        descriptor = self.listener.fileno()
        command = _python(
            "gunicorn", "api.wsgi:app", "-c", "api/gunicorn.py", "--bind", f"fd://{descriptor}"
        )
        return PartSpec(API, command, API_GRACE_SECONDS, keep=(descriptor,))

    @property
    def workers(self) -> tuple[PartSpec, ...]:
        """The Celery workers, one for each queue."""
        return tuple(
            PartSpec(name, _python("workers", name), grace_seconds=WORKER_GRACE_SECONDS)
            for name in WORKERS
        )

    @property
    def beat(self) -> PartSpec:
        """The clock of the sweep."""
        return PartSpec(BEAT, _python("workers", "beat"))


def embedded(settings: Settings, checkout: Path, folders: Folders, listener: socket.socket) -> Plan:
    """Plan a stack that keeps everything in its data folder, whatever else `settings` name."""
    bundles = settings.bundles_dir
    if "bundles_dir" not in settings.model_fields_set:
        bundles = checkout / bundles
    own = {
        "data_dir": folders.data,
        "database_url": "",
        "store": "local",
        "store_dir": None,
        "broker_url": folders.broker_url,
        "url": url_of(listener),
        "api_port": listener.getsockname()[1],
        "bundles_dir": bundles.resolve(),
    }
    return Plan(settings.model_copy(update=own), checkout, folders, listener)


def _python(module: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module, *arguments)
