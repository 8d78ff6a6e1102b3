"""A worker process and its children: who they are, and who of them holds work right now."""

from __future__ import annotations

import mmap
import os
import socket
import struct
import threading
import time
from types import TracebackType

_CELL = struct.Struct("=i")


class Crew:
    """Names the children of this process, and knows which of them are busy.

    A child is known by its slot, not by its process id: when it dies, the pool puts the
    replacement into the same slot, and whatever is held under the slot's worker id was held by
    the dead one. The board that tells who is busy is memory shared by a fork: one cell for
    "stop", then one for each slot with the id of the process that holds work there, or 0.
    """

    def __init__(self, slots: int) -> None:
        """Make the board; before the fork.

        Args:
            slots: Number of children.
        """
        self.slots = slots
        self.parent = os.getpid()
        self.name = f"{socket.gethostname()}-{self.parent}-{time.time_ns() // 1_000_000:x}"
        self._board = mmap.mmap(-1, _CELL.size * (slots + 1))

    def worker_id(self, slot: int) -> str:
        """The name under which the child in `slot` claims."""
        return f"{self.name}-{slot}"

    @property
    def stopping(self) -> bool:
        """Whether children should finish what they hold and take nothing more."""
        return self._get(0) != 0

    def stop(self) -> None:
        """Tell the children to take nothing more."""
        self._set(0, 1)

    def holder(self, slot: int) -> int:
        """The id of the process that holds work in `slot`, dead or alive; 0 for none."""
        return self._get(slot + 1)

    def busy(self) -> list[int]:
        """The slots in which a process holds work."""
        return [slot for slot in range(self.slots) if self.holder(slot)]

    def clear(self, slot: int) -> None:
        """Forget that a process held work in `slot`."""
        self._set(slot + 1, 0)

    def mark(self, slot: int) -> None:
        """Remember that this process holds work in `slot`."""
        self._set(slot + 1, os.getpid())

    def _get(self, cell: int) -> int:
        value: int = _CELL.unpack_from(self._board, cell * _CELL.size)[0]
        return value

    def _set(self, cell: int, value: int) -> None:
        _CELL.pack_into(self._board, cell * _CELL.size, value)


class Hold:
    """Marks this process as one that holds work while any of its threads is inside.

    A process that is killed leaves its mark.
    """

    def __init__(self, crew: Crew, slot: int) -> None:
        """Mark the slot of a crew."""
        self._crew, self._slot = crew, slot
        self._lock = threading.Lock()
        self._inside = 0

    def __enter__(self) -> None:
        """Mark."""
        with self._lock:
            self._inside += 1
            self._crew.mark(self._slot)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Clear the mark with the last to leave."""
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._crew.clear(self._slot)
