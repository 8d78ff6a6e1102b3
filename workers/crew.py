"""A worker process and its children: who they are, and who of them holds work right now."""

from __future__ import annotations

import mmap
import os
import socket
import struct
import threading
import time
from collections.abc import Callable
from types import TracebackType

_CELL = struct.Struct("=i")
_STOP, _PARENT_BEATS, _OF_ALL = range(3)  # cells of the crew; behind them those of each slot
_PID, _HOLDER, _BEATS, _TAKEN, _FAILURES, _OF_SLOT = range(6)
_MOST = 0x7FFFFFFF


class Crew:
    """Names the children of this process, and knows which of them are busy.

    A child is known by its slot, not by its process id: when it dies, the pool puts the
    replacement into the same slot, and whatever is held under the slot's worker id was held by
    the dead one. The board that tells who is busy is memory shared by a fork: one cell for
    "stop", then one for each slot with the id of the process that holds work there, or 0.

    Beside that it has counts by which each sees that the others move (`workers.watch`): beats of
    the parent and of each child, and the permits that each child took. They only ever grow, from 1
    on; 0 says that nothing is known yet.
    """

    def __init__(self, slots: int, tell: Callable[[], object] = lambda: None) -> None:
        """Make the board; before the fork.

        Args:
            slots: Number of children.
            tell: Called with each beat of the parent or a child, for who watches from outside.
        """
        self.slots = slots
        self._tell = tell
        self.parent = os.getpid()
        self.name = f"{socket.gethostname()}-{self.parent}-{time.time_ns() // 1_000_000:x}"
        self._board = mmap.mmap(-1, _CELL.size * (_OF_ALL + _OF_SLOT * slots))

    def worker_id(self, slot: int) -> str:
        """The name under which the child in `slot` claims."""
        return f"{self.name}-{slot}"

    @property
    def stopping(self) -> bool:
        """Whether children should finish what they hold and take nothing more."""
        return self._get(_STOP) != 0

    def stop(self) -> None:
        """Tell the children to take nothing more."""
        self._set(_STOP, 1)

    def holder(self, slot: int) -> int:
        """The id of the process that holds work in `slot`, dead or alive; 0 for none."""
        return self._get(_cell(slot, _HOLDER))

    def busy(self) -> list[int]:
        """The slots in which a process holds work."""
        return [slot for slot in range(self.slots) if self.holder(slot)]

    def clear(self, slot: int) -> None:
        """Forget that a process held work in `slot`."""
        self._set(_cell(slot, _HOLDER), 0)

    def mark(self, slot: int) -> None:
        """Remember that this process holds work in `slot`."""
        self._set(_cell(slot, _HOLDER), os.getpid())

    def beat(self, slot: int | None = None) -> None:
        """Say that the child in `slot` moves, or, for None, that the parent does."""
        self._grow(_PARENT_BEATS if slot is None else _cell(slot, _BEATS))
        self._tell()

    def beats(self, slot: int | None = None) -> int:
        """How often the child in `slot`, or the parent, has said that it moves."""
        return self._get(_PARENT_BEATS if slot is None else _cell(slot, _BEATS))

    def arrive(self, slot: int) -> None:
        """Say that this process is now the child in `slot`; it does not beat yet."""
        self._set(_cell(slot, _BEATS), 0)
        self._set(_cell(slot, _PID), os.getpid())

    def child(self, slot: int) -> int:
        """The process id of the child in `slot`, dead or alive; 0 for none."""
        return self._get(_cell(slot, _PID))

    def forget_beats(self, slot: int) -> None:
        """Expect no beat of the child in `slot`: it is being ended."""
        self._set(_cell(slot, _BEATS), 0)

    def take(self, slot: int) -> None:
        """Count a permit that reached the child in `slot`."""
        self._grow(_cell(slot, _TAKEN))

    def taken(self, slot: int) -> int:
        """How many permits have reached the children in `slot`."""
        return self._get(_cell(slot, _TAKEN))

    def fail(self, slot: int) -> int:
        """Count a child in `slot` that could not start; return how many failed in a row."""
        self._grow(_cell(slot, _FAILURES))
        return self.failures(slot)

    def failures(self, slot: int) -> int:
        """How many children in `slot` in a row could not start."""
        return self._get(_cell(slot, _FAILURES))

    def forget_failures(self, slot: int) -> None:
        """Say that a child in `slot` has started."""
        self._set(_cell(slot, _FAILURES), 0)

    def _grow(self, cell: int) -> None:
        self._set(cell, self._get(cell) % _MOST + 1)

    def _get(self, cell: int) -> int:
        value: int = _CELL.unpack_from(self._board, cell * _CELL.size)[0]
        return value

    def _set(self, cell: int, value: int) -> None:
        _CELL.pack_into(self._board, cell * _CELL.size, value)


def _cell(slot: int, which: int) -> int:
    return _OF_ALL + _OF_SLOT * slot + which


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
