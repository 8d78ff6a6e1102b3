"""A stack whose parts are tiny scripts, to try the supervisor itself within a second or two."""

from __future__ import annotations

import signal
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path

from lungline.settings import Settings
from lungline.stack.folders import Folders
from lungline.stack.listener import open_listener, url_of
from lungline.stack.plan import BEAT, WORKERS, PartSpec, Plan

# Answers every request as the API's /readyz does, on the socket that it inherited.
API = """
import socket, sys
listener = socket.socket(fileno=int(sys.argv[1]))
listener.setblocking(True)
while True:
    connection, _ = listener.accept()
    connection.recv(4096)
    body = b'{"status": "ready", "parts": {"broker": "ok"}}'
    head = b"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body)
    connection.sendall(head + body)
    connection.close()
"""
DEGRADED_API = API.replace('"ready"', '"degraded"').replace('"ok"', '"down"')

# Says that it has loaded, starts a child as prefork does, and appends its name when told to stop.
WORKER = """
import os, pathlib, signal, subprocess, sys, time
name, run, order = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
def stop(*_):
    with open(order, "a") as file: file.write(name + "\\n")
    child.kill(); child.wait(); sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("loaded", name, flush=True)
if name == "analyze": (run / "1.ready").touch()
while True: time.sleep(1)
"""

# A child of it says why it cannot read; the worker itself stays.
REFUSING = """
import pathlib, sys, time
(pathlib.Path(sys.argv[2]) / "1.unusable").write_text("the bundle is damaged\\n")
time.sleep(600)
"""

# Says when it begins to be stubborn.
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("stubborn", flush=True)
time.sleep(600)
"""


@dataclass(frozen=True, slots=True)
class TinyPlan(Plan):
    """The plan of a stack with a real broker and scripts for everything else.

    Attributes:
        scripts: Other scripts, by part.
        grace_seconds: Of every part.
    """

    scripts: dict[str, str] = field(default_factory=dict)
    grace_seconds: float = 5.0

    @property
    def environment(self) -> dict[str, str]:
        return {}

    @property
    def migrate(self) -> PartSpec:
        return self._spec("migrate", "pass")

    @property
    def api(self) -> PartSpec:
        descriptor = self.listener.fileno()
        return self._spec("api", API, str(descriptor), keep=(descriptor,))

    @property
    def workers(self) -> tuple[PartSpec, ...]:
        return tuple(self._worker(name) for name in WORKERS)

    @property
    def beat(self) -> PartSpec:
        return self._worker(BEAT)

    @property
    def stop_order(self) -> list[str]:
        return (self.folders.data / "order").read_text().split()

    def _worker(self, name: str) -> PartSpec:
        run, order = str(self.folders.run), str(self.folders.data / "order")
        return self._spec(name, WORKER, name, run, order)

    def _spec(
        self, name: str, script: str, *arguments: str, keep: tuple[int, ...] = ()
    ) -> PartSpec:
        script = self.scripts.get(name, script)
        command = (sys.executable, "-S", "-c", script, *arguments)
        return PartSpec(name, command, self.grace_seconds, signal.SIGKILL, keep)


def tiny_plan(data: Path, scripts: dict[str, str] | None = None, **options: float) -> TinyPlan:
    """Make a plan in the folder `data`, with a free port and one reader."""
    folders = Folders(data)
    folders.prepare()
    listener: socket.socket = open_listener("127.0.0.1", 0)
    settings = Settings(data_dir=data, url=url_of(listener), worker_processes=1)
    return TinyPlan(settings, data, folders, listener, scripts or {}, **options)
