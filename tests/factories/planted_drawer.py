"""`python -m tests.factories.planted_drawer`: a process that draws, with faults films ask for."""

from __future__ import annotations

import os
import sys
import time

from storage.results.drawing.drawer import run
from storage.results.render.draw import draw
from storage.results.render.order import Order

COMMAND = (sys.executable, "-m", "tests.factories.planted_drawer")
HANGS, DIES, SWELLS, CRASHES, BABBLES = b"hangs", b"dies", b"swells", b"crashes", b"babbles"
TELLS_ENVIRONMENT = b"environment"
_MORE_THAN_MAY_BE = 1 << 40


def planted(order: Order, film: bytes, mask: bytes = b"") -> bytes:
    """Draw, or do what the film says."""
    if film == HANGS:
        time.sleep(600)
    if film.endswith(DIES):
        os._exit(7)
    if film == SWELLS:
        return bytes(_MORE_THAN_MAY_BE)
    if film == CRASHES:
        raise KeyError("a mistake of our own")
    if film == BABBLES:
        os.write(0, b"\xff" * 64)  # a length of 2^64 - 1
        time.sleep(600)
    if film == TELLS_ENVIRONMENT:
        return "\n".join(f"{name}={value}" for name, value in os.environ.items()).encode()
    return draw(order, film, mask)


if __name__ == "__main__":
    run(planted, seconds=float(sys.argv[1]), memory=int(sys.argv[2]))
