"""The process that takes damaged files, and may die of one: `python -m tests.hostile.child`."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import traceback
from pathlib import Path
from random import Random

from tests.hostile.mutation import mutate
from tests.hostile.targets import TARGETS, Target

_MOST_ADDRESS_SPACE = 8 << 30
"""So that a case out of all bounds ends this process and not the machine."""


def case_data(target: Target, seed: int, number: int) -> bytes:
    """The file of a case: the same for the same target, seed and number."""
    random = Random(f"{seed}/{target.name}/{number}")
    corpus = target.corpus()
    return target.mend(random, mutate(random, random.choice(corpus), random.choice(corpus)))


def main(name: str, seed: int, first: int, count: int, pipe: int) -> None:
    """Take cases, and tell of each one what came of it.

    A line a case, JSON: its word, seconds of processor time, the process's peak of memory in
    bytes, and the trace of an error that should not have left.
    """
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_ADDRESS_SPACE, _MOST_ADDRESS_SPACE))
    target = TARGETS[name]
    target.corpus()
    with os.fdopen(pipe, "w", buffering=1) as told:
        for number in range(first, first + count):
            data, error = case_data(target, seed, number), None
            began = time.process_time()
            try:
                word = target.take(data)
            except Exception:
                word, error = "error", traceback.format_exc()
            seconds = time.process_time() - began
            peak = _peak_bytes()
            told.write(json.dumps([word, seconds, peak, error]) + "\n")


def _peak_bytes() -> int:
    """The most memory that this program had; `getrusage` would count what its parent had too."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
