"""Gives children damaged files by the thousand, and notes which they died, hung or swelled of."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.fixtures.parts import REPOSITORY
from tests.hostile.child import case_data
from tests.hostile.targets import TARGETS

MOST_SECONDS = 2.0
"""Of processor time, which other programs of the machine do not lengthen."""
MOST_BYTES = 500 << 20
_SILENT_SECONDS = 60.0
"""Without a word for this long a child hangs, whatever the machine does beside it."""


@dataclass(slots=True)
class Chunk:
    """Cases of one target that were run.

    Attributes:
        target: Its name.
        seed: Of the cases.
        first: The number of the first.
        count: How many.
        words: What came of them.
        slowest: Seconds of processor time of the slowest.
        peak: Bytes of the largest process.
        findings: What must not be, in a line each.
    """

    target: str
    seed: int
    first: int
    count: int
    words: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    peak: int = 0
    findings: list[str] = field(default_factory=list)


def run_chunk(target: str, seed: int, first: int, count: int, kept: Path) -> Chunk:
    """Run cases in a child, and in another one from the case on that ended it.

    Args:
        target: A name of `TARGETS`.
        seed: Of the cases.
        first: Number of the first.
        count: How many.
        kept: Where files stay that something was found with.
    """
    chunk = Chunk(target, seed, first, count)
    number = first
    while number < first + count:
        number = _run_child(chunk, number, kept)
    return chunk


def _run_child(chunk: Chunk, number: int, kept: Path) -> int:
    """Run cases until all are done or the child is; return the number of the next case."""
    read_end, write_end = os.pipe()
    left = chunk.first + chunk.count - number
    arguments = (chunk.target, chunk.seed, number, left, write_end)
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.hostile.child", *map(str, arguments)],
        cwd=REPOSITORY,
        pass_fds=[write_end],
        stderr=subprocess.DEVNULL,  # decoders complain of every second file
        env={**os.environ, "OPENCV_LOG_LEVEL": "SILENT"},
    )
    os.close(write_end)
    peak = 0
    try:
        for line in _lines(read_end):
            word, seconds, peak, error = json.loads(line)
            _note(chunk, number, kept, word, seconds, peak, error)
            number += 1
            if peak > MOST_BYTES:
                return number
        if number < chunk.first + chunk.count:
            child.kill()
            how = "hung" if child.wait() == -9 else f"ended with status {child.returncode}"
            _find(chunk, number, kept, f"the process {how}")
            number += 1
    finally:
        child.kill()
        child.wait()
        os.close(read_end)
    return number


def _lines(pipe: int) -> Iterator[bytes]:
    """What the child tells, until it ends or falls silent."""
    rest = b""
    while select.select([pipe], [], [], _SILENT_SECONDS)[0]:
        if not (piece := os.read(pipe, 1 << 16)):
            return
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole


def _note(
    chunk: Chunk, number: int, kept: Path, word: str, seconds: float, peak: int, error: str | None
) -> None:
    chunk.words[word] += 1
    chunk.slowest = max(chunk.slowest, seconds)
    chunk.peak = max(chunk.peak, peak)
    if error is not None:
        _find(chunk, number, kept, error)
    if seconds > MOST_SECONDS:
        _find(chunk, number, kept, f"it took {seconds:.1f} s")
    if peak > MOST_BYTES:
        _find(chunk, number, kept, f"it took {peak >> 20} MB")


def _find(chunk: Chunk, number: int, kept: Path, what: str) -> None:
    """Keep the file of a case that something was found with."""
    kept.mkdir(parents=True, exist_ok=True)
    file = kept / f"{chunk.target}-{chunk.seed}-{number}.bin"
    file.write_bytes(case_data(TARGETS[chunk.target], chunk.seed, number))
    chunk.findings.append(f"{file.name}: {what}")
