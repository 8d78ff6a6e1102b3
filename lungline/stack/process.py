"""A child process that cannot outlive its parent, and that ends with all its own children."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, cast

PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Process:
    """One running process in a session of its own, its output in a pipe.

    A session of its own keeps the terminal's Ctrl-C away (the supervisor stops its parts in
    order) and makes the process the leader of a group that holds all its children.
    On Linux the kernel sends `orphan_signal` when the thread that started the process is gone,
    so start it from a thread that lives as long as the supervisor.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        orphan_signal: signal.Signals,
        keep: Sequence[int] = (),
    ) -> None:
        """Start `command` in `folder`; `keep` are file descriptors that it inherits."""
        self._popen = subprocess.Popen(  # noqa: S603  # our own commands only
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=tuple(keep),
            preexec_fn=_die_with_parent(orphan_signal),  # see there
        )
        self._group_ended = False

    @property
    def pid(self) -> int:
        """The process id, which is also the id of its group."""
        return self._popen.pid

    @property
    def output(self) -> BinaryIO:
        """What the process and its children print, both streams."""
        return cast(BinaryIO, self._popen.stdout)

    def exit_code(self) -> int | None:
        """Return the exit code (negative: the signal that ended it), None while it runs.

        Children that it left behind are killed with it.
        """
        code = self._popen.poll()
        if code is not None and not self._group_ended:
            self._group_ended = True
            self._signal_group(signal.SIGKILL)
        return code

    def terminate(self) -> None:
        """Ask the process to end in its own time."""
        self._popen.terminate()

    def kill(self) -> None:
        """End the process and all its children now."""
        if self._popen.poll() is None:
            self._signal_group(signal.SIGKILL)
        self._popen.wait()
        self.exit_code()

    def _signal_group(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return  # nobody is left
        except PermissionError:
            return  # macOS answers so when only zombies are left


def _die_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """Make the function that a new process runs before its program.

    It runs between fork and exec, where other threads' locks may be held for ever: so all it
    needs is looked up before, and it calls two system calls and nothing else.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def ask_kernel() -> None:
        prctl(PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:  # it died in between
            os._exit(1)

    return ask_kernel
